"""Keeps an agent running in the session that has the screen: another one, when another session gets it; again, when it ends.

The agent runs as SYSTEM, as the service does, in that session: virtio-win's ports can be opened by administrators only, and hooks
of an ordinary user aren't told what is typed into windows of an administrator's.
"""

from __future__ import annotations

import ctypes
import os
import subprocess
import threading
from ctypes import byref, sizeof

from atp_guest_agent import clock
from atp_guest_agent.windows import structures, win32
from atp_guest_agent.windows.command import STOP_EVENT

TYPE_CHECKING = False
if TYPE_CHECKING:
    from atp_guest_agent.log import Log

NO_SESSION = 0xFFFFFFFF
FIRST_SECONDS, LONGEST_SECONDS = 1.0, 30.0  # before an agent that ended is started again
SETTLED_SECONDS = 60.0  # one that ran so long did not fail to start
FAREWELL_MS = 3_000
DESKTOP = "winsta0\\default"
_TOKEN_ACCESS = (
    0x0002 | 0x0008 | 0x0001 | 0x0080 | 0x0100
)  # duplicate, query, assign primary, adjust default, adjust session
_ALL_TOKEN_ACCESS, _IDENTIFICATION, _PRIMARY, _TOKEN_SESSION_ID = 0xF01FF, 1, 1, 12
_SUSPENDED, _NO_WINDOW, _OWN_GROUP = 0x4, 0x08000000, 0x200
_STD_HANDLES = 0x100
_LIMITS, _KILL_ON_CLOSE = 9, 0x2000


