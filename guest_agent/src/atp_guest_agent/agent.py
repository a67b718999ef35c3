"""The agent: one loop between the system's input and the host's session."""

from __future__ import annotations

import os

from atp_guest_agent import clock
from atp_guest_agent.session import Session

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable

    from atp_guest_agent.identity import Identity
    from atp_guest_agent.links.chooser import Links
    from atp_guest_agent.log import Log
    from atp_guest_agent.platform import Platform

FAREWELL_SECONDS = 0.5


class Agent:
    """Waits where its platform waits, and lets a Session decide what to say.

    `identify` finds the identity anew, before each dialling: its token may be another by then. `grab`: take the guest's input
    away from everybody else while a host watches it.
    """

    def __init__(
        self,
        links: Links,
        platform: Platform,
        identity: Identity,
        log: Log,
        grab: bool = False,
        identify: Callable[[], Identity] | None = None,
    ) -> None:
        self._links = links
        self._platform = platform
        self._log = log
        self._session = Session(links, identity, platform, grab)
        self._identify = identify
        self._stop_reason = ""
        platform.start(self._session, log)
        links.begin(platform, self._session, log, self._know_again)

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
        self._guard("link", self._links.tend)
        ready = self._platform.wait(self._patience(longest))
        self._guard("input", self._platform.read)
        for link in ready:
            try:
                self._links.serve(link)
            except Exception as error:
                self._log.say(f"{link.name}: {type(error).__name__}: {error}")
                link.close(str(error))
        self._guard("devices", self._follow_devices)
        self._guard("session", self._session.tend)
        self._guard("link", self._links.follow)

    def close(self) -> None:
        """Give back every file."""
        self._links.close()
        self._platform.close()

    def _patience(self, longest: float | None) -> float | None:
        """Seconds until the next thing that comes by itself."""
        now = clock.seconds()
        times = [] if longest is None else [longest]
        deadline_us = self._session.deadline_us()
        dues = (self._links.due(), self._platform.due(), None if deadline_us is None else deadline_us / 1e6)
        times += [due - now for due in dues if due is not None]
        return max(0.0, min(times)) if times else None

    def _guard(self, what: str, action: Callable[[], None]) -> None:
        """Nothing that goes wrong in one corner may end the agent: one log line, and on."""
        try:
            action()
        except Exception as error:
            self._log.say(f"{what}: {type(error).__name__}: {error}")

    def _follow_devices(self) -> None:
        if self._platform.tend():
            self._links.announced()

    def _know_again(self) -> bool:
        """Whether this guest's token is another one now."""
        if self._identify is None:
            return False
        try:
            return self._session.become(self._identify())
        except OSError as error:
            self._log.say(f"the token can't be read anew: {error}")
            return False

    def _farewell(self) -> None:
        self._log.say(f"stopping: {self._stop_reason}")
        self._guard("bye", self._say_bye)
        self.close()

    def _say_bye(self) -> None:
        self._session.bye(self._stop_reason)
        self._links.farewell(FAREWELL_SECONDS)
