"""The agent's system where that is Linux: one epoll over input devices, the line to the host, announcements and signals."""

from __future__ import annotations

import _signal  # type: ignore[import-not-found]  # `signal` itself imports enum, which costs more start-up than the agent
import errno
import os
import select

from atp_guest_agent import clock
from atp_guest_agent.evdev import InputDevice, InputDirectory, OverrunError
from atp_guest_agent.uevents import Uevents

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable

    from atp_guest_agent.codes import Event
    from atp_guest_agent.links.link import Link
    from atp_guest_agent.log import Log
    from atp_guest_agent.platform import Observer

RESCAN_SECONDS = 0.2
MAX_RESCANS = 25
MOST_READS = 64  # of a device in one go, of 64 events each: more than a kernel keeps for a reader


class Linux:
    """`platform.Platform` of the kernel's input devices (evdev)."""

    def __init__(self, inputs: InputDirectory) -> None:
        self.capabilities = ["grab"]
        self.grabbed = False
        self._inputs = inputs
        self._devices: dict[int, InputDevice] = {}  # by fd
        self._next_device = 0
        self._ready: list[int] = []
        self._epoll = select.epoll()
        self._links: dict[int, tuple[Link, int]] = {}  # by fd, with what it is armed for
        self._rescan_at: float | None = None
        self._rescans = 0
        self._wake, self._waker = os.pipe2(os.O_NONBLOCK | os.O_CLOEXEC)
        self._epoll.register(self._wake, select.EPOLLIN)
        self._uevents: Uevents | None = None

    def start(self, observer: Observer, log: Log) -> None:
        self._observer = observer
        self._log = log
        self._uevents = self._listen()
        self._rescan()

    def devices(self) -> list[InputDevice]:
        return sorted(self._devices.values(), key=lambda device: device.number)

    # waiting

    def link_opened(self, link: Link) -> None:
        self._links = {
            fd: (other, mask) for fd, (other, mask) in self._links.items() if other.fd == fd and fd != link.fd
        }
        self._links[link.fd] = link, _mask(link)
        self._epoll.register(link.fd, _mask(link))

    def arm(self, link: Link, afresh: bool) -> None:
        """Arming anew looks once at what is there already. Not to be done needlessly: an absent host would wake it each time."""
        mask = _mask(link)
        if afresh or mask != self._links[link.fd][1]:
            self._links[link.fd] = link, mask
            self._epoll.modify(link.fd, mask)

    def wait(self, seconds: float | None) -> list[Link]:
        self._ready = [fd for fd, _ in self._epoll.poll(seconds)]
        return [self._links[fd][0] for fd in self._ready if fd in self._links and self._links[fd][0].fd == fd]

    def due(self) -> float | None:
        return self._rescan_at

    def wake(self) -> None:
        try:
            os.write(self._waker, b"x")
        except BlockingIOError:
            pass  # the pipe is full of wake-ups: it will wake

    def stop_on_signals(self, stop: Callable[[str], None]) -> None:
        for number in (_signal.SIGTERM, _signal.SIGINT):
            _signal.signal(number, lambda number, _frame: stop(f"signal {number}"))
        _signal.set_wakeup_fd(self._waker, warn_on_full_buffer=False)

    def wait_to_send(self, link: Link, seconds: float) -> None:
        poll = select.poll()
        poll.register(link.fd, select.POLLOUT)
        poll.poll(max(1, int(seconds * 1000)))

    def close(self) -> None:
        for device in self._devices.values():
            device.close()
        self._devices = {}
        if self._uevents is not None:
            self._uevents.close()
        self._epoll.close()
        os.close(self._wake)
        os.close(self._waker)

    # input

    def read(self) -> None:
        self._read([self._devices[fd] for fd in self._ready if fd in self._devices], 1)

    def catch_up(self) -> None:
        self._read(self.devices(), MOST_READS)

    def _read(self, devices: list[InputDevice], most_reads: int) -> None:
        events: list[Event] = []
        for device in devices:
            for _ in range(most_reads):
                try:
                    more = device.read(events)
                except OverrunError as overrun:
                    self._observer.observe(events)
                    events = []
                    self._observer.overrun(device.number, overrun.held)
                    more = True
                except Exception as error:  # ENODEV: unplugged. Whatever else it is, it would come again at once
                    self._log.say(f"{device.path} is closed: {type(error).__name__}: {error}")
                    self._observer.observe(events)
                    events = []
                    self._forget(device)
                    more = False
                if not more:
                    break
        if len(devices) > 1:
            events.sort(key=_time_of)  # stable: what one device said stays in its order
        if events:
            self._observer.observe(events)

    def grab(self, wanted: bool) -> None:
        """Of keyboards and pointers only: what a power button says is nobody's typing."""
        if wanted == self.grabbed:
            return
        if wanted:
            self._take()
        else:
            for device in self._to_grab():
                try:
                    device.grab(False)
                except OSError:  # it is just vanishing, or wasn't grabbed: somebody else had it when it came
                    continue
        self.grabbed = wanted

    def taken_by_others(self) -> dict[int, list[tuple[int, str]]] | None:
        """The kernel tells it only to who would grab: so each is grabbed, and given back at once.

        What comes in between reaches us and not the others, so this is done only when it is asked for. What the agent itself has
        grabbed nobody else has.
        """
        taken: list[InputDevice] = []
        for device in [] if self.grabbed else self._to_grab():
            try:
                device.grab(True)
            except OSError as error:
                if error.errno == errno.EBUSY:
                    taken.append(device)
                continue
            try:
                device.grab(False)
            except OSError:  # it is just vanishing
                continue
        if not taken:
            return {}
        from atp_guest_agent.openers import openers

        programs = openers([device.path for device in taken])
        return {device.number: programs.get(device.path, []) for device in taken}

    def _take(self) -> None:
        """Not while a key is down: whoever has seen it go down would never see it come up."""
        down = [f"{code} of device {device.number}" for device in self._to_grab() for code in device.held()]
        if down:
            raise ValueError(f"keys are down, and the others would never see them come up: {', '.join(down)}")
        taken: list[InputDevice] = []
        for device in self._to_grab():
            try:
                device.grab(True)
            except OSError as error:
                for each in taken:
                    each.grab(False)
                raise OSError(error.errno, f"{device.path} ({device.description.name}): {error.strerror}") from None
            taken.append(device)

    def _grab_too(self, device: InputDevice) -> None:
        if device.description.keyboard or device.description.pointer:
            try:
                device.grab(True)
            except OSError as error:
                self._log.say(f"{device.path} can't be grabbed: {error.strerror}")

    def _to_grab(self) -> list[InputDevice]:
        return [each for each in self.devices() if each.description.keyboard or each.description.pointer]

    # devices that come and go

    def tend(self) -> bool:
        ports = self._uevents is not None and self._uevents.fd in self._ready and self._hear_uevents()
        if self._wake in self._ready:
            os.read(self._wake, 4096)
        if self._rescan_at is not None and clock.seconds() >= self._rescan_at:
            self._rescan()
        return ports

    def _listen(self) -> Uevents | None:
        try:
            uevents = Uevents()
        except OSError as error:
            self._log.say(f"no hot-plug: {error.strerror}")
            return None
        self._epoll.register(uevents.fd, select.EPOLLIN)
        self.capabilities.append("hotplug")
        return uevents

    def _hear_uevents(self) -> bool:
        subsystems = self._uevents.subsystems() if self._uevents is not None else set()
        if subsystems & {b"input", b"?"}:
            self._rescans = 0
            self._rescan()
        return bool(subsystems & {b"virtio-ports", b"?"})

    def _forget(self, device: InputDevice) -> None:
        del self._devices[device.fd]
        device.close()
        self._observer.devices_changed(added=[], removed=[device.number])
        self._rescans = 0
        self._rescan_at = clock.seconds() + RESCAN_SECONDS

    def _rescan(self) -> None:
        """Open the devices that are new. One whose node isn't ready is tried again for five seconds."""
        self._rescan_at = None
        known = {device.path for device in self._devices.values()}
        added = []
        unready = False
        for path in self._inputs.paths():
            if path in known:
                continue
            try:
                device = self._inputs.open(path, self._next_device)
                self._epoll.register(device.fd, select.EPOLLIN)
            except OSError as error:
                unready = True
                self._log.say(f"{path} can't be opened: {error.strerror}")
                continue
            self._next_device += 1
            self._devices[device.fd] = device
            added.append(device.number)
            if self.grabbed:
                self._grab_too(device)
        if added:
            self._observer.devices_changed(added=added, removed=[])
        if unready and self._rescans < MAX_RESCANS:
            self._rescans += 1
            self._rescan_at = clock.seconds() + RESCAN_SECONDS


def _mask(link: Link) -> int:
    mask = select.EPOLLIN | select.EPOLLET
    return mask | select.EPOLLOUT if link.wants_write else mask


def _time_of(event: Event) -> int:
    return event[4]
