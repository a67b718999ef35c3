"""The peer of the measurements: bare asyncio streams that speak the same messages with the same VMs, and do no more than that."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Sequence
from pathlib import Path

from ATPLibrary.protocol.qmp.edges import EVDEV_OF_QCODE, Edge, key_event

from .names import agent_socket, qmp_socket

EDGES_AT_ONCE = 14  # as many as a PS/2 keyboard's queue bears


class BareVm:
    def __init__(self, directory: Path, number: int) -> None:
        self._directory, self._number = directory, number

    async def connect(self) -> None:
        self._qmp, self._qmp_out = await asyncio.open_unix_connection(str(qmp_socket(self._directory, self._number)))
        await self._qmp.readline()
        self._qmp_out.write(b'{"execute":"qmp_capabilities"}\n')
        await self._qmp.readline()
        path = str(agent_socket(self._directory, self._number))
        self._agent, self._agent_out = await asyncio.open_unix_connection(path)
        self._agent_out.write(b'{"type":"hello","nonce":"1","protocol":1,"watch":true}\n')
        assert json.loads(await self._agent.readline())["nonce"] == "1"

    async def query_status(self) -> None:
        self._qmp_out.write(b'{"execute":"query-status","id":1}\n')
        reply = json.loads(await self._qmp.readline())
        assert reply["return"]["status"] == "running"

    async def type_edges(self, edges: Sequence[Edge]) -> None:
        """Send keys, as many at once as the keyboard bears, and see each come back in order."""
        for start in range(0, len(edges), EDGES_AT_ONCE):
            sent = edges[start : start + EDGES_AT_ONCE]
            events = [key_event(edge.qcode, edge.down) for edge in sent]
            command = {"execute": "input-send-event", "arguments": {"events": events}, "id": 2}
            self._qmp_out.write(json.dumps(command).encode() + b"\n")
            assert "return" in json.loads(await self._qmp.readline())
            expected = [[EVDEV_OF_QCODE[edge.qcode], int(edge.down)] for edge in sent]
            while expected:
                batch = json.loads(await self._agent.readline())
                for _, _, code, value, _ in batch["events"]:
                    assert [code, value] == expected.pop(0)

    def close(self) -> None:
        self._qmp_out.close()
        self._agent_out.close()
