"""The values that evidence is made of: what one VM looked like when a keyword failed."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from ATPLibrary.verifier import InputReport


@dataclass(frozen=True, slots=True)
class Missing:
    """A part that couldn't be had, and why in one line."""

    why: str


@dataclass(frozen=True, slots=True)
class SpiceChannelEvidence:
    """One channel: `state` with the reason where it failed, its last messages, what was counted in words."""

    name: str
    state: str
    messages: tuple[str, ...] = ()
    counted: str = ""

    @property
    def has_failed(self) -> bool:
        return self.state.startswith("failed")


@dataclass(frozen=True, slots=True)
class SpiceEvidence:
    """A VM's SPICE session. `frame` is a PNG of what the client had drawn, None where no display was open; `drawn` is when
    something was drawn on it last, in seconds since the epoch: long ago on a screen that stands still, or of a silent server.
    """

    channels: tuple[SpiceChannelEvidence, ...]
    frame: bytes | Missing | None
    drawn: float | None = None


@dataclass(frozen=True, slots=True)
class VmEvidence:
    """What one VM looked like. `screen` is an image file's bytes: PNG as QEMU gives it, or PPM as libvirt may."""

    vm: str
    time: float  # seconds since the epoch
    state: str | Missing
    screen: bytes | Missing
    console: tuple[str, ...] | Missing
    events: tuple[str, ...]
    inputs: tuple[InputReport, ...]  # oldest first
    spice: SpiceEvidence | Missing | None = None


@dataclass(frozen=True, slots=True)
class Evidence:
    """All that was gathered for one failure: `keyword` failed. `events` are those of hosts, platforms and other VMs.

    `stale`: a VM had been looked at a moment before, so its screen, state and console are of that moment.
    """

    keyword: str
    vms: tuple[VmEvidence, ...]
    events: tuple[str, ...] = ()
    notes: tuple[str, ...] = ()
    stale: bool = False

    @property
    def empty(self) -> bool:
        return not (self.vms or self.events or self.notes)
