"""A guest that goes wrong on demand, behind a SPICE server: what comes on its inputs channel goes to the guest's devices."""

from __future__ import annotations

import contextlib
import struct
from collections.abc import AsyncIterator
from typing import Any

from tests.spice.server import Behaviour, Peer, SpiceServer

from ATPLibrary import events
from ATPLibrary.protocol.qmp.edges import absolute_event, button_event, key_event, relative_event
from ATPLibrary.protocol.spice.inputs import SpiceInputs
from ATPLibrary.protocol.spice.linking import SpiceLink
from ATPLibrary.protocol.spice.options import SpiceOptions
from ATPLibrary.protocol.spice.scancodes import QCODES, code_of
from ATPLibrary.transport.spice import SpiceChannelType as Type
from ATPLibrary.transport.spice import SpiceEndpoint
from ATPLibrary.transport.spice_connection import SpiceVmConnection
from ATPLibrary.verifier.spice_injector import SpiceInjector

from .faulty_guest import FaultyGuest

WIDTH, HEIGHT = 1024, 768
SCREEN = struct.pack("<5I", 0, WIDTH, HEIGHT, 32, 1)
_KEYS = {code_of(qcode, down): (qcode, down) for qcode in QCODES for down in (True, False)}
_BUTTONS = {1: "left", 2: "middle", 3: "right", 4: "wheel-up", 5: "wheel-down", 6: "side", 7: "extra"}
_BITS = {1: "left", 2: "middle", 4: "right", 32: "side", 64: "extra"}
MODES = 3


class SpicedGuest:
    """`way` sends to it by SPICE; `server.behaviour` and the guest's own attributes make it fail."""

    def __init__(self, guest: FaultyGuest, server: SpiceServer, connection: SpiceVmConnection) -> None:
        self.guest = guest
        self.server = server
        self.connection = connection
        self.inputs = SpiceInputs(connection)
        self.way = SpiceInjector(guest.qmp, lambda: self.inputs, guest.name)
        self.dies_at: int | None = None  # the inputs channel ends, without a word, at this message
        self.motions = 0
        self._buttons = 0  # as QEMU's one mask of both mice
        self._messages = 0

    def hear(self, peer: Peer, number: int, body: bytes) -> None:
        """As spice-server and QEMU do: what comes while the VM stands still is dropped without a word."""
        if peer.type is Type.MAIN and number == 105:
            (mode,) = struct.unpack("<H", body)
            peer.send(105, struct.pack("<HH", MODES, mode))
        if peer.type is not Type.INPUTS:
            return
        self._messages += 1
        if self._messages == self.dies_at:
            peer.writer.transport.abort()
            return
        happening = self._events(peer, number, body)
        if happening and self.guest.status == "running":
            self.guest.take(happening)

    def _events(self, peer: Peer, number: int, body: bytes) -> list[dict[str, Any]]:
        match number:
            case 101 | 102:
                return [key_event(*_KEYS[struct.unpack("<I", body)[0]])]
            case 111:
                self._acknowledge(peer)
                dx, dy, mask = struct.unpack("<iiH", body)
                return [*self._buttons_are(mask), relative_event("x", dx), relative_event("y", dy)]
            case 112:
                self._acknowledge(peer)
                x, y, mask, _ = struct.unpack("<IIHB", body)
                place = [absolute_event("x", x * 0x7FFF // WIDTH), absolute_event("y", y * 0x7FFF // HEIGHT)]
                return [*self._buttons_are(mask), *place]
            case 113 | 114:
                button, mask = struct.unpack("<BH", body)
                turns = [button_event(_BUTTONS[button], number == 113)] if button in (4, 5) else []
                return [*self._buttons_are(mask), *turns]
        return []

    def _buttons_are(self, mask: int) -> list[dict[str, Any]]:
        changed, self._buttons = self._buttons ^ mask, mask
        return [button_event(name, bool(mask & bit)) for bit, name in _BITS.items() if changed & bit]

    def _acknowledge(self, peer: Peer) -> None:
        self.motions += 1
        if self.motions % 4 == 0:
            peer.send(111)


class _Server(SpiceServer):
    """`made` hears each message of a client."""

    made: SpicedGuest | None = None

    def answer(self, peer: Peer, number: int) -> None:
        super().answer(peer, number)
        if self.made is not None:
            self.made.hear(peer, *peer.got[-1])


@contextlib.asynccontextmanager
async def spiced(guest: FaultyGuest) -> AsyncIterator[SpicedGuest]:
    """Its session is open, and its inputs channel; both are closed at the end."""
    server = _Server(Behaviour(greetings={**Behaviour().greetings, Type.DISPLAY: [(314, SCREEN)]}))
    await server.start()
    try:
        endpoint = SpiceEndpoint(guest.name, "127.0.0.1", server.port)
        connection = SpiceVmConnection(guest.name, "u-1", endpoint, events.bus(), link=SpiceLink(SpiceOptions()))
        made = server.made = SpicedGuest(guest, server, connection)
        await connection.connect_main_channel(5)
        await made.inputs.open(5)
        yield made
        await connection.close()
    finally:
        await server.stop()
