"""Desktops that keywords make: remembered for their removal, started and connected where that is wanted."""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Coroutine, Iterator
from datetime import timedelta
from typing import TYPE_CHECKING, Any

from ATPLibrary.keywords.platform.base import PlatformComponent

if TYPE_CHECKING:
    from ATPLibrary.orchestrator.creations import ClosingLevel, Creation
    from ATPLibrary.vdi import VdiClient, Vm

# What these are called where they are remembered and removed.
DESKTOP, MODEL = "desktop", "model"


class MadeDesktops(PlatformComponent):
    """The base of keywords that make desktops."""

    @contextlib.contextmanager
    def making_desktop(
        self, name: str, closing: ClosingLevel | None, is_it: Callable[[Vm], bool] | None = None
    ) -> Iterator[Creation]:
        """Remembers a desktop before it is ordered. Until its id is known, `is_it` tells it, by default by its name."""
        from ATPLibrary.orchestrator import desktops

        def fits(vm: Vm) -> bool:
            if creation.id is not None:
                return vm.id == creation.id
            return vm.name == name if is_it is None else is_it(vm)

        with self.making(DESKTOP, name, desktops.removal(self.workspace, fits), closing) as creation:
            yield creation

    def create(
        self,
        name: str,
        make: Callable[[VdiClient, float, Callable[[str], None]], Coroutine[Any, Any, str]],
        timeout: timedelta | None,
        *,
        start: bool,
        connect: bool,
    ) -> str:
        """The id of a desktop that `make(client, seconds, say)` makes, which is then started and connected where that is wanted."""
        from ATPLibrary.orchestrator.adapter import create_and_connect

        async def create(client: VdiClient, seconds: float, say: Callable[[str], None]) -> str:
            id_, machine = await create_and_connect(
                self.workspace,
                client,
                name,
                lambda client, seconds: make(client, seconds, say),
                start=start,
                connect=connect,
                timeout=seconds,
            )
            if machine is not None:
                self.workspace.current_machine = machine
            return id_

        return self.ask_telling(f"Creating desktop '{name}'", create, timeout, "boot" if start else "platform")
