"""Speaks in a guest as `spice-webdavd` does for a client of its own: ask_folder.py PORT 'GET /a.txt' 'PUT /new.txt some text' ...

Requests go out, and answers come back, in pieces behind a client's number and the piece's size. Prints of each answer its status,
its body's bytes and their SHA-256. It needs of Python only what the lab's guest has.
"""

from __future__ import annotations

import _sha256
import os
import struct
import sys

CLIENT = 77
HEAD = struct.Struct("<qH")


class Folder:
    """The guest's end of the port."""

    def __init__(self, port: str) -> None:
        self._port = os.open(port, os.O_RDWR)
        self._come = b""  # of the port
        self._answer = b""  # of the client's answers

    def ask(self, method: str, path: str, body: bytes) -> tuple[str, bytes]:
        """Status and body."""
        depth = "Depth: 1\r\n" if method == "PROPFIND" else ""
        head = f"{method} {path} HTTP/1.1\r\nHost: x\r\n{depth}Content-Length: {len(body)}\r\n\r\n"
        said = head.encode() + body
        os.write(self._port, HEAD.pack(CLIENT, len(said)) + said)
        while b"\r\n\r\n" not in self._answer:
            self._more()
        told, _, self._answer = self._answer.partition(b"\r\n\r\n")
        sizes = [int(line.split(b":")[1]) for line in told.split(b"\r\n") if line.lower().startswith(b"content-length")]
        while not self._is_whole(sizes):
            self._more()
        size = sizes[0] if sizes else len(self._answer)
        content, self._answer = self._answer[:size], self._answer[size:]
        return told.split()[1].decode(), content

    def close(self) -> None:
        """Tell that the client has gone."""
        os.write(self._port, HEAD.pack(CLIENT, 0))

    def _is_whole(self, sizes: list[int]) -> bool:
        """An answer without its size ends with an empty chunk."""
        return len(self._answer) >= sizes[0] if sizes else self._answer.endswith(b"0\r\n\r\n")

    def _more(self) -> None:
        number, size = HEAD.unpack(self._need(HEAD.size))
        if number != CLIENT:
            raise SystemExit(f"An answer for client {number}, not {CLIENT}")
        self._answer += self._need(size)

    def _need(self, size: int) -> bytes:
        while len(self._come) < size:
            self._come += os.read(self._port, 65536)
        part, self._come = self._come[:size], self._come[size:]
        return part


folder = Folder(sys.argv[1])
for request in sys.argv[2:]:
    method, path, *text = request.split(" ", 2)
    status, content = folder.ask(method, path, " ".join(text).encode())
    print(method, path, status, len(content), _sha256.sha256(content).hexdigest())
folder.close()
