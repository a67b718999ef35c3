"""Runs on a Windows (or Wine) Python: starts the agent, is its host, makes input, and prints what came of it as one JSON object.

    python.exe wine_driver.py AGENT.PYZ pipe|tcp

Input is made in two ways: by SendInput, which Windows marks as injected; and, where a line "x" is asked for on standard output, by
whoever started this (xdotool, at a window that this shows), which is what a keyboard is to Windows.
"""

from __future__ import annotations

import ctypes
import json
import socket
import struct
import subprocess
import sys
import threading
import time
from ctypes import wintypes

PATIENCE = 30.0
PIPE = "\\\\.\\pipe\\atp-agent-test"
KEY_UP, EXTENDED, BY_SCAN_CODE = 2, 1, 8
MOVE, LEFT_DOWN, LEFT_UP, WHEEL, ABSOLUTE = 1, 2, 4, 0x800, 0x8000

kernel32 = ctypes.WinDLL("kernel32", use_last_error=True)
user32 = ctypes.WinDLL("user32", use_last_error=True)
kernel32.CreateNamedPipeW.restype = ctypes.c_void_p
for function in (kernel32.ReadFile, kernel32.WriteFile):
    function.argtypes = [ctypes.c_void_p, ctypes.c_void_p, ctypes.c_uint32, ctypes.c_void_p, ctypes.c_void_p]
kernel32.PeekNamedPipe.argtypes = [ctypes.c_void_p, *[ctypes.c_void_p] * 5]
kernel32.ConnectNamedPipe.argtypes = [ctypes.c_void_p, ctypes.c_void_p]
kernel32.CloseHandle.argtypes = [ctypes.c_void_p]


class KeyInput(ctypes.Structure):
    _fields_ = [
        ("vk", wintypes.WORD),
        ("scan", wintypes.WORD),
        ("flags", wintypes.DWORD),
        ("time", wintypes.DWORD),
        ("extra", ctypes.c_size_t),
    ]


class MouseInput(ctypes.Structure):
    _fields_ = [
        ("x", wintypes.LONG),
        ("y", wintypes.LONG),
        ("data", wintypes.DWORD),
        ("flags", wintypes.DWORD),
        ("time", wintypes.DWORD),
        ("extra", ctypes.c_size_t),
    ]


class Either(ctypes.Union):
    _fields_ = [("key", KeyInput), ("mouse", MouseInput)]


class Input(ctypes.Structure):
    _fields_ = [("type", wintypes.DWORD), ("either", Either)]


def send(*inputs):
    array = (Input * len(inputs))(*inputs)
    assert user32.SendInput(len(inputs), array, ctypes.sizeof(Input)) == len(inputs)


def key(scan, down, extended=False, vk=0):
    flags = (0 if down else KEY_UP) | (EXTENDED if extended else 0) | (0 if vk else BY_SCAN_CODE)
    return Input(1, Either(key=KeyInput(vk, scan, flags, 0, 0)))


def mouse(flags, x=0, y=0, data=0):
    return Input(0, Either(mouse=MouseInput(x, y, data & 0xFFFFFFFF, flags, 0, 0)))


class PipeHost:
    """The host's end of a port: a named pipe."""

    address = ("--port", PIPE)

    def __init__(self):
        self.handle = kernel32.CreateNamedPipeW(PIPE, 3, 0, 1, 65536, 65536, 0, None)
        assert self.handle not in (None, ctypes.c_void_p(-1).value), ctypes.get_last_error()
        self.rest = b""

    def accept(self):
        kernel32.ConnectNamedPipe(self.handle, None)

    def send(self, message):
        data = json.dumps(message).encode() + b"\n"
        done = wintypes.DWORD()
        assert kernel32.WriteFile(self.handle, data, len(data), ctypes.byref(done), None), ctypes.get_last_error()

    def receive(self, timeout=PATIENCE):
        end = time.monotonic() + timeout
        while True:
            line, newline, rest = self.rest.partition(b"\n")
            if newline:
                self.rest = rest
                if line.strip():
                    return json.loads(line)
                continue
            waiting = wintypes.DWORD()
            assert kernel32.PeekNamedPipe(self.handle, None, 0, None, ctypes.byref(waiting), None), (
                ctypes.get_last_error()
            )
            if waiting.value:
                buffer, got = ctypes.create_string_buffer(waiting.value), wintypes.DWORD()
                assert kernel32.ReadFile(self.handle, buffer, len(buffer), ctypes.byref(got), None)
                self.rest += buffer.raw[: got.value]
            elif time.monotonic() > end:
                raise TimeoutError("the agent said nothing more")
            else:
                time.sleep(0.002)  # a pipe's waiting end announces nothing

    def close(self):
        kernel32.CloseHandle(self.handle)


