"""Files that keywords write for a tester: below Robot Framework's output directory unless their path is absolute."""

from __future__ import annotations

from pathlib import Path


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
