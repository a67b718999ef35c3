"""What getters share: a field of what the platform says, an assertion about it, and the wait for it."""

from __future__ import annotations

import asyncio
import difflib
import enum
from collections.abc import Awaitable, Callable, Coroutine, Mapping, Sequence
from datetime import timedelta
from typing import TYPE_CHECKING, Any

from robot.api import logger

from ATPLibrary.errors import InputError, VerificationError
from ATPLibrary.keywords.assertions import Operator, check, holds, in_words, shown
from ATPLibrary.keywords.component import in_seconds
from ATPLibrary.keywords.platform.base import PlatformComponent

if TYPE_CHECKING:
    from ATPLibrary.vdi import VdiClient

FIRST_PAUSE_SECONDS = 0.1
LONGEST_PAUSE_SECONDS = 2.0
BACK_OFF = 1.5

Look = Callable[["VdiClient", float], Coroutine[Any, Any, Any]]


class Looking(PlatformComponent):
    """The base of keywords that look at a thing until it is as expected, or once."""

    def looked_at(
        self,
        subject: str,
        look: Look,
        field: str | None,
        *,
        operator: Operator | None,
        expected: Any,
        timeout: timedelta | None,
    ) -> Any:
        """What `look` finds, or its `field`; asserted, and with `timeout` waited for."""
        about = subject if field is None else f"{subject}: {field}"
        if operator is None or expected is None or timeout is None:
            value = value_of(subject, self.ask(f"Reading {subject}", look, timeout), field)
            check(about, value, operator, like(value, expected))
            logger.info(f"{about}: {shown(value)}")
            return value
        about_it, value = in_words(operator, shown(expected)), None

        async def holds_now(client: VdiClient, seconds: float) -> tuple[bool | None, str]:
            nonlocal value
            value = value_of(subject, await look(client, seconds), field)
            return holds(value, operator, like(value, expected)), f"it is {shown(value)}"

        self.settled(about, about_it, holds_now, timeout)
        logger.info(f"{about}: {shown(value)}")
        return value

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
        """Fail unless `wanted` is among the names and ids that `names` finds, or is not among them."""

        async def look(client: VdiClient, seconds: float) -> tuple[bool | None, str]:
            found = await names(client, seconds)
            near = difflib.get_close_matches(wanted, found, n=3, cutoff=0.5)
            missing = f"does not; near: {', '.join(near)}" if near else "does not"
            return (wanted in found) is exists, "the platform lists it" if wanted in found else missing

        self.settled(subject, "exist" if exists else "not exist", look, timeout)

    def listed(self, what: str, look: Look, timeout: timedelta | None) -> list[Any]:
        """What `look` finds, counted in the log."""
        found = list(self.ask(f"Listing {what}", look, timeout))
        names = ", ".join(
            each if isinstance(each, str) else getattr(each, "name", None) or repr(each) for each in found
        )
        logger.info(f"{len(found)} {what}: {names or 'none'}.")
        return found


class Word(str):
    """A code as a word."""

    __slots__ = ()


def value_of(subject: str, thing: Any, field: str | None) -> Any:
    """The thing, or one field of it; a code as a word. `InputError` for a field that it doesn't have."""
    if field is None:
        return thing
    names = fields_of(thing)
    if field not in names:
        near = difflib.get_close_matches(field, names, n=3, cutoff=0.5) or names
        raise InputError.about(f"{subject}: '{field}'", wanted="be a field", got=f"is none; near: {', '.join(near)}")
    value = thing[field] if isinstance(thing, Mapping) else getattr(thing, field)
    return Word(value.name.lower().replace("_", " ")) if isinstance(value, enum.Enum) else value


def fields_of(thing: Any) -> Sequence[str]:
    if isinstance(thing, Mapping):
        return sorted(map(str, thing))
    kind = type(thing)
    made = [
        name
        for name in dir(kind)
        if isinstance(getattr(kind, name, None), property) and not name.startswith(("_", "model_"))
    ]
    return sorted({*kind.model_fields, *made})


def like(value: Any, expected: Any) -> Any:
    """`expected` as the value's type, where it is text that can be read so: a word in any case, "3" as a number."""
    if isinstance(value, Word) and isinstance(expected, str):
        return expected.strip().lower().replace("_", " ")
    if not isinstance(expected, str) or isinstance(value, str):
        return expected
    try:
        if isinstance(value, bool):
            return {"true": True, "false": False}[expected.lower()]
        return type(value)(expected) if isinstance(value, int | float) else expected
    except (ValueError, KeyError):
        return expected
