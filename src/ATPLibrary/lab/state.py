"""What a lab has running, on file, so that another process (or the next one, after a crash) can take it down."""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass, replace
from enum import Enum
from pathlib import Path

from ATPLibrary.lab.processes import Process
from ATPLibrary.private_file import write_private

FILE_NAME = "state.json"


class LabPhase(Enum):
    """Where the lab is. Only `Lab` moves it:

    (no file) --up--> STARTING --all answer--> UP --down--> STOPPING --> (no file)
                         |                                     ^
                         +--------failed or interrupted--------+
    """

    STARTING = "starting"
    UP = "up"
    STOPPING = "stopping"


@dataclass(frozen=True)
class LabState:
    """`owner` is the process that moves the lab from phase to phase; `boot_id` tells whether the machine was restarted since."""

    phase: LabPhase
    owner: Process
    boot_id: str
    processes: tuple[Process, ...] = ()
    url: str = ""

    def with_process(self, process: Process) -> LabState:
        return replace(self, processes=(*self.processes, process))

    def running(self) -> list[Process]:
        """Those of its processes that still run."""
        return [p for p in self.processes if p.alive] if self.boot_id == boot_id() else []

    def save(self, directory: Path) -> None:
        write_private(directory / FILE_NAME, json.dumps({**asdict(self), "phase": self.phase.value}, indent=2) + "\n")

    @classmethod
    def load(cls, directory: Path) -> LabState | None:
        """The lab's state; None when there is none, or when it can't be understood: then the processes are found without it."""
        try:
            values = json.loads((directory / FILE_NAME).read_text(encoding="utf-8"))
            return cls(
                phase=LabPhase(values["phase"]),
                owner=Process(**values["owner"]),
                boot_id=str(values["boot_id"]),
                processes=tuple(Process(**process) for process in values["processes"]),
                url=str(values["url"]),
            )
        except (OSError, ValueError, KeyError, TypeError):
            return None


def boot_id() -> str:
    """The kernel's name for this boot of the machine (random(4)): start times of different boots don't compare."""
    return Path("/proc/sys/kernel/random/boot_id").read_text().strip()
