"""Which failures the test may still handle, and which evidence is therefore held back. Knows results, nothing of VMs.

a keyword fails --+-- nothing above it can handle that ---------------------------------------> certain: log it now
                  +-- inside `Run Keyword And Expect Error`, TRY, ... --> held
the handler ends  --+-- failed, and no other handler above it --> released: log it now, at the handler
                    +-- passed --> handled: kept in case the test fails all the same
the test ends     --+-- failed --> log what is still held
                    +-- passed --> forget everything
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from ATPLibrary.keywords.evidence.model import Evidence

# The keywords of BuiltIn that can pass although what they ran failed. All its others let the failure through.
_HANDLERS = frozenset(
    {
        "Run Keyword And Expect Error",
        "Run Keyword And Ignore Error",
        "Run Keyword And Return Status",
        "Run Keyword And Warn On Failure",
        "Wait Until Keyword Succeeds",
    }
)

# Held per test: the first and the newest ones. Loops that poll by failing would fill the memory with pictures.
MOST_HELD = 4


def may_handle(owner: str | None, name: str | None) -> bool:
    """Whether a library's keyword may pass although a keyword that it ran failed. One we don't know may."""
    return owner != "BuiltIn" or name in _HANDLERS


def has_failed_child(result: Any) -> bool:
    """Whether the item failed because something in it did: then that has been looked at already."""
    for child in reversed(getattr(result, "body", ())):
        if getattr(child, "status", None) == "FAIL":
            return True
    for fixture in ("setup", "teardown"):
        if getattr(result, f"has_{fixture}", False) and getattr(result, fixture).status == "FAIL":
            return True
    return False


@dataclass(slots=True)
class Held:
    evidence: Evidence
    handlers: tuple[Any, ...]  # results of the items around it that may handle the failure, outermost first
    handled: bool = False


class Failures:
    """The failures of one test, or of one suite's setup or teardown (`owner`: its result)."""

    def __init__(self, owner: Any) -> None:
        self.owner = owner
        self.held: list[Held] = []
        self.dropped = 0
        self.logged = 0

    def hold(self, evidence: Evidence, handlers: tuple[Any, ...]) -> None:
        self.held.append(Held(evidence, handlers))
        if len(self.held) > MOST_HELD:
            del self.held[1]
            self.dropped += 1

    def handler_ended(self, handler: Any, failed: bool, handlers_above: bool) -> list[Evidence]:
        """Return what is to be logged now: the first and the newest failure that `handler` let through for good."""
        inside = [held for held in self.held if not held.handled and any(each is handler for each in held.handlers)]
        if not failed:
            for held in inside:
                held.handled = True
            return []
        if handlers_above or not inside:
            return []
        self.held = [held for held in self.held if held not in inside]
        return [held.evidence for held in (inside if len(inside) == 1 else (inside[0], inside[-1]))]

    def test_failed(self) -> list[Held]:
        """Return what is still held, oldest first, and hold it no more."""
        held, self.held = self.held, []
        return held
