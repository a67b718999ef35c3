"""Files that keywords write for a tester: below Robot Framework's output directory unless their path is absolute."""

from __future__ import annotations

import itertools
from pathlib import Path

from ATPLibrary.keywords.evidence import files
from ATPLibrary.keywords.evidence.naming import file_name


def directory() -> Path:
    """Robot's `${OUTPUT DIR}`; the current directory where no suite runs."""
    from robot.libraries.BuiltIn import BuiltIn, RobotNotRunningError

    try:
        return Path(BuiltIn().get_variable_value("${OUTPUT DIR}", "."))
    except RobotNotRunningError:
        return Path()


def write(path: Path, content: bytes) -> Path:
    """Write a file, with the directories that lead to it."""
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(content)
    return path


def link(path: Path) -> str:
    """How the log names a file that a tester has named."""
    return files.Place(directory(), directory()).link(path)


def write_beside_log(folder: str, name: str, suffix: str, content: bytes) -> tuple[Path, str]:
    """Write to the first `FOLDER/NAME-N.SUFFIX` that is free, beside the log; return its path and how the log links it."""
    path = new_file(folder, name, suffix)
    path.write_bytes(content)
    return path, beside_log().link(path)


def new_file(folder: str, name: str, suffix: str) -> Path:
    """Make the first of them that is free, empty; runs beside each other can't get the same."""
    where = beside_log().root.parent / folder
    where.mkdir(parents=True, exist_ok=True)
    stem = file_name(name)
    for number in itertools.count(1):
        path = where / f"{stem}-{number}{suffix}"
        try:
            path.touch(exist_ok=False)
        except FileExistsError:
            continue
        return path
    raise AssertionError("unreachable: there is always a number more")


def beside_log() -> files.Place:
    """Where the log is, also the one that pabot makes of several: see `files.place`."""
    where = directory()
    return files.place(str(where), "", "") or files.Place(where, where)


def chosen(file: str | None, folder: str, name: str, suffix: str) -> Path:
    """Where something that is written bit by bit goes: the tester's `file`, relative to the log, else a new one beside the log."""
    if file is None:
        return new_file(folder, name, suffix)
    path = directory() / file
    path.parent.mkdir(parents=True, exist_ok=True)
    return path
