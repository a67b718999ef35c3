"""Which programs of a Linux guest have a device open. Who has grabbed it is among them; which one it is the kernel doesn't say."""

from __future__ import annotations

import os

MOST = 10  # programs that are named of one device
_PROCESSES = "/proc"


def openers(paths: list[str], processes: str = _PROCESSES) -> dict[str, list[tuple[int, str]]]:
    """Process ids and names of all programs but this one, by the path of the device that each has open.

    Of a process only what the kernel has at hand is read, never its memory (`cmdline`): that may wait for a process that hangs.
    """
    found: dict[str, list[tuple[int, str]]] = {}
    for number in _processes(processes):
        for path in _open_files(f"{processes}/{number}/fd").intersection(paths):
            programs = found.setdefault(path, [])
            if len(programs) < MOST:
                programs.append((number, _name(f"{processes}/{number}/comm")))
    return found


def _processes(directory: str) -> list[int]:
    try:
        numbers = [int(name) for name in os.listdir(directory) if name.isdigit()]
    except OSError:
        return []
    return sorted(number for number in numbers if number != os.getpid())


def _open_files(directory: str) -> set[str]:
    files = set()
    try:
        for name in os.listdir(directory):
            files.add(os.readlink(f"{directory}/{name}"))
    except OSError:  # it has just ended, or closed one, or isn't ours to look at
        pass
    return files


def _name(path: str) -> str:
    try:
        with open(path, encoding="utf-8", errors="replace") as file:
            return file.read(64).strip()
    except OSError:
        return "?"