class Keeper:
    """States: WAITING (no session has a screen, or an agent has just ended) <-> KEEPING (one runs), either -> ENDED (`stop`)."""

    WAITING, KEEPING, ENDED = range(3)

    def __init__(self, api: win32.Win32, command: list[str], log: Log) -> None:
        self.state = self.WAITING
        self.session = NO_SESSION
        self._api = api
        self._command = command
        self._log = log
        self._news = self._event(None)  # stop, or another session
        # By name: nothing can be inherited by a process of another session.
        self._stop_name = f"Global\\atp-agent-stop-{os.urandom(8).hex()}"
        self._stop_agent = self._event(self._stop_name)
        self._is_stopping = False
        self._open = threading.Lock()  # held while the handles that other threads use are used or closed
        self._process: int | None = None
        self._started_at = 0.0
        self._again_at = 0.0
        self._wait_seconds = FIRST_SECONDS
        # What it starts ends with this process, however this ends.
        self._job = self._make_job()

    def run(self) -> None:
        """Until `stop`. Raises OSError when Windows refuses what a service may do: then this is none."""
        try:
            while not self._is_stopping:
                self.turn()
        except OSError as error:
            self._log.say(f"the service ends: {error}")
            raise
        finally:
            self._end_agent()
            with self._open:
                self.state = self.ENDED
                for handle in (self._news, self._stop_agent, self._job):
                    self._api.CloseHandle(handle)

    def stop(self) -> None:
        """From any thread."""
        self._is_stopping = True
        self.session_changed()

    def session_changed(self) -> None:
        """From any thread: the screen may be another session's now."""
        with self._open:
            if self.state != self.ENDED:
                self._api.SetEvent(self._news)

    def turn(self) -> None:
        """See who has the screen, have an agent there, and wait for news."""
        session = self._api.WTSGetActiveConsoleSessionId()
        if self._process is not None and session != self.session:
            self._end_agent()
            self._wait_seconds, self._again_at = FIRST_SECONDS, 0.0
        self.session = session
        now = clock.seconds()
        if self._process is None and session != NO_SESSION and now >= self._again_at:
            self._start_agent(session)
        self._wait(now)

    def _wait(self, now: float) -> None:
        handles = [self._news] if self._process is None else [self._news, self._process]
        seconds = None
        if self._process is None and self.session != NO_SESSION:
            seconds = max(self._again_at - now, 0.0)
        array = (structures.HANDLE * len(handles))(*handles)
        milliseconds = win32.INFINITE if seconds is None else int(seconds * 1000) + 1
        woken = self._api.WaitForMultipleObjects(len(handles), array, False, milliseconds)
        if woken == win32.WAIT_FAILED:
            raise self._api.error("Windows can't wait")
        if self._process is not None and woken == win32.WAIT_OBJECT_0 + 1:
            self._note_end()

    def _note_end(self) -> None:
        """The agent has ended by itself: again, after a while that grows."""
        status = structures.DWORD()
        self._api.GetExitCodeProcess(self._process, byref(status))
        self._api.CloseHandle(self._process)
        self._process, self.state = None, self.WAITING
        now = clock.seconds()
        if now - self._started_at > SETTLED_SECONDS:
            self._wait_seconds = FIRST_SECONDS
        self._again_at = now + self._wait_seconds
        self._log.say(
            f"the agent in session {self.session} ended with status {status.value} (its own log may say why); "
            f"another one in {self._wait_seconds:g} s"
        )
        self._wait_seconds = min(2 * self._wait_seconds, LONGEST_SECONDS)

    def _start_agent(self, session: int) -> None:
        self._api.ResetEvent(self._stop_agent)
        self._started_at = clock.seconds()
        token = self._token_of(session)
        try:
            # It has no standard streams: it shall not take the numbers of this process's for its own.
            startup = structures.STARTUPINFOW(
                cb=sizeof(structures.STARTUPINFOW), lpDesktop=DESKTOP, dwFlags=_STD_HANDLES
            )
            started = structures.PROCESS_INFORMATION()
            at = self._command.index("-S") + 2 if "-S" in self._command else 1  # behind the program, before its options
            words = [*self._command[:at], f"{STOP_EVENT}{self._stop_name}", *self._command[at:]]
            line = ctypes.create_unicode_buffer(subprocess.list2cmdline(words))
            # Suspended until it is in the job: it may not start anything outside of it.
            flags = _SUSPENDED | _NO_WINDOW | _OWN_GROUP
            made = self._api.CreateProcessAsUserW(
                token, None, line, None, None, False, flags, None, None, byref(startup), byref(started)
            )
            self._api.check(made, f"an agent can't be started in session {session}")
        finally:
            self._api.CloseHandle(token)
        self._api.AssignProcessToJobObject(self._job, started.hProcess)
        self._api.ResumeThread(started.hThread)
        self._api.CloseHandle(started.hThread)
        self._process, self.state = started.hProcess, self.KEEPING
        self._log.say(f"started an agent in session {session}")

    def _end_agent(self) -> None:
        """Ask it to go, so that it says bye; one that doesn't is ended."""
        if self._process is None:
            return
        self._api.SetEvent(self._stop_agent)
        if self._api.WaitForSingleObject(self._process, FAREWELL_MS) != win32.WAIT_OBJECT_0:
            self._log.say(f"the agent in session {self.session} didn't go when it was asked to, and was ended")
            self._api.TerminateProcess(self._process, 1)
        self._api.CloseHandle(self._process)
        self._process, self.state = None, self.WAITING

    def _token_of(self, session: int) -> int:
        """This process's own token, made one of that session's. Only SYSTEM may."""
        api = self._api
        own, token = structures.HANDLE(), structures.HANDLE()
        api.check(
            api.OpenProcessToken(api.GetCurrentProcess(), _TOKEN_ACCESS, byref(own)),
            "the service's token can't be opened",
        )
        try:
            made = api.DuplicateTokenEx(own, _ALL_TOKEN_ACCESS, None, _IDENTIFICATION, _PRIMARY, byref(token))
            api.check(made, "the service's token can't be copied")
        finally:
            api.CloseHandle(own)
        number = ctypes.c_uint32(session)
        if not api.SetTokenInformation(token, _TOKEN_SESSION_ID, byref(number), sizeof(number)):
            error = api.error(f"a process can't be put into session {session}: the service must run as SYSTEM")
            api.CloseHandle(token)
            raise error
        return int(token.value or 0)

    def _make_job(self) -> int:
        job = int(self._api.check(self._api.CreateJobObjectW(None, None), "Windows makes no job"))
        limits = structures.JOB_LIMITS(LimitFlags=_KILL_ON_CLOSE)
        self._api.SetInformationJobObject(job, _LIMITS, byref(limits), sizeof(limits))
        return job

    def _event(self, name: str | None) -> int:
        """The agent's stop stays said; news is taken once."""
        event = self._api.CreateEventW(None, name is not None, False, name)
        return int(self._api.check(event, "Windows makes no event"))
