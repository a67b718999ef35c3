"""What the keywords about a VDI platform share: which one is meant, and operations that it goes on with after its answer."""

from __future__ import annotations

import contextlib
from collections.abc import Awaitable, Callable, Coroutine, Iterator, Sequence
from datetime import timedelta
from typing import TYPE_CHECKING, Any, TypeVar

from robot.api import logger

from ATPLibrary import runtime
from ATPLibrary.errors import ATPError, DeadlineError, PlatformError
from ATPLibrary.keywords.closing import LEVELS, scope_of
from ATPLibrary.keywords.component import GRACE_SECONDS
from ATPLibrary.keywords.platform.progress import Told
from ATPLibrary.keywords.platform.reading import Reading
from ATPLibrary.orchestrator.creations import ClosingLevel, Creation

if TYPE_CHECKING:
    from ATPLibrary.orchestrator.creations import Remove
    from ATPLibrary.vdi import Batch, LongOperation, VdiClient

T = TypeVar("T")


class PlatformComponent(Reading):
    """The base of the keywords that speak to the platform of the current session."""

    def client(self) -> VdiClient:
        """The current session: the one opened last, or switched to."""
        client = self.workspace.platforms.current
        if client is None:
            raise PlatformError("No platform is logged in to. Use 'Log In To Platform' first.")
        return client

    def ask(
        self,
        what: str,
        question: Callable[[VdiClient, float], Coroutine[Any, Any, T]],
        timeout: timedelta | None,
        kind: str = "platform",
    ) -> T:
        """The answer of `question(client, seconds)`, for a keyword's `timeout` or the configuration's `timeouts.KIND`.

        `what` begins the deadline's sentence: "Reading desk pool 'sales'".
        """
        client, seconds = self.client(), self.seconds(timeout, kind)
        return self.wait(question(client, seconds), seconds, what)

    def ask_telling(
        self,
        what: str,
        question: Callable[[VdiClient, float, Callable[[str], None]], Coroutine[Any, Any, T]],
        timeout: timedelta | None,
        kind: str = "platform",
    ) -> T:
        """As `ask`, of what takes a while: `question(client, seconds, say)`, where what `say` is told is in the log at once."""
        client, seconds = self.client(), self.seconds(timeout, kind)

        async def bounded(say: Callable[[str], None]) -> T:
            async with runtime.deadline(seconds + GRACE_SECONDS, what):
                return await question(client, seconds, say)

        return self.wait_telling(bounded, seconds + GRACE_SECONDS, what)

    def order(
        self,
        what: str,
        begin: Callable[[VdiClient, float], Awaitable[LongOperation[Any] | Batch | None]],
        timeout: timedelta | None,
        wait: bool = True,
        kind: str = "platform",
    ) -> list[str]:
        """Begin an operation that the platform goes on with, and wait until it has ended. Returns its event ids.

        With `wait=False` it is only begun, and the ids are for `Wait For Platform Events`; what was refused, or what the
        platform says nothing of, fails at once all the same. `begin` returns None where there was nothing to do. The log has what
        the platform tells meanwhile.
        """

        async def carry_out(client: VdiClient, seconds: float, say: Callable[[str], None]) -> list[str]:
            from ATPLibrary.vdi.long import Batch

            operation = await begin(client, seconds)
            if operation is None:
                return []
            if wait:
                await operation.finish(seconds, Told(what, len(event_ids(operation)), say))
            elif isinstance(operation, Batch):
                await operation.check_begun()
            return event_ids(operation)

        ids = self.ask_telling(what, carry_out, timeout, kind)
        if not wait:
            logger.info(f"{what}: begun, not waited for. Events: {', '.join(ids) or 'none'}.")
        return ids

    def remember(
        self, kind: str, name: str, id_: str | None, remove: Remove, closing: ClosingLevel | None = None
    ) -> Creation:
        """Keep in mind what a keyword has made, for its removal at the closing level: `closing`, else that of suite or test.

        `kind` is a word ("desk pool"). `remove(client, seconds)` removes it and takes "is gone already" as done. To be called
        as soon as the platform has answered, in the coroutine that asked: what comes after may be cancelled.
        """
        level = LEVELS.now() if closing is None else closing
        creation = Creation(kind, name, id_, self.client(), level, scope_of(level), remove)
        self.workspace.creations.remember(creation)
        return creation

    @contextlib.contextmanager
    def making(self, kind: str, name: str, remove: Remove, closing: ClosingLevel | None = None) -> Iterator[Creation]:
        """The same for an order whose answer doesn't say the thing's id: it is remembered before the platform is asked.

        What is cancelled or lost between question and answer may have been made all the same. What was refused is forgotten.
        """
        creation = self.remember(kind, name, None, remove, closing)
        try:
            yield creation
        except ATPError as error:
            is_in_doubt = isinstance(error, DeadlineError) or (
                isinstance(error, PlatformError) and error.status is None
            )
            if not is_in_doubt:
                self.workspace.creations.drop(creation)
            raise

    def forget(self, kind: str, id_: str) -> None:
        """A keyword has removed that thing from the current platform: nothing is left to be removed."""
        self.workspace.creations.forget(self.client().name, kind, id_)

    def _named(self, coro: Coroutine[Any, Any, list[str]], seconds: float, what: str) -> list[str]:
        names = self.wait(coro, seconds, f"Listing the {what} of platform '{self.client().name}'")
        logger.info(f"{len(names)} {what}: {', '.join(names) or 'none'}.")
        return names


def event_ids(operation: LongOperation[Any] | Batch) -> list[str]:
    """The ids under which the platform tells of it."""
    ids: Sequence[str] | None = getattr(operation, "event_ids", None)
    return [*ids] if ids is not None else [operation.event_id]  # type: ignore[union-attr]
