"""Which tests keep a journal of their input, and the journal of the one that runs."""

from __future__ import annotations

from typing import TYPE_CHECKING

from robot.api import logger

from ATPLibrary import secrets
from ATPLibrary.keywords import scope

if TYPE_CHECKING:
    from ATPLibrary.keywords.evidence.journal import Journal

FOLDER = "journals"


class Journals:
    """What was said holds for the test or suite that it was said in, and all below."""

    def __init__(self) -> None:
        self._said: dict[str, bool] = {}
        self._where = ""
        self._journal: Journal | None = None

    def say(self, enabled: bool) -> None:
        self._said[scope.here()] = enabled

    def current(self) -> Journal | None:
        """The journal of the test that runs; made, and linked in the log, when the first input asks for it. For Robot's thread.

        A file that can't be made is a warning: the input goes on without.
        """
        if not self._said or not scope.nearest(self._said):
            return None
        where = scope.here()
        if self._journal is None or self._where != where:
            self.ended(self._where)
            self._where = where
            self._journal = _opened(where)
        return self._journal

    def pass_on_problem(self) -> None:
        """Warn once that a journal is not whole. For Robot's thread."""
        if self._journal is not None and self._journal.problem:
            logger.warn(secrets.redact(self._journal.problem))
            self._said[self._where] = False
            self.ended(self._where)

    def ended(self, where: str) -> None:
        """That test or suite is over."""
        if self._journal is not None and self._where == where:
            self._journal.close()
            self._journal = None

    def forget(self, where: str) -> None:
        """That test or suite is over, and what was said for it."""
        self.ended(where)
        self._said.pop(where, None)


JOURNALS = Journals()


def _opened(where: str) -> Journal | None:
    from ATPLibrary.keywords import output
    from ATPLibrary.keywords.evidence.journal import Journal

    try:
        path = output.new_file(FOLDER, secrets.redact(where), ".jsonl")
        journal = Journal(path)
    except OSError as error:
        logger.warn(f"No input journal can be written: {error}")
        return None
    link = output.beside_log().link(path)
    logger.info(f'Input journal: <a href="{link}">{link}</a>', html=True)
    return journal
