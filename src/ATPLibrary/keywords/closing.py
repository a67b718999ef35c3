"""Closing levels: which one holds where in a run, and what of the things made goes when something ends."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from robot.api import logger

from ATPLibrary.keywords import scope
from ATPLibrary.orchestrator.creations import RUN, ClosingLevel, Removal

if TYPE_CHECKING:
    from ATPLibrary.orchestrator import Workspace
    from ATPLibrary.orchestrator.creations import Creation

# What follows a whole removal's own deadline: closing sessions that were opened for it.
GRACE_SECONDS = 5.0


class Levels:
    """The levels said so far, by the full name of the suite or test that each was said for.

    What is said nearest holds: a suite inherits what the suite above it says, and a test what its suite says. TEST where nobody
    says anything.
    """

    def __init__(self) -> None:
        self._said: dict[str, ClosingLevel] = {}

    def say(self, where: str, level: ClosingLevel) -> None:
        self._said[where] = level

    def imported(self, suite: str, level: ClosingLevel) -> None:
        """A library import of that suite says so. Of several imports the first is taken."""
        first = self._said.setdefault(suite, level)
        if first is not level:
            logger.warn(
                f"Suite '{suite}' imports libraries with auto_closing_level={first.name} and ={level.name}: "
                f"{first.name} holds, which was said first."
            )

    def forget(self, where: str) -> None:
        self._said.pop(where, None)

    def now(self) -> ClosingLevel:
        """The level where the run is."""
        return scope.nearest(self._said) or ClosingLevel.TEST


LEVELS = Levels()


class ImportedLevel:
    """Listener of one library import: its suites have the level that the import says."""

    ROBOT_LISTENER_API_VERSION = 3

    def __init__(self, level: ClosingLevel) -> None:
        self._level = level

    def start_suite(self, data: Any, result: Any) -> None:
        LEVELS.imported(data.full_name, self._level)


def scope_of(level: ClosingLevel) -> str:
    """At whose end something goes that is made now with that level: a full name, or `RUN`."""
    if level is ClosingLevel.TEST:
        return scope.here()
    return scope.suite() if level is ClosingLevel.SUITE else RUN


def remove(workspace: Workspace, creations: list[Creation], what: str, timeout: float | None = None) -> Removal:
    """Remove these in `timeout` seconds in all (`timeouts.boot`), and in `timeouts.platform` each."""
    from ATPLibrary import runtime

    timeouts = workspace.config.timeouts
    whole = timeouts.boot if timeout is None else timeout
    return runtime.wait(workspace.creations.remove(creations, whole, timeouts.platform), whole + GRACE_SECONDS, what)
