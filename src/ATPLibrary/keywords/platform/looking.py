"""Assertions about the platform that are no field of a thing: a look that says yes or no, and the wait until it says yes."""

from __future__ import annotations

import asyncio
import difflib
from collections.abc import Awaitable, Callable, Coroutine, Sequence
from datetime import timedelta
from typing import TYPE_CHECKING, Any

from robot.api import logger

from ATPLibrary.errors import VerificationError
from ATPLibrary.keywords.component import in_seconds
from ATPLibrary.keywords.platform.base import PlatformComponent

if TYPE_CHECKING:
    from ATPLibrary.vdi import VdiClient

FIRST_PAUSE_SECONDS = 0.1
LONGEST_PAUSE_SECONDS = 2.0
BACK_OFF = 1.5

Look = Callable[["VdiClient", float], Coroutine[Any, Any, Any]]


class Looking(PlatformComponent):
    """The base of keywords that look at a thing until it is as expected, or once. `getting` makes getters of questions."""

    def settled(
        self,
        subject: str,
        wanted: str,
        look: Callable[[VdiClient, float], Coroutine[Any, Any, tuple[bool | None, str]]],
        timeout: timedelta | None,
    ) -> None:
        """Fail unless `look` says True, checked once or, with `timeout`, waited for. It also says what there is instead.

        A `look` that says None knows that it will never be so: that isn't waited for.
        """
        each = self.seconds(None, "platform")
        if timeout is None:
            is_so, seen = self.ask(f"Looking at {subject}", look, None)
            if not is_so:
                raise VerificationError.about(subject, wanted=wanted, got=seen)
            return
        from ATPLibrary import runtime

        seconds, client = in_seconds(timeout), self.client()
        seen = "no answer yet"

        async def wait() -> None:
            nonlocal seen
            pause = FIRST_PAUSE_SECONDS
            async with runtime.deadline(seconds, subject, wanted=wanted, got="it was not so", last_seen=lambda: seen):
                while True:
                    is_so, seen = await look(client, min(each, seconds))
                    if is_so:
                        return
                    if is_so is None:
                        raise VerificationError.about(subject, wanted=wanted, got=seen)
                    await asyncio.sleep(pause)
                    pause = min(pause * BACK_OFF, LONGEST_PAUSE_SECONDS)

        self.wait(wait(), seconds, f"Waiting for {subject}")

    def should_exist(
        self,
        subject: str,
        names: Callable[[VdiClient, float], Awaitable[Sequence[str]]],
        wanted: str,
        exists: bool,
        timeout: timedelta | None,
    ) -> None:
        """Fail unless `wanted` is among the names and ids that `names` finds, or is not; however its letters are composed."""

        async def look(client: VdiClient, seconds: float) -> tuple[bool | None, str]:
            from ATPLibrary.vdi.groups.base import is_same_name

            found = await names(client, seconds)
            near = difflib.get_close_matches(wanted, found, n=3, cutoff=0.5)
            missing = f"does not; near: {', '.join(near)}" if near else "does not"
            is_there = any(is_same_name(each, wanted) for each in found)
            return is_there is exists, "the platform lists it" if is_there else missing

        self.settled(subject, "exist" if exists else "not exist", look, timeout)

    def listed(self, what: str, look: Look, timeout: timedelta | None) -> list[Any]:
        """What `look` finds, counted in the log."""
        found = list(self.ask(f"Listing {what}", look, timeout))
        names = ", ".join(
            each if isinstance(each, str) else getattr(each, "name", None) or repr(each) for each in found
        )
        logger.info(f"{len(found)} {what}: {names or 'none'}.")
        return found
