"""Assertions about the platform that are no field of a thing: a look that says yes or no, and the wait until it says yes."""

from __future__ import annotations

import difflib
from collections.abc import Awaitable, Callable, Coroutine, Sequence
from dataclasses import dataclass
from datetime import timedelta
from typing import TYPE_CHECKING, Any

from robot.api import logger

from ATPLibrary.errors import VerificationError
from ATPLibrary.keywords.platform.base import PlatformComponent
from ATPLibrary.keywords.platform.reading import NeverError

if TYPE_CHECKING:
    from ATPLibrary.vdi import VdiClient

Look = Callable[["VdiClient", float], Coroutine[Any, Any, Any]]


class Looking(PlatformComponent):
    """The base of keywords that look at a thing until it is as expected, or once. `getting` makes getters of questions."""

    def should(
        self,
        subject: str,
        wanted: str,
        look: Callable[[VdiClient, float], Coroutine[Any, Any, tuple[bool | None, str]]],
        timeout: timedelta | None,
    ) -> None:
        """Fail unless `look` says True, checked once or, with `timeout`, waited for. It also says what there is instead.

        A `look` that says None knows that it will never be so: that isn't waited for.
        """
        self.settled(f"Looking at {subject}", look, _Expectation(subject, wanted), timeout)

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

        self.should(subject, "exist" if exists else "not exist", look, timeout)

    def listed(self, what: str, look: Look, timeout: timedelta | None) -> list[Any]:
        """What `look` finds, counted in the log."""
        found = list(self.ask(f"Listing {what}", look, timeout))
        names = ", ".join(
            each if isinstance(each, str) else getattr(each, "name", None) or repr(each) for each in found
        )
        logger.info(f"{len(found)} {what}: {names or 'none'}.")
        return found


@dataclass(frozen=True, slots=True)
class _Expectation:
    """That a look says True: it finds whether it is so, and how it is instead."""

    subject: str
    wanted: str

    def check(self, found: tuple[bool | None, str]) -> None:
        is_so, instead = found
        if not is_so:
            kind = NeverError if is_so is None else VerificationError
            raise kind.about(self.subject, wanted=self.wanted, got=instead)

    def told(self, found: tuple[bool | None, str]) -> str:
        return f"{self.subject} should {self.wanted}, but {self.seen(found)}"

    def seen(self, found: tuple[bool | None, str]) -> str:
        return found[1]
