"""Input that a program in the guest has to itself (`EVIOCGRAB`): neither the agent nor the guest's desktop sees it."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from ATPLibrary.verifier.observation import AgentDevice

# Where the kernel has devices that a program can have to itself.
EVDEV = "/dev/input/"
WHAT_GRABS = "See what grabs it in the guest (such as an X server's evdev driver), and end that"


@dataclass(frozen=True, slots=True)
class Grabbed:
    """A keyboard or pointer that somebody else has. `programs` have it open; which has grabbed it the kernel doesn't say."""

    device: AgentDevice
    programs: tuple[str, ...] = ()


def can_be_grabbed(devices: Collection[AgentDevice]) -> bool:
    """Whether a program in that guest could have one of these to itself, for all that they are."""
    return any(device.path.startswith(EVDEV) for device in devices)


def in_words(grabbed: Collection[Grabbed]) -> str:
    """The "got" of a sentence: "evtest (process 312) in the guest has AT keyboard (i8042) to itself"."""
    programs = [*dict.fromkeys(program for each in grabbed for program in each.programs)]
    who = {0: "a program", 1: "".join(programs)}.get(len(programs), f"one of {', '.join(programs)}")
    return f"{who} in the guest has {', '.join(str(each.device) for each in grabbed)} to itself"
