"""The narrow interface between the agent and the system that it runs on. Nothing imports this when the agent runs: it is for
who writes or checks an agent for another system.

`linux.Linux` and `windows.inputs.Windows` are the two there are. All is called from one thread, but `wake`.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from atp_guest_agent.codes import Event
    from atp_guest_agent.description import Description
    from atp_guest_agent.links.link import Link
    from atp_guest_agent.log import Log


class Device(Protocol):
    """An input device that there is now."""

    number: int  # never used again by another in this process
    path: str
    description: Description

    def message(self) -> dict[str, object]:
        """The device in the words of the protocol's `devices`."""

    def held(self) -> list[int]:
        """Codes of the keys and buttons that are down now. Raises OSError when the device is gone."""

    def leds(self) -> list[tuple[int, int]]:
        """The lights that a keyboard has (evdev's numbers: 0 Num Lock, 1 Caps Lock, 2 Scroll Lock), and whether each is lit (1) or
        dark (0). Raises OSError when the device is gone.
        """

    def axis(self, code: int) -> int:
        """The present value of an absolute axis, in the device's units. Raises OSError when the device is gone."""


class Observer(Protocol):
    """Who is told of input: the session."""

    def observe(self, events: list[Event]) -> None:
        """Events in the order in which they came, with times of `clock`."""

    def overrun(self, device: int, held: list[int]) -> None:
        """Events of a device got lost; these codes are down now."""

    def devices_changed(self, added: list[int], removed: list[int]) -> None:
        """Devices came or went."""


class Platform(Protocol):
    """The system: where input comes from, and what the agent waits at."""

    capabilities: list[str]  # what it can do beyond the session's own: "hotplug", "grab"
    grabbed: bool

    def start(self, observer: Observer, log: Log) -> None:
        """Find the devices, and begin to listen."""

    def devices(self) -> Sequence[Device]:
        """Those that there are now, by number."""

    def grab(self, wanted: bool) -> None:
        """Take input away from everybody else in the guest, of devices that come later too; or give it back.

        Raises OSError or ValueError, whose text says why, and then nothing is taken.
        """

    def taken_by_others(self) -> dict[int, list[tuple[int, str]]] | None:
        """The numbers of the keyboards and pointers that somebody else in the guest has grabbed, each with the programs that
        have it open (process id, name), one of which has grabbed it; None: nobody can say.
        """

    def due(self) -> float | None:
        """When `tend` has something to do though nothing came, in seconds of `clock`; None: never."""

    def link_opened(self, link: Link) -> None:
        """Wait at this link's `fd` too, from now until that is closed."""

    def arm(self, link: Link, afresh: bool) -> None:
        """Wait for what the link waits for now; `afresh`: for what has come already, as well."""

    def wait(self, seconds: float | None) -> list[Link]:
        """Return when something came, or after `seconds` (None: however long it takes): the links that have something."""

    def read(self) -> None:
        """Tell the observer of the input that has come."""

    def catch_up(self) -> None:
        """Tell the observer of all the input that the system knows of by now, without waiting for any."""

    def tend(self) -> bool:
        """Follow devices that come and go. True: a line to the host may have come."""

    def wake(self) -> None:
        """Let `wait` return now. For signal handlers and other threads."""

    def stop_on_signals(self, stop: Callable[[str], None]) -> None:
        """Have `stop` called with a reason when the system wants the process to end."""

    def wait_to_send(self, link: Link, seconds: float) -> None:
        """Return when the link may take more, or after `seconds`."""

    def close(self) -> None:
        """Give back everything."""
