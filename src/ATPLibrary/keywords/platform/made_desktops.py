"""Desktops that keywords make, as they are remembered for their removal."""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING

from ATPLibrary.keywords.platform.base import PlatformComponent

if TYPE_CHECKING:
    from ATPLibrary.orchestrator.creations import ClosingLevel, Creation
    from ATPLibrary.vdi import Vm

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
