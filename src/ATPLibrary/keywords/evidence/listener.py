"""The listener: sees keywords fail, has their evidence gathered at once, and logs it where the failure is certain."""

from __future__ import annotations

from functools import cache
from typing import TYPE_CHECKING, Any

from ATPLibrary.keywords.evidence.failures import Failures, has_failed_child, may_handle
from ATPLibrary.keywords.evidence.looks import Looks
from ATPLibrary.keywords.evidence.model import Evidence

if TYPE_CHECKING:
    from ATPLibrary.keywords.evidence.entry import Writer

# Logged in place per test; what fails after that (`Run Keyword And Continue On Failure` in a loop) is held, see `Failures`.
MOST_LOGGED = 5

# Robot's words for a keyword that Ctrl-C stopped: whoever pressed it wants the end, not pictures.
_STOPPED = "Execution terminated by signal"


@cache
def listener() -> EvidenceListener:
    """The process's one listener. A library sets `ROBOT_LIBRARY_LISTENER = listener()`."""
    return EvidenceListener()


class EvidenceListener:
    """Robot Framework listener, version 3. Every library registers the same one, so each event may come several times in a row."""

    ROBOT_LISTENER_API_VERSION = 3

    def __init__(self) -> None:
        self._handlers: list[Any] = []  # the running items that may handle a failure inside them, outermost first
        self._failures: Failures | None = None
        self._ended: Any = None  # the result that ended last
        self._looks = Looks()
        self._writer: Writer | None = None

    def start_library_keyword(self, data: Any, implementation: Any, result: Any) -> None:
        if may_handle(result.owner, implementation.name) and not self._is_innermost_handler(result):
            self._handlers.append(result)

    def start_try_branch(self, data: Any, result: Any) -> None:
        # EXCEPT, ELSE and FINALLY don't handle what fails inside them. The whole statement's result says how it went.
        if result.type == "TRY" and not self._is_innermost_handler(result.parent):
            self._handlers.append(result.parent)

    def end_library_keyword(self, data: Any, implementation: Any, result: Any) -> None:
        self.end_body_item(data, result)

    def end_try_branch(self, data: Any, result: Any) -> None:
        if result.type == "TRY" and self._is_innermost_handler(result.parent):
            self._handlers.pop()
        self.end_body_item(data, result)

    def end_body_item(self, data: Any, result: Any) -> None:
        """Any keyword or control structure ended."""
        if result is self._ended:
            return
        self._ended = result
        if self._is_innermost_handler(result):
            self._handlers.pop()
        try:
            self._item_ended(result)
        except Exception as error:  # noqa: BLE001 - no wait is in here that isn't bounded, and evidence must never fail a test
            _log_problem(error)

    def end_test(self, data: Any, result: Any) -> None:
        if result is self._ended:
            return
        self._ended = result
        self._handlers.clear()
        failures, self._failures = self._failures, None
        try:
            if result.status == "FAIL" and failures is not None and failures.owner is result:
                self._log_held(failures)
        except Exception as error:  # noqa: BLE001 - as above
            _log_problem(error)

    def end_suite(self, data: Any, result: Any) -> None:
        self._handlers.clear()
        self._failures = None

    def _is_innermost_handler(self, result: Any) -> bool:
        return bool(self._handlers) and self._handlers[-1] is result

    def _item_ended(self, result: Any) -> None:
        failed = result.status == "FAIL"
        if failed and not has_failed_child(result) and not result.message.startswith(_STOPPED):
            self._keyword_failed(result)
        elif (failures := self._failures) is not None and failures.held:
            self._log_released(failures, failures.handler_ended(result, failed, bool(self._handlers)))

    def _log_released(self, failures: Failures, released: list[Evidence]) -> None:
        """The handler let the failure through. While it tried again the VMs may have changed: look once more."""
        if released and released[-1].stale:
            latest = self._looks.look(released[-1].keyword, True, _since(failures))
            released = [*(each for each in released[:-1] if not each.stale), latest]
        for evidence in released:
            self._log(evidence, failures, _heading(evidence))

    def _keyword_failed(self, result: Any) -> None:
        from robot.libraries.BuiltIn import BuiltIn

        if BuiltIn().dry_run_active:
            return
        failures = self._failures_of(_owner(result))
        certain = not self._handlers
        evidence = self._looks.look(_name(result), certain, _since(failures))
        if evidence.empty:
            return
        if certain and failures.logged < MOST_LOGGED:
            self._log(evidence, failures, _heading(evidence))
        else:
            failures.hold(evidence, tuple(self._handlers))

    def _failures_of(self, owner: Any) -> Failures:
        if self._failures is None or self._failures.owner is not owner:
            self._failures = Failures(owner)
        return self._failures

    def _log_held(self, failures: Failures) -> None:
        for held in failures.test_failed():
            if held.handlers:
                self._log(held.evidence, failures, _heading(held.evidence) + ", which the test handled", folded=True)
            else:
                self._log(held.evidence, failures, _heading(held.evidence) + ", after several other failures")

    def _log(self, evidence: Evidence, failures: Failures, heading: str, folded: bool = False) -> None:
        failures.logged += 1
        if self._writer is None:
            from ATPLibrary.keywords.evidence.entry import Writer

            self._writer = Writer()
        self._writer.write(evidence, *_names(failures.owner), heading, folded)


def _owner(result: Any) -> Any:
    """The test or suite that the item belongs to."""
    while result.parent is not None and not hasattr(result, "tests") and result.type != "TEST":
        result = result.parent
    return result


def _names(owner: Any) -> tuple[str, str]:
    """The suite's and the test's name; a suite's own keywords are its setup and teardown."""
    if hasattr(owner, "tests"):
        return owner.name, "setup or teardown"
    return owner.parent.name if owner.parent is not None else "", owner.name


def _since(failures: Failures) -> float:
    started: float = failures.owner.start_time.timestamp()
    return started


def _name(result: Any) -> str:
    """What the log calls the item."""
    return str(getattr(result, "full_name", result.type))


def _heading(evidence: Evidence) -> str:
    return f"Evidence: when '{evidence.keyword}' failed"


def _log_problem(error: Exception) -> None:
    from robot.api import logger

    from ATPLibrary import secrets

    logger.info(secrets.redact(f"Evidence could not be gathered: {type(error).__name__}: {error}"))
