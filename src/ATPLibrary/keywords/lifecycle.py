"""What the libraries do around a run: no key stays down after a test, everything is closed at the end, words aren't ambiguous."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING, Any

from robot.api import logger

from ATPLibrary import LIBRARIES
from ATPLibrary.keywords import closing
from ATPLibrary.keywords.journals import JOURNALS

if TYPE_CHECKING:
    from ATPLibrary.orchestrator import Workspace

PACKAGE = "ATPLibrary"
RELEASE_SECONDS = 5.0
THAW_SECONDS = 5.0
THAW_GRACE_SECONDS = 1.0  # its own error says more than that the time was up


class Lifecycle:
    """Robot Framework listener, version 3. One object for all libraries; each call may come several times and is harmless then."""

    ROBOT_LISTENER_API_VERSION = 3

    def start_suite(self, data: Any, result: Any) -> None:
        """Let a suite import several libraries: the same word means the same in each, so any of them may answer.

        Robot Framework calls a keyword that two libraries have ambiguous, unless a search order says which one is meant. Ours
        come last in it: a tester's own order stays as it is.
        """
        from robot.libraries.BuiltIn import BuiltIn

        ours = (PACKAGE, *(f"{PACKAGE}.{name}" for name in LIBRARIES))
        built_in = BuiltIn()
        before = tuple(built_in.set_library_search_order())
        built_in.set_library_search_order(*before, *(name for name in ours if name not in before))

    def end_test(self, data: Any, result: Any) -> None:
        """Let go of what is left down, give guests their input back, thaw what is frozen: each test starts with free hands."""
        _thaw()
        workspace = _workspace()
        if workspace is not None and workspace.holds_input:
            from ATPLibrary import runtime
            from ATPLibrary.errors import ATPError

            try:
                runtime.wait(workspace.free_input(RELEASE_SECONDS), RELEASE_SECONDS, "Releasing the keys after a test")
            except ATPError as error:
                # The VM may be gone by now, and its keys with it; the test's own verdict stays.
                logger.warn(str(error))
        for machine in workspace.machines.values() if workspace is not None else ():
            machine.qmp_events.begin_anew()  # and what its events were proves nothing in the next test
            if machine.holds_keys:
                logger.warn(
                    f"VM '{machine.name}' takes no release of {', '.join(machine.shown_down)}: it is paused, or its QEMU doesn't "
                    "answer. That is let go of when it runs again while it is connected."
                )
        if told := _remove(data.full_name, "at the end of the test"):
            logger.info(told)
        _give_back(data.full_name)
        JOURNALS.forget(data.full_name)

    def end_suite(self, data: Any, result: Any) -> None:
        """Thaw what its tests could not, remove what the suite has made, and give back the VMs that it has leased.

        With the uppermost suite the run is over as far as platforms are concerned: nothing can be told in the log after it.
        """
        _thaw(once_more=True)
        # Robot Framework drops what is logged here; a suite's metadata is in its log.
        if told := _remove(data.full_name, "at the end of the suite"):
            result.metadata["Removed"] = told
        if data.parent is None:
            for name, told in _end_of_run().items():
                result.metadata[name] = told
        _give_back(data.full_name)
        JOURNALS.forget(data.full_name)

    def close(self) -> None:
        """The run is over."""
        workspace = _workspace()
        if workspace is not None:
            # Where the uppermost suite doesn't import us this is the first we hear of the end.
            for told in _end_of_run().values():
                logger.console(told)
            workspace.close_current()


def _thaw(once_more: bool = False) -> None:
    """An error in the log when a guest can't be thawed now: at the first test's end, and with `once_more` also later."""
    freeze = sys.modules.get("ATPLibrary.protocol.qga.freeze")
    if freeze is not None and freeze.anything_is_frozen():
        from ATPLibrary import runtime
        from ATPLibrary.errors import ATPError

        thawing = freeze.thaw_everything(THAW_SECONDS, once_more=once_more)
        try:
            runtime.wait(thawing, THAW_SECONDS + THAW_GRACE_SECONDS, "Thawing file systems after a test")
        except ATPError as error:
            logger.error(str(error))


def _remove(scope: str, when: str) -> str:
    """Remove what was made until the end of that test or suite, and return the line that tells of it; empty for nothing.

    What can't be removed is a warning besides.
    """
    workspace = _workspace()
    creations = workspace.creations.of_scope(scope) if workspace is not None else []
    closing.LEVELS.forget(scope)
    if workspace is None or not creations:
        return ""
    from ATPLibrary.errors import ATPError

    try:
        removal = closing.remove(workspace, creations, f"Removing what was made, {when}")
    except ATPError as error:
        logger.warn(str(error))
        return str(error)
    if removal.failed:
        logger.warn(removal.line(when))
    return removal.line(when)


def _end_of_run() -> dict[str, str]:
    """Remove what is left, and name what is kept: a line each, by what it is about."""
    told = {"Removed At The End Of The Run": _remove("", "at the end of the run")}
    workspace = _workspace()
    if workspace is not None and (kept := workspace.creations.kept):
        told["Kept"] = "Kept on the platform: " + ", ".join(f"{each} ('{each.client.name}')" for each in kept)
    return {name: line for name, line in told.items() if line}


def _give_back(scope: str) -> None:
    """Give back what `Lease VM` has taken for that test or suite."""
    workspace = _workspace()
    if workspace is not None and workspace.leases.of_scope(scope):
        from ATPLibrary import runtime
        from ATPLibrary.errors import ATPError

        try:
            runtime.wait(
                workspace.release_scope(scope, RELEASE_SECONDS), RELEASE_SECONDS, f"Giving back the VMs of '{scope}'"
            )
        except ATPError as error:
            logger.warn(str(error))


def _workspace() -> Workspace | None:
    """The workspace if a keyword has used it. Loads no module for it: a dry run has none."""
    module = sys.modules.get("ATPLibrary.orchestrator.workspace")
    return module.Workspace.existing() if module is not None else None
