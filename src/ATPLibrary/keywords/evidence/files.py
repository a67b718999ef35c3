"""Where evidence is written: a directory of its own for each failure, beside the log, and the links that lead there."""

from __future__ import annotations

import os
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING
from urllib.parse import quote

from ATPLibrary import secrets
from ATPLibrary.keywords.evidence.naming import file_name

if TYPE_CHECKING:
    from ATPLibrary.verifier import InputReport

FOLDER = "evidence"
_MOST_DIRECTORIES = 100_000


@dataclass(frozen=True, slots=True)
class Place:
    """`root` is the directory that holds the evidence, `log_directory` the one that log.html's links are relative to."""

    root: Path
    log_directory: Path

    def link(self, file: Path) -> str:
        relative = os.path.relpath(file, self.log_directory)
        return quote(relative.replace(os.sep, "/"))


def place(output_directory: str, log_file: str, output_file: str) -> Place | None:
    """Where this run's evidence goes, from Robot's `${OUTPUT DIR}`, `${LOG FILE}` and `${OUTPUT FILE}`; None: nowhere.

    A run by pabot has its own directory, `OUT/pabot_results/N`, and the merged log stands in `OUT`. pabot takes the `../../` off
    links that lead out of a run's directory, so evidence that is written in `OUT` is found from the merged log, too.
    """
    if not output_directory or output_file.upper() == "NONE":
        return None
    directory = Path(output_directory)
    if directory.parent.name == "pabot_results":
        return Place(directory.parent.parent / FOLDER, directory)
    log_directory = directory if log_file.upper() in ("", "NONE") else Path(log_file).parent
    return Place(directory / FOLDER, log_directory)


class Directory:
    """The directory of one failure's files. It is made when the first file is written. Every method may raise `OSError`."""

    def __init__(self, place: Place, suite: str, test: str) -> None:
        self._place = place
        self._suite = suite
        self._test = test
        self._path: Path | None = None

    def write_picture(self, number: int, vm: str, png: bytes) -> str:
        """Return the file's URL. `number` tells apart two hosts' VMs of one name."""
        path = self._made() / f"{number}-{_safe(vm)}.png"
        path.write_bytes(png)
        return self._place.link(path)

    def write_inputs(self, number: int, vm: str, reports: Iterable[InputReport]) -> str:
        """Write a table of every row of every report, oldest first, for a spreadsheet; return its URL."""
        from ATPLibrary.keywords.evidence.inputs import as_csv

        path = self._made() / f"{number}-{_safe(vm)}-input.csv"
        path.write_bytes(as_csv(reports))
        return self._place.link(path)

    def _made(self) -> Path:
        if self._path is None:
            self._path = new_directory(self._place.root, self._suite, self._test)
        return self._path


def new_directory(root: Path, suite: str, test: str) -> Path:
    """Make and return `root/SUITE-TEST-N` with the first N that is free; runs beside each other can't get the same."""
    root.mkdir(parents=True, exist_ok=True)
    stem = _safe(f"{suite}-{test}")
    for number in range(1, _MOST_DIRECTORIES):
        directory = root / f"{stem}-{number}"
        try:
            directory.mkdir()
        except FileExistsError:
            continue
        return directory
    raise OSError(f"{root} has {_MOST_DIRECTORIES} directories named {stem}-N already")


def _safe(name: str) -> str:
    return file_name(secrets.redact(name))
