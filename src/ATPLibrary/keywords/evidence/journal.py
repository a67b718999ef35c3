"""A journal of input: a line of JSON an edge, written as soon as its verdict is given. Its fields are in docs/input-timeline.md."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING

from ATPLibrary import secrets
from ATPLibrary.keywords.evidence.inputs import edge
from ATPLibrary.verifier.following import EXTRA

if TYPE_CHECKING:
    from ATPLibrary.verifier import InputReport, TimelineRow
    from ATPLibrary.verifier.injector import Via


class Journal:
    """One file. What is written is the kernel's at once: nothing of it is lost when this process is killed.

    Inputs write on the loop. `problem` says why nothing is written any more: a full disk must not break what is typed.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        self.problem = ""
        self._file = path.open("ab", buffering=0)
        self._inputs = 0
        self._closed = False

    def begin(self, vm: str, via: Via = "qmp") -> JournalledInput:
        self._inputs += 1
        return JournalledInput(self, vm, via, self._inputs)

    def write(self, line: bytes) -> None:
        if self.problem or self._closed:
            return
        try:
            self._file.write(line)
        except (OSError, ValueError) as error:  # ValueError: closed meanwhile by the thread that runs the suite
            self.problem = f"The input journal {self.path} ends here: {error}"

    def close(self) -> None:
        self._closed = True
        self._file.close()


class JournalledInput:
    """One input of a journal."""

    def __init__(self, journal: Journal, vm: str, via: Via, number: int) -> None:
        self._journal = journal
        self._vm = secrets.redact(vm)
        self._via = via
        self._number = number
        self._told: set[int] = set()

    def tell(self, what: str, row: TimelineRow, clock_error_ms: float | None) -> None:
        if row.index != EXTRA:
            self._told.add(row.index)
        line = {
            "vm": self._vm,
            "input": self._number,
            "what": secrets.redact(what),
            "via": self._via,
            **edge(what, row, clock_error_ms),
            "index": None if row.index == EXTRA else row.index,
        }
        self._journal.write(json.dumps(line, ensure_ascii=False).encode("utf-8", "backslashreplace") + b"\n")

    def end(self, report: InputReport | None) -> None:
        """Tell what was sent and has come to no verdict: the input broke off."""
        for row in report.timeline if report is not None else ():
            if row.verdict is None and row.index not in self._told:
                self.tell(report.what if report is not None else "", row, None)
