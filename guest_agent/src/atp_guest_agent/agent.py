"""The agent: one loop between the system's input and the host's session."""

from __future__ import annotations

import os

from atp_guest_agent import clock
from atp_guest_agent.lines import LineReader
from atp_guest_agent.port import QUEUE_LIMIT, Port
from atp_guest_agent.session import Session

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable

    from atp_guest_agent.identity import Identity
    from atp_guest_agent.log import Log
    from atp_guest_agent.platform import Platform

REOPEN_SECONDS = 0.5
FAREWELL_SECONDS = 0.5
PORT_READS = 8
MISSING_SECONDS = 1.0  # how long a host may be missing before what is queued for it is thrown away


class Agent:
    """Waits where its platform waits, and lets a Session decide what to say.

    `reopen_seconds`: how long to wait before a port that isn't there is tried again (an announcement of the system cuts
    that short). `grab`: take the guest's input away from everybody else while a host watches it.
    """

    def __init__(
        self,
        port: Port,
        platform: Platform,
        identity: Identity,
        log: Log,
        reopen_seconds: float = REOPEN_SECONDS,
        grab: bool = False,
    ) -> None:
        self._port = port
        self._platform = platform
        self._log = log
        self._lines = LineReader()
        self._session = Session(port, identity, platform, grab)
        self._reopen_seconds = reopen_seconds
        self._reopen_at = 0.0
        self._port_reason = ""
        self._port_unread = False
        self._missing_until: float | None = None
        self._stop_reason = ""
        platform.start(self._session, log)

    def run(self) -> None:
        """Work until stopped; then say bye."""
        self._log.say(f"started as process {os.getpid()} with {len(self._platform.devices())} input devices")
        while not self._stop_reason:
            self.turn(None)
        self._farewell()

    def stop_on_signals(self) -> None:
        """Let what the system ends processes with end `run` cleanly."""
        self._platform.stop_on_signals(self.stop)

    def stop(self, reason: str) -> None:
        """End `run` with this reason, soon. Callable from a signal handler and from any thread."""
        self._stop_reason = reason
        self._platform.wake()

    def turn(self, longest: float | None) -> None:
        """One turn of the loop: wait for something (at most `longest` seconds, None: as long as it takes) and see to it."""
        if self._port.state == Port.CLOSED:
            self._guard("port", self._open_port)
        port_is_ready = self._platform.wait(self._patience(longest))
        self._guard("input", self._platform.read)
        if port_is_ready:
            self._guard("port", self._serve_port)
        self._guard("devices", self._follow_devices)
        self._guard("session", self._session.tend)
        self._watch_port()

    def close(self) -> None:
        """Give back every file."""
        self._port.close()
        self._platform.close()

    def _patience(self, longest: float | None) -> float | None:
        """Seconds until the next thing that comes by itself."""
        now = clock.seconds()
        times = [] if longest is None else [longest]
        if self._port.state == Port.CLOSED:
            times.append(self._reopen_at - now)
        due = self._platform.due()
        if due is not None:
            times.append(due - now)
        if self._missing_until is not None:
            times.append(self._missing_until - now)
        deadline_us = self._session.deadline_us()
        if deadline_us is not None:
            times.append(deadline_us / 1e6 - now)
        return max(0.0, min(times)) if times else None

    def _guard(self, what: str, action: Callable[[], None]) -> None:
        """Nothing that goes wrong in one corner may end the agent: one log line, and on."""
        try:
            action()
        except Exception as error:
            self._log.say(f"{what}: {type(error).__name__}: {error}")
            if what == "port":
                self._port.close()

    def _follow_devices(self) -> None:
        if self._platform.tend():
            self._reopen_at = 0.0

    # the port

    def _open_port(self) -> None:
        now = clock.seconds()
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
        if self._port.state != Port.CLOSED:
            self._platform.link_opened(self._port)

    def _serve_port(self) -> None:
        self._port.flush()
        for _ in range(PORT_READS):
            if self._port.queued > QUEUE_LIMIT:
                return  # a host that asks and doesn't listen: don't hear it until it does
            data = self._port.read()
            if not data:
                break
            self._missing_until = None
            arrived_us = clock.now_us()
            for line in self._lines.feed(data):
                self._session.receive(line, arrived_us)
        else:
            self._port_unread = True

    def _watch_port(self) -> None:
        """Follow the host's coming and going, and arm the port for what is waited for now."""
        if self._port.state != Port.MISSING:
            self._missing_until = None
        elif self._missing_until is None:
            self._missing_until = clock.seconds() + MISSING_SECONDS
        elif clock.seconds() >= self._missing_until:
            self._port.give_up()
        if not self._port.present:
            self._lines.reset()
            self._session.host_left()
        if self._port.state == Port.CLOSED:
            return
        unread, self._port_unread = self._port_unread, False
        self._platform.arm(self._port, unread)

    def _farewell(self) -> None:
        self._log.say(f"stopping: {self._stop_reason}")
        self._guard("bye", self._say_bye)
        self.close()

    def _say_bye(self) -> None:
        self._session.bye(self._stop_reason)
        until = clock.seconds() + FAREWELL_SECONDS
        while self._port.queued and self._port.state == Port.CONNECTED and clock.seconds() < until:
            self._platform.wait_to_send(self._port, until - clock.seconds())
            self._port.flush()
