"""Where a platform or a caller differs from the vendor's document: noted, told on the bus, and never a crash."""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from pydantic import ValidationError

if TYPE_CHECKING:
    from ATPLibrary.vdi.http import Question
    from ATPLibrary.vdi.operations import Operation

# A platform of another version differs everywhere; the first thousand say so.
MOST_FINDINGS = 1000
_INDEX = re.compile(r"\[\d+\]")


@dataclass(frozen=True, slots=True)
class Finding:
    """One difference, told once however often it is met. `operation` is "GET /ocloud/v1/host", `what` "answer.data.ip: ..."."""

    operation: str
    what: str

    def __str__(self) -> str:
        return f"{self.operation}: {self.what}"


class Findings:
    """Holds what goes out and comes back against the document at `path`, which is read at the first question.

    Without a path it does nothing. `tell` is called with each new finding.
    """

    def __init__(self, path: Path | None, tell: Callable[[Finding], object]) -> None:
        self._path = path
        self._tell = tell
        self._found: dict[Finding, None] = {}
        self._document: Any = None

    @property
    def is_checking(self) -> bool:
        return self._path is not None

    @property
    def all(self) -> list[Finding]:
        """What was found so far, oldest first."""
        return list(self._found)

    def check_question(self, question: Question) -> None:
        if self._path is None:
            return
        operation = question.operation
        body: Any = question.content
        if body is not None and question.content_type == "application/json":
            body = json.loads(body)
        self._note(
            operation,
            self.document.request_deviations(operation.method, operation.path, question.query, body),
        )

    def check_answer(self, operation: Operation[Any], body: bytes) -> None:
        if self._path is None:
            return
        try:
            answer = json.loads(body)
        except (ValueError, RecursionError):
            self._note(
                operation, ["answer: isn't JSON"] if self.document.answer(operation.method, operation.path) else []
            )
            return
        self._note(operation, self.document.answer_deviations(operation.method, operation.path, answer))

    @property
    def document(self) -> Any:
        """The vendor's document."""
        from ATPLibrary.vdi.document import VendorDocument

        if self._document is None and self._path is not None:
            self._document = VendorDocument(self._path)
        return self._document

    def _note(self, operation: Operation[Any], deviations: list[str]) -> None:
        for what in deviations:
            finding = Finding(str(operation), _INDEX.sub("[]", what))
            if finding not in self._found and len(self._found) < MOST_FINDINGS:
                self._found[finding] = None
                self._tell(finding)


def without_misfits(data: Any, error: ValidationError) -> Any:
    """`data` without the values that `error` says are of a wrong type, as if the platform had left them out. Changes `data`."""
    for problem in error.errors(include_input=False, include_url=False, include_context=False):
        inside, fields = data, None
        for part in problem["loc"]:
            # The end of a location may name one of several types that were tried.
            if isinstance(inside, dict) and part in inside:
                fields, name, inside = inside, part, inside[part]
            elif isinstance(inside, list) and isinstance(part, int) and part < len(inside):
                fields, inside = None, inside[part]
            else:
                break
        if fields is not None:
            fields.pop(name, None)
    return data
