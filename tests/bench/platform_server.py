"""A platform that costs nothing: canned answers over HTTP/1.1, for measuring clients. `python -m tests.bench.platform_server`."""

from __future__ import annotations

import asyncio
import json
import re
from typing import Any

from .vms import vm

LOGIN = {"token": "3cbd16a6-fefe-4efb-bb12-8e78c62b82e4", "username": "admin"}
_LENGTH = re.compile(rb"content-length: *(\d+)", re.IGNORECASE)
_PAGE = re.compile(r"[?&]pageNum=(\d+)")
VMS = 1000
PAGE = 100


def answer(data: Any) -> bytes:
    body = json.dumps({"status": 0, "msg": "操作成功", "data": data}, ensure_ascii=False).encode()
    return b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: %d\r\n\r\n" % len(body) + body


def page(number: int) -> bytes:
    items = [vm(index) for index in range((number - 1) * PAGE, number * PAGE)]
    return answer({"list": items, "pageNum": number, "pageSize": PAGE, "pages": VMS // PAGE, "total": VMS})


ANSWERS = {"login": answer(LOGIN), "one": answer(vm(7)), "nothing": answer(None)}
PAGES = [page(number) for number in range(1, VMS // PAGE + 1)]


class Platform(asyncio.Protocol):
    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        assert isinstance(transport, asyncio.Transport)
        self._transport = transport
        self._received = b""

    def data_received(self, data: bytes) -> None:
        self._received += data
        while (end := self._received.find(b"\r\n\r\n")) >= 0:
            head = self._received[:end]
            length = _LENGTH.search(head)
            whole = end + 4 + (int(length[1]) if length else 0)
            if len(self._received) < whole:
                return
            self._received = self._received[whole:]
            self._transport.write(self._answer(head.split(b" ", 2)[1].decode()))

    def _answer(self, target: str) -> bytes:
        if number := _PAGE.search(target):
            return PAGES[int(number[1]) - 1]
        name = "login" if target.endswith("/login") else "one" if "/domain/" in target else "nothing"
        return ANSWERS[name]


async def main() -> None:
    server = await asyncio.get_running_loop().create_server(Platform, "127.0.0.1", 0)
    print(server.sockets[0].getsockname()[1], flush=True)
    await server.serve_forever()


if __name__ == "__main__":
    asyncio.run(main())
