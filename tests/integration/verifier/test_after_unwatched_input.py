"""Input that nobody watched may arrive late: the verified input after it isn't blamed for it."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from ATPLibrary.config import Config
from ATPLibrary.orchestrator import Machine

from .faulty_guest import FaultyGuest

pytestmark = pytest.mark.integration


class DescribedDomain:
    """As much of a VM as typing asks libvirt for."""

    name = "faulty"

    async def description(self, timeout: float, refresh: bool = False) -> Any:
        return self

    keyboards = ("ps2",)


async def test_a_key_that_was_typed_unwatched_and_comes_late_is_not_the_next_inputs(tmp_path: Path) -> None:
    async with FaultyGuest(tmp_path) as guest:
        session = guest.session()
        await session.start(5)
        domain: Any = DescribedDomain()
        machine = Machine(domain, Config(), guest.events)
        machine._qmp.value, machine._agent.value = guest.qmp, session
        try:
            guest.edge_seconds = 0.05  # busy: the unwatched engine is done before its keys have arrived
            await (await machine.typing(5, verified=False)).type_text("x")
            report = await (await machine.typing(5)).press("ctrl+c")
        finally:
            await session.close()
        report.raise_if_bad(must_be_verified=True)
        assert report.verified
