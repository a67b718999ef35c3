"""What every function of the fake Windows stands on: prototypes, handles, events, waiting, firmware."""

from __future__ import annotations

import ctypes
import queue
import threading
import time
from ctypes import byref, sizeof

from atp_guest_agent.windows import structures, win32

NOT_FOUND, IO_PENDING, ABORTED, BROKEN, ACCESS_DENIED = 2, 997, 995, 109, 5


class Event:
    def __init__(self, manual, is_set):
        self.manual = manual
        self.is_set = is_set


class Kernel:
    def __init__(self):
        self.faults = []  # what went wrong in a call: a test must find none
        self.lock = threading.Condition()
        self.handles = {}
        self.next_handle = 0x100
        self.last_error = 0
        self.queues = {}  # thread -> messages, and functions to be called there
        self.firmware = b""
        self.boot_time, self.boot_bias = 133_000_000_000_000_000, 0
        self.kept = []

    # what makes it go

    def _function(self, dll, name):
        result, *arguments = win32.SIGNATURES[dll][name]
        own = getattr(self, name)

        def call(*given):
            try:
                answer = own(*given)
                return 0 if answer is None and result is not None else answer
            except Exception as error:
                self.faults.append((name, error))
                return 0

        self.kept.append(call)
        return structures.function_type(result, *arguments)(call)

    def new(self, thing):
        with self.lock:
            self.next_handle += 4
            self.handles[self.next_handle] = thing
            return self.next_handle

    def fail(self, number, answer=0):
        self.last_error = number
        return answer

    # kernel32: handles, events, waiting

    def GetLastError(self):
        return self.last_error

    def CloseHandle(self, handle):
        del self.handles[handle]  # one that is none is a fault
        return 1

    def CreateEventW(self, _security, manual, is_set, name):
        event = Event(bool(manual), bool(is_set))
        event.name = name
        return self.new(event)

    def OpenEventW(self, _access, _inherit, name):
        for thing in self.handles.values():
            if isinstance(thing, Event) and thing.name == name:
                return self.new(thing)
        return self.fail(NOT_FOUND)

    def SetEvent(self, handle):
        with self.lock:
            self.handles[handle].is_set = True
            self.lock.notify_all()
        return 1

    def ResetEvent(self, handle):
        with self.lock:
            self.handles[handle].is_set = False
        return 1

    def WaitForSingleObject(self, handle, milliseconds):
        return self._wait([handle], milliseconds)

    def WaitForMultipleObjects(self, count, handles, every, milliseconds):
        assert not every
        assert 0 < count <= 64
        return self._wait([handles[number] for number in range(count)], milliseconds)

    def _wait(self, handles, milliseconds):
        things = [self.handles[handle] for handle in handles]

        def first():
            for number, thing in enumerate(things):
                if thing.is_set:
                    return number
            return None

        with self.lock:
            end = None if milliseconds == win32.INFINITE else time.monotonic() + milliseconds / 1000
            while (number := first()) is None:
                left = None if end is None else end - time.monotonic()
                if left is not None and left <= 0:
                    return win32.WAIT_TIMEOUT
                self.lock.wait(left)
            if not things[number].manual:
                things[number].is_set = False
            return number

    def GetCurrentThreadId(self):
        thread = threading.get_ident() & 0xFFFFFFFF
        self.queues.setdefault(thread, queue.Queue())
        return thread

    def GetModuleHandleW(self, _name):
        return 0x400000

    def GetTickCount(self):
        return int(time.monotonic() * 1000) & 0xFFFFFFFF

    def SetConsoleCtrlHandler(self, handler, add):
        self.console_handler = handler if add else None
        return 1

    # firmware and boot

    def GetSystemFirmwareTable(self, provider, _table, buffer, size):
        assert provider == 0x52534D42  # "RSMB"
        if size >= len(self.firmware):
            ctypes.memmove(buffer, self.firmware, len(self.firmware))
        return len(self.firmware)

    def NtQuerySystemInformation(self, kind, buffer, size, _got):
        assert (kind, size) == (3, 48)
        said = structures.TIMEOFDAY(BootTime=self.boot_time, BootTimeBias=self.boot_bias)
        ctypes.memmove(buffer, byref(said), sizeof(said))
        return 0