class TcpHost:
    """A service that the agent dials: messages with their length before them."""

    def __init__(self):
        self.listener = socket.create_server(("127.0.0.1", 0))
        self.listener.settimeout(PATIENCE)
        self.address = ("--port", "none", "--connect", f"tcp://127.0.0.1:{self.listener.getsockname()[1]}")

    def accept(self):
        self.stream = self.listener.accept()[0]
        self.file = self.stream.makefile("rb")

    def send(self, message):
        data = json.dumps(message).encode()
        self.stream.sendall(struct.pack(">I", len(data)) + data)

    def receive(self, timeout=PATIENCE):
        self.stream.settimeout(timeout)
        return json.loads(self.file.read(struct.unpack(">I", self.file.read(4))[0]))

    def close(self):
        self.stream.close()
        self.listener.close()


class Host:
    def __init__(self, line):
        self.line = line
        self.numbers = iter(range(1, 1 << 30))

    def ask(self, kind, **message):
        """The answer of that type, and the observations before it."""
        self.line.send(message)
        seen = []
        while True:
            answer = self.line.receive()
            if answer["type"] == "observations":
                seen += answer["events"]
            elif answer["type"] in (kind, "error"):
                return answer, seen

    def until(self, kind):
        while True:
            message = self.line.receive()
            if message["type"] == kind:
                return message

    def seen(self, count):
        """At least so many events; and all that were told by then."""
        events = []
        while len(events) < count:
            message = self.line.receive()
            if message["type"] == "observations":
                events += message["events"]
        return events + self.ask("state", type="state", id=next(self.numbers))[1]


def show_window():
    """A window called "atp" that can have the keyboard, its messages taken on a thread of its own."""
    ready = threading.Event()

    def run():
        user32.CreateWindowExW.restype = ctypes.c_void_p
        window = user32.CreateWindowExW(0, "STATIC", "atp", 0x10CF0000, 10, 10, 400, 300, None, None, None, None)
        user32.SetWindowTextW(ctypes.c_void_p(window), "atp")  # after it was made, so that X hears of it
        message = wintypes.MSG()
        ready.set()
        while user32.GetMessageW(ctypes.byref(message), None, 0, 0) > 0:
            user32.DispatchMessageW(ctypes.byref(message))

    threading.Thread(target=run, daemon=True).start()
    ready.wait(PATIENCE)


def main(agent, way):
    line = PipeHost() if way == "pipe" else TcpHost()
    command = [sys.executable, "-I", "-S", agent, *line.address, "--vm-id", "wine"]
    process = subprocess.Popen(command, stderr=subprocess.PIPE)
    found = {}
    try:
        line.accept()
        host = Host(line)
        found["hello"] = host.ask("hello", type="hello", nonce="n", protocol=1)[0]
        show_window()
        found["pong"] = host.ask("pong", type="ping", id=1)[0]
        found["clock"] = time.perf_counter_ns() // 1000

        send(
            key(0x1E, True),
            key(0x1E, False),
            key(0x4B, True, True),
            key(0x4B, False, True),
            key(0x4B, True),
            key(0x4B, False),
        )
        send(key(0, True, vk=0x41), key(0, False, vk=0x41))
        found["keys"] = host.seen(8)
        send(key(0x2A, True), key(0x1E, True), key(0x1E, True))
        found["repeated"] = host.seen(3)
        found["held"] = host.ask("state", type="state", id=2)[0]["held"]
        send(key(0x1E, False), key(0x2A, False))
        found["let go"] = host.seen(2)
        found["nothing held"] = host.ask("state", type="state", id=3)[0]["held"]
        send(mouse(MOVE | ABSOLUTE, 32768, 16384))
        found["moved"] = host.seen(2)
        send(mouse(LEFT_DOWN), mouse(LEFT_UP), mouse(WHEEL, data=-120))
        found["clicked"] = host.seen(3)

        wanted = {"type": "keyboard", "action": "keypress", "key": "b"}
        line.send({"type": "expect", "event_id": "e", "event": wanted, "timeout_ms": 20000})
        host.ask("pong", type="ping", id=4)
        send(key(0x30, True), key(0x30, False))
        found["result"] = host.until("result")

        found["grabbing"] = host.ask("grabbing", type="grab", enabled=True)[0]
        send(key(0x2E, True), key(0x2E, False))
        found["grabbed keys"] = host.seen(2)
        host.ask("grabbing", type="grab", enabled=False)
        send(key(0x20, True), key(0x20, False))
        found["free keys"] = host.seen(2)

        many = [each for _ in range(500) for each in (key(0x1E, True), key(0x1E, False))]
        for start in range(0, len(many), 20):
            send(*many[start : start + 20])
        found["many"] = [event[3] for event in host.seen(1000) if event[2] == 30]

        print("x", flush=True)  # now whoever started this presses keys at the window
        sys.stdin.readline()
        found["from the screen"] = host.seen(4)

        # On Windows slow hooks are taken away. Wine passes by those of a thread that took no message for five seconds.
        time.sleep(7)
        send(key(0x1F, True))
        time.sleep(1)
        found["overrun"], found["unheard"] = host.ask("overrun", type="ping", id=5)
        found["pong behind it"] = host.until("pong")
        send(key(0x1F, False))
        found["heard again"] = host.seen(1)
    finally:
        if process.poll() is None:
            process.terminate()
        found["errors"] = process.stderr.read().decode("utf-8", "replace")
        line.close()
        print(json.dumps(found), flush=True)


if __name__ == "__main__":
    main(*sys.argv[1:])
