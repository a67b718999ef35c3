"""A VM's SPICE agent, as it is asked for by keywords: what is said where there is none."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any, cast

import pytest
from tests.spice.server import spice_server

from ATPLibrary.errors import HostError
from ATPLibrary.orchestrator.spice_desktop import agent_talk
from ATPLibrary.protocol.spice.client import speaking
from ATPLibrary.protocol.spice.errors import SpiceAgentError

pytestmark = pytest.mark.unit


@pytest.mark.parametrize(
    ("channels", "told"),
    [
        ([], r"^VM 'win11' should have a SPICE agent but has no channel com\.redhat\.spice\.0 for one"),
        (["com.redhat.spice.0"], r"^The SPICE agent \(.*\) should be connected"),
        (HostError("The host has gone."), r"^The SPICE agent \(.*\) should be connected"),
    ],
)
async def test_a_vm_that_has_no_port_for_an_agent_is_told_as_that(channels: list[str] | HostError, told: str) -> None:
    async def description(timeout: float) -> Any:
        if isinstance(channels, HostError):
            raise channels
        return SimpleNamespace(channels=dict.fromkeys(channels))

    async with spice_server() as server:
        connection = server.connection()
        await connection.connect_main_channel(5)
        sessions = SimpleNamespace(speaking=lambda machine, type, id: speaking(connection.channels[type, id]))
        machine = SimpleNamespace(name="win11", domain=SimpleNamespace(description=description))
        with pytest.raises(SpiceAgentError, match=told):
            await agent_talk(cast("Any", SimpleNamespace(spice_sessions=sessions)), cast("Any", machine), 0.1)
        await connection.close()
