"""Getters of the platform: a value, an assertion about it, and the wait until it holds."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable, Coroutine
from dataclasses import dataclass
from datetime import timedelta
from typing import TYPE_CHECKING, Any, Protocol

from robot.api import logger

from ATPLibrary import runtime
from ATPLibrary.errors import ATPError, InputError, PlatformError, VerificationError, VmNotFoundError
from ATPLibrary.keywords.assertions import Operator, check, in_words, shown
from ATPLibrary.keywords.component import GRACE_SECONDS, in_seconds
from ATPLibrary.keywords.platform import fields
from ATPLibrary.keywords.telling import Telling

if TYPE_CHECKING:
    from ATPLibrary.vdi import VdiClient

    Look = Callable[[VdiClient, float], Coroutine[Any, Any, Any]]

# Between looks at something that is waited for: the platform can't tell by itself.
FIRST_PAUSE_SECONDS = 0.1
LONGEST_PAUSE_SECONDS = 2.0
BACK_OFF = 1.5
# A look gets at least so long, also when the wait is nearly over.
SHORTEST_LOOK_SECONDS = 5.0
# How many changes of what is waited for the log tells.
MOST_TOLD = 50
# How many of them its failure tells, beside the last.
MOST_REMEMBERED = 4


class Reading(Telling):
    """The base of components whose getters ask the platform."""

    def client(self) -> VdiClient:
        raise NotImplementedError

    def looked_at(
        self,
        subject: str,
        look: Look,
        field: str | None = None,
        *,
        operator: Operator | None = None,
        expected: Any = None,
        timeout: timedelta | None = None,
    ) -> Any:
        """What `look(client, seconds)` finds: all of it, or the value of its `field` (our snake_case names; codes as words).

        With `operator` and `expected` it is asserted, and with a `timeout` besides waited for: the platform is asked again, less
        and less often. Without an assertion `timeout` bounds the question. `subject` begins the sentences: "Desktop 'sales-1'".
        """
        what = f"Reading {_inside(subject)}"
        assertion = Assertion(subject if field is None else f"{subject}: {field}", field, operator, expected)
        if operator is None and expected is None:
            client, seconds = self.client(), self.seconds(timeout, "platform")
            value = assertion.value(self.wait(look(client, seconds), seconds, what))
        else:
            value = assertion.value(self.settled(what, look, assertion, timeout))
        logger.info(f"{assertion.subject} is {shown(value)}." if field is not None else repr(value))
        return value

    def settled(self, what: str, look: Look, check: Check, timeout: timedelta | None) -> Any:
        """What `look(client, seconds)` finds when `check` has nothing against it: looked at once, or until then with `timeout`.

        After that time its last `VerificationError`, which says what else was seen. A VM that isn't listed yet is waited for too,
        and so is a platform that is too busy to answer. Any other error ends the wait, and so does `NeverError`.
        """
        client, limit = self.client(), self.seconds(None, "platform")
        if timeout is None:
            found = self.wait(look(client, limit), limit, what)
            check.check(found)
            return found
        whole = in_seconds(timeout)
        longest = whole + SHORTEST_LOOK_SECONDS + GRACE_SECONDS

        async def until(say: Callable[[str], None]) -> Any:
            async with runtime.deadline(longest, what):
                return await _until(check, lambda seconds: look(client, min(limit, seconds)), whole, say)

        return self.wait_telling(until, longest, what)


class NeverError(VerificationError):
    """It isn't so and will never be: that isn't waited for."""


class Check(Protocol):
    """What is expected of what a look finds."""

    def check(self, found: Any) -> None:
        """`VerificationError` where it isn't so."""

    def told(self, found: Any) -> str:
        """How it is, in a sentence without its full stop."""

    def seen(self, found: Any) -> str:
        """The same in a word or two."""


@dataclass(frozen=True, slots=True)
class Assertion:
    """What is asserted of a field, or of a whole that is no shape; nothing where there is no operator."""

    subject: str
    field: str | None
    operator: Operator | None
    expected: Any

    def value(self, found: Any) -> Any:
        return fields.value_of(self.subject, found, self.field)

    def told(self, found: Any) -> str:
        return f"{self.subject} is {self.seen(found)}"

    def seen(self, found: Any) -> str:
        return shown(self.value(found))

    def check(self, found: Any) -> None:
        """`VerificationError` where it doesn't hold, `InputError` where it makes no sense."""
        if self.field is None and fields.is_shape(found):
            raise InputError.about(
                f"{self.subject}: an assertion", wanted="be about one field", got="none is named",
                next_step=f"Name one of: {', '.join(fields.field_names(found))}",
            )  # fmt: skip
        value, wanted = fields.compared(self.subject, found, self.field, self.operator, self.expected)
        if value is None and self.operator is not None and self.expected is not None:
            # The platform says nothing. That it does is expected by the word None.
            nothing = wanted is None
            if nothing == (self.operator == "==") and (nothing or self.operator == "!="):
                return
            raise VerificationError.about(
                self.subject,
                wanted=in_words(self.operator, shown(self.expected)),
                got="the platform says nothing of it",
            )
        check(self.subject, value, self.operator, wanted)


async def _until(
    check: Check, look: Callable[[float], Awaitable[Any]], whole: float, say: Callable[[str], None]
) -> Any:
    end, pause = time.monotonic() + whole, FIRST_PAUSE_SECONDS
    seen: list[str] = []
    problem: ATPError
    while True:
        try:
            found = await look(max(end - time.monotonic(), SHORTEST_LOOK_SECONDS))
            check.check(found)
            return found
        except NeverError:
            raise
        except VerificationError as error:
            problem, now, told = error, check.seen(found), check.told(found)
        except (PlatformError, VmNotFoundError) as error:
            # It may be listed in a moment, and a platform that was too busy to answer will be asked again.
            if isinstance(error, PlatformError) and not error.is_passing:
                raise
            problem, now, told = error, str(error).rstrip("."), str(error).rstrip(".")
        if not seen or seen[-1] != now:
            seen.append(now)
            if len(seen) <= MOST_TOLD:
                say(f"{told}; waiting.")
        left = end - time.monotonic()
        if left <= 0:
            before = f" Before that: {'; '.join(seen[-MOST_REMEMBERED - 1 : -1])}." if len(seen) > 1 else ""
            raise type(problem)(f"{str(problem).rstrip('.')}, after {whole:g} s of waiting.{before}") from None
        await asyncio.sleep(min(pause, left))
        pause = min(pause * BACK_OFF, LONGEST_PAUSE_SECONDS)


def _inside(subject: str) -> str:
    """A subject within a sentence: "desktop 'a'", but "VM 'a'"."""
    return subject if subject[1:2].isupper() else subject[:1].lower() + subject[1:]
