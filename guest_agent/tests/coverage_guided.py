"""Bytes that a fuzzer makes up by what code they reach, for the agent's readers: needs atheris (pip install -e '.[fuzz]').

    .venv/bin/python guest_agent/tests/coverage_guided.py -max_total_time=60

Ends with an error, and writes the bytes to a file, at the first that crash a reader or make the session fail in itself.
"""

from __future__ import annotations

import sys
from pathlib import Path

import atheris

PROJECT = Path(__file__).resolve().parent.parent
sys.path[:0] = [str(PROJECT / "src"), str(PROJECT / "tests")]

with atheris.instrument_imports(include=["atp_guest_agent"]):
    from agent_world import IDENTITY, Plugboard
    from atp_guest_agent.jsontext import dump, parse
    from atp_guest_agent.lines import LineReader
    from atp_guest_agent.links.address import Address
    from atp_guest_agent.links.framing import Lengths
    from atp_guest_agent.links.websocket import WebSocket
    from atp_guest_agent.linux import Linux
    from atp_guest_agent.session import Session

PLATFORM = Linux(Plugboard())


class Told:
    """Stands for the links: keeps what the session says."""

    present, queued = True, 0

    def __init__(self):
        self.lines = []

    def put(self, line):
        self.lines.append(line)

    def clear(self):
        return []

    def cut(self):
        pass

    greeted = cut

    def refused(self, reason):
        pass


def text(data):
    try:
        value = parse(data.decode("utf-8"))
    except ValueError:
        return
    dump(value)


def conversation(data):
    told = Told()
    session = Session(told, IDENTITY, PLATFORM)
    for line in LineReader(4096).feed(data + b"\n"):
        session.receive(line, 1)
    session.tend()
    for line in told.lines:
        said = parse(line.decode("ascii"))
        assert " in the agent" not in str(said.get("message")), line


def web_socket(data):
    framing = WebSocket(Address("ws://127.0.0.1:1/"))
    framing.state = WebSocket.OPEN
    framing.feed(data)


def lengths(data):
    Lengths().feed(data)


READERS = [text, conversation, conversation, web_socket, lengths]


def one(data):
    if data:
        READERS[data[0] % len(READERS)](data[1:])


if __name__ == "__main__":
    atheris.Setup(sys.argv, one)
    atheris.Fuzz()
