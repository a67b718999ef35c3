"""The agent: one epoll loop between the kernel's input devices and the host's session."""

from __future__ import annotations

import _signal  # type: ignore[import-not-found]  # `signal` itself imports enum, which costs more start-up than the agent
import os
import select
import time

from atp_guest_agent.evdev import InputDevice, InputDirectory, OverrunError
from atp_guest_agent.lines import LineReader
from atp_guest_agent.port import QUEUE_LIMIT, Port
from atp_guest_agent.session import Session
from atp_guest_agent.uevents import Uevents

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable

    from atp_guest_agent.evdev import Event
    from atp_guest_agent.identity import Identity
    from atp_guest_agent.log import Log

REOPEN_SECONDS = 0.5
RESCAN_SECONDS = 0.2
MAX_RESCANS = 25
FAREWELL_SECONDS = 0.5
PORT_READS = 8
MISSING_SECONDS = 1.0  # how long a host may be missing before what is queued for it is thrown away


class Agent:
    """Reads devices and the port, and lets a Session decide what to say.

    `reopen_seconds`: how long to wait before a port that isn't there is tried again (an announcement of the kernel cuts
    that short).
    """

    def __init__(
        self, port: Port, inputs: InputDirectory, identity: Identity, log: Log, reopen_seconds: float = REOPEN_SECONDS
    ) -> None:
        self._port = port
        self._inputs = inputs
        self._log = log
        self._lines = LineReader()
        self._devices: dict[int, InputDevice] = {}  # by fd
        self._next_device = 0
        self._session = Session(port, identity, self._device_list)
        self._epoll = select.epoll()
        self._reopen_seconds = reopen_seconds
        self._reopen_at = 0.0
        self._port_reason = ""
        self._port_mask = 0
        self._port_unread = False
        self._missing_until: float | None = None
        self._rescan_at: float | None = None
        self._rescans = 0
        self._stop_reason = ""
        self._wake, self._waker = os.pipe2(os.O_NONBLOCK | os.O_CLOEXEC)
        self._epoll.register(self._wake, select.EPOLLIN)
        self._uevents = self._listen()
        self._rescan()

    def run(self) -> None:
        """Work until stopped; then say bye."""
        self._log.say(f"started as process {os.getpid()} with {len(self._devices)} input devices")
        while not self._stop_reason:
            self.turn(None)
        self._farewell()

    def stop_on_signals(self) -> None:
        """Let SIGTERM and SIGINT end `run` cleanly."""
        for number in (_signal.SIGTERM, _signal.SIGINT):
            _signal.signal(number, lambda number, _frame: self.stop(f"signal {number}"))
        _signal.set_wakeup_fd(self._waker, warn_on_full_buffer=False)

    def stop(self, reason: str) -> None:
        """End `run` with this reason, soon. Callable from a signal handler and from any thread."""
        self._stop_reason = reason
        try:
            os.write(self._waker, b"x")
        except BlockingIOError:
            pass  # the pipe is full of wake-ups: it will wake

    def turn(self, longest: float | None) -> None:
        """One turn of the loop: wait for something (at most `longest` seconds, None: as long as it takes) and see to it."""
        if self._port.fd < 0:
            self._guard("port", self._open_port)
        ready = [fd for fd, _ in self._epoll.poll(self._patience(longest))]
        self._guard("input", self._read_devices, ready)
        if self._port.fd in ready:
            self._guard("port", self._serve_port)
        if self._uevents is not None and self._uevents.fd in ready:
            self._guard("hot-plug", self._hear_uevents)
        if self._wake in ready:
            self._guard("wake-up", self._drain_wake)
        if self._rescan_at is not None and time.monotonic() >= self._rescan_at:
            self._guard("devices", self._rescan)
        self._guard("session", self._session.tend)
        self._watch_port()

    def close(self) -> None:
        """Give back every file."""
        for device in self._devices.values():
            device.close()
        self._devices = {}
        self._port.close()
        if self._uevents is not None:
            self._uevents.close()
        self._epoll.close()
        os.close(self._wake)
        os.close(self._waker)

    def _patience(self, longest: float | None) -> float | None:
        """Seconds until the next thing that comes by itself."""
        now = time.monotonic()
        times = [] if longest is None else [longest]
        if self._port.fd < 0:
            times.append(self._reopen_at - now)
        if self._rescan_at is not None:
            times.append(self._rescan_at - now)
        if self._missing_until is not None:
            times.append(self._missing_until - now)
        deadline_us = self._session.deadline_us()
        if deadline_us is not None:
            times.append(deadline_us / 1e6 - now)
        return max(0.0, min(times)) if times else None

    def _guard(self, what: str, action: Callable[..., None], *arguments: object) -> None:
        """Nothing that goes wrong in one corner may end the agent: one log line, and on."""
        try:
            action(*arguments)
        except Exception as error:
            self._log.say(f"{what}: {type(error).__name__}: {error}")
            if what == "port":
                self._port.close()

    # input devices

    def _read_devices(self, ready: list[int]) -> None:
        events: list[Event] = []
        readers = 0
        for fd in ready:
            device = self._devices.get(fd)
            if device is None:
                continue
            readers += 1
            try:
                device.read(events)
            except OverrunError as overrun:
                self._session.observe(events)
                events = []
                self._session.overrun(device.number, overrun.held)
            except Exception as error:  # ENODEV: unplugged. Whatever else it is, it would come again at once
                self._log.say(f"{device.path} is closed: {type(error).__name__}: {error}")
                self._session.observe(events)
                events = []
                self._forget(device)
        if readers > 1:
            events.sort(key=_time_of)  # stable: what one device said stays in its order
        if events:
            self._session.observe(events)

    def _forget(self, device: InputDevice) -> None:
        del self._devices[device.fd]
        device.close()
        self._session.devices_changed(added=[], removed=[device.number])
        self._rescans = 0
        self._rescan_at = time.monotonic() + RESCAN_SECONDS

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
        if added:
            self._session.devices_changed(added=added, removed=[])
        if unready and self._rescans < MAX_RESCANS:
            self._rescans += 1
            self._rescan_at = time.monotonic() + RESCAN_SECONDS

    def _device_list(self) -> list[InputDevice]:
        return sorted(self._devices.values(), key=lambda device: device.number)

    # hot-plug

    def _listen(self) -> Uevents | None:
        try:
            uevents = Uevents()
        except OSError as error:
            self._log.say(f"no hot-plug: {error.strerror}")
            return None
        self._epoll.register(uevents.fd, select.EPOLLIN)
        self._session.capabilities.append("hotplug")
        return uevents

    def _hear_uevents(self) -> None:
        subsystems = self._uevents.subsystems() if self._uevents is not None else set()
        if subsystems & {b"input", b"?"}:
            self._rescans = 0
            self._rescan()
        if subsystems & {b"virtio-ports", b"?"}:
            self._reopen_at = 0.0

    # the port

    def _open_port(self) -> None:
        now = time.monotonic()
        if now < self._reopen_at:
            return
        self._reopen_at = now + self._reopen_seconds
        try:
            self._port.open()
        except OSError as error:
            if str(error) != self._port_reason:
                self._port_reason = str(error)
                self._log.say(f"the port isn't there yet: {error}")
            return
        self._port_reason = ""
        self._lines.reset()
        if self._port.fd >= 0:
            self._epoll.register(self._port.fd, self._port.epoll_mask)
            self._port_mask = self._port.epoll_mask

    def _serve_port(self) -> None:
        self._port.flush()
        for _ in range(PORT_READS):
            if self._port.queued > QUEUE_LIMIT:
                return  # a host that asks and doesn't listen: don't hear it until it does
            data = self._port.read()
            if not data:
                break
            self._missing_until = None
            arrived_us = time.monotonic_ns() // 1000
            for line in self._lines.feed(data):
                self._session.receive(line, arrived_us)
        else:
            self._port_unread = True

    def _watch_port(self) -> None:
        """Follow the host's coming and going, and arm the port for what is waited for now.

        Arming anew looks once at what is there already. It mustn't be done needlessly: an absent host would wake it each time.
        """
        if self._port.state != Port.MISSING:
            self._missing_until = None
        elif self._missing_until is None:
            self._missing_until = time.monotonic() + MISSING_SECONDS
        elif time.monotonic() >= self._missing_until:
            self._port.give_up()
        if not self._port.present:
            self._lines.reset()
            self._session.host_left()
        if self._port.fd < 0:
            return
        if self._port_unread or self._port.epoll_mask != self._port_mask:
            self._port_unread = False
            self._port_mask = self._port.epoll_mask
            self._epoll.modify(self._port.fd, self._port_mask)

    def _drain_wake(self) -> None:
        os.read(self._wake, 4096)

    def _farewell(self) -> None:
        self._log.say(f"stopping: {self._stop_reason}")
        self._guard("bye", self._session.bye, self._stop_reason)
        until = time.monotonic() + FAREWELL_SECONDS
        while self._port.queued and self._port.state == Port.CONNECTED and time.monotonic() < until:
            poll = select.poll()
            poll.register(self._port.fd, select.POLLOUT)
            poll.poll(max(1, int((until - time.monotonic()) * 1000)))
            self._port.flush()
        self.close()


def _time_of(event: Event) -> int:
    return event[4]
