"""A Robot library that gives a VM of `EvidenceBench` a SPICE session with a stand-in server, whole or broken."""

from __future__ import annotations

import contextlib
from typing import Any

from tests.spice.golden import NO_CLIP, NO_MASK
from tests.spice.server import PRIMARY, Behaviour, SpiceServer

from ATPLibrary import runtime
from ATPLibrary.errors import ATPError
from ATPLibrary.events import bus
from ATPLibrary.orchestrator import Workspace
from ATPLibrary.protocol.spice.client import speaking
from ATPLibrary.protocol.spice.linking import SpiceLink
from ATPLibrary.protocol.spice.messages import brushes, draw, geometry
from ATPLibrary.transport.spice import SpiceChannelType as Type
from ATPLibrary.transport.spice_connection import SpiceConnectionManager

SECONDS = 5.0
RED = brushes.Brush(1, brushes.SolidBrush(0xFF0000))
EVERYWHERE = geometry.DrawBase(0, geometry.Rect(0, 0, 2, 4), NO_CLIP)


class SpiceBench:
    ROBOT_LIBRARY_SCOPE = "GLOBAL"

    def connect_bench_spice(self, name: str, breaks: str = "") -> None:
        """With main, inputs and a display that is red. `breaks`: `display` by a message that can't be, `ticket`, or `absent`: a
        channel was tried that the server doesn't have."""
        runtime.wait(self._connect(name, breaks), 3 * SECONDS, "Connecting")

    def disconnect_bench_spice(self) -> None:
        runtime.wait(Workspace.current().spice_sessions.close(), SECONDS, "Disconnecting")

    async def _connect(self, name: str, breaks: str) -> None:
        absent = {Type.RECORD} if breaks == "absent" else set()
        channels = [(int(each), 0) for each in Type if each not in absent]
        ticket = "right" if breaks == "ticket" else ""
        server = SpiceServer(Behaviour(ticket=ticket, absent=absent, channels=channels))
        await server.start()
        server.bus = bus()
        connection = server.connection("wrong-one" if breaks == "ticket" else None)
        workspace = Workspace.current()
        machine: Any = workspace.machines["bench", name]
        machine.uuid = f"uuid-of-{name}"
        manager = SpiceConnectionManager(bus(), link=SpiceLink())
        manager.vm_connections[machine.uuid] = connection
        workspace.spice_sessions._managers[machine.uuid] = manager
        if breaks == "ticket":
            try:
                await connection.connect_main_channel(SECONDS)
            except ATPError:
                return
            raise AssertionError("the wrong ticket was taken")
        await connection.connect_main_channel(SECONDS)
        await connection.open_channel(Type.INPUTS, timeout=SECONDS)
        screen = speaking(await connection.open_channel(Type.DISPLAY, timeout=SECONDS))
        peer = await server.peer(Type.DISPLAY)
        peer.send(314, PRIMARY)
        peer.say(draw.DrawFill(EVERYWHERE, RED, 8, NO_MASK))
        peer.send(102)
        await screen.expect("MARK", SECONDS)
        if breaks == "display":
            peer.send(999)
            peer.send(315, b"\1")
            try:
                await screen.wait_until(lambda: False, SECONDS, "end")
            except ATPError:
                return
        if breaks == "absent":
            with contextlib.suppress(ATPError):
                await connection.open_channel(Type.RECORD, timeout=SECONDS)
