"""What the keywords of every topic share: the workspace, deadlines, and which VM is meant."""

from __future__ import annotations

import time
from collections.abc import Coroutine
from datetime import timedelta
from typing import TYPE_CHECKING, Any, TypeVar

from ATPLibrary.errors import InputError

if TYPE_CHECKING:
    from ATPLibrary.orchestrator import Machine, Workspace

T = TypeVar("T")

# The floor below has the keyword's own deadline and says what was missing; the waiting thread gives up this much later.
GRACE_SECONDS = 1.0


class Component:
    """The base of all components. Has no state of its own: everything is in the workspace that all libraries share."""

    @property
    def workspace(self) -> Workspace:
        from ATPLibrary.orchestrator import Workspace

        return Workspace.current()

    def wait(self, coro: Coroutine[Any, Any, T], timeout: float, what: str) -> T:
        """Run `coro`, whose own deadline is `timeout` seconds, and return its result; `[Timeout]` and Ctrl-C cancel it."""
        from ATPLibrary import runtime

        try:
            return runtime.wait(coro, timeout + GRACE_SECONDS, what)
        finally:
            self.pass_on_notices()

    def pass_on_notices(self) -> None:
        """What happened meanwhile, or since the last keyword, that a tester should know. Robot takes it from this thread only."""
        from robot.api import logger

        for event in self.workspace.bus.take_notices():
            tell = logger.warn if event.is_warning else logger.info
            tell(f"At {time.strftime('%H:%M:%S', time.localtime(event.time))}: {event.notice}")

    def seconds(self, timeout: timedelta | None, kind: str) -> float:
        """The keyword's `timeout`, else the configuration's `timeouts.KIND`."""
        if timeout is not None:
            return in_seconds(timeout)
        return float(getattr(self.workspace.config.timeouts, kind))

    async def machine(self, vm: str | None, timeout: float) -> Machine:
        """The VM that the argument `vm` means: the named one, else the current one."""
        return await self.workspace.choose(vm, timeout)


def in_seconds(timeout: timedelta) -> float:
    """A keyword's `timeout`. `InputError` when it is negative, which Robot Framework takes for a time as well."""
    seconds = timeout.total_seconds()
    if seconds < 0:
        raise InputError.about(
            "A timeout", wanted="be a time from now on", got=f"is {seconds:g} s", next_step="Say a time such as 10 s"
        )
    return seconds


def named(vm: str | None) -> str:
    """How a deadline's sentence calls the VM before it is known."""
    return f"VM '{vm}'" if vm is not None else "the current VM"
