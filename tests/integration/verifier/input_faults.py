"""Each fault of docs/input-faults.md, made: a function a row, by the row's name. Messages' are made on each way to the agent."""

from __future__ import annotations

import asyncio
import json
import tempfile
import time
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any

import pytest
from tests.faults.messages import MessageProxy

from ATPLibrary.errors import ATPError, InputError
from ATPLibrary.events import Event
from ATPLibrary.protocol.qmp.edges import EVDEV_OF_QCODE

from .dialling_agent import DiallingAgent
from .fault_bench import TEXT, WAYS, Bench, Outcome, bench
from .faulty_guest import FaultyGuest

MIB = 1024 * 1024
Fault = Callable[[Path], Awaitable[Outcome]]
FAULTS: dict[str, list[Fault]] = {}


def fault(name: str, *ways: str) -> Callable[[Callable[[Path, str], Awaitable[Outcome]]], None]:
    """The function below makes that row's fault, on each of `ways` (on virtio-serial's alone without)."""

    def note(make: Callable[[Path, str], Awaitable[Outcome]]) -> None:
        FAULTS[name] = [lambda directory, way=way: make(directory, way) for way in ways or ("line",)]  # type: ignore[misc]

    return note


# -- edges, between QEMU and the guest's kernel


async def _with_edges(directory: Path, spoil: Callable[[FaultyGuest], None], text: str = TEXT) -> Outcome:
    async with bench(directory) as made:
        spoil(made.guest)
        outcome = await made.type(text)
        outcome.well = await made.is_well()
        return outcome


@fault("a key's press and release are dropped")
async def _(directory: Path, way: str) -> Outcome:
    return await _with_edges(directory, lambda guest: guest.dropped.update({8, 9}))


@fault("a release is dropped: the key is stuck")
async def _(directory: Path, way: str) -> Outcome:
    return await _with_edges(directory, lambda guest: guest.dropped.add(9), "hell0 there")


@fault("an edge is doubled")
async def _(directory: Path, way: str) -> Outcome:
    return await _with_edges(directory, lambda guest: guest.doubled.add(4))


@fault("two edges are swapped")
async def _(directory: Path, way: str) -> Outcome:
    return await _with_edges(directory, lambda guest: guest.swapped.add(3))


@fault("a key repeats (autorepeat)")
async def _(directory: Path, way: str) -> Outcome:
    return await _with_edges(directory, lambda guest: setattr(guest, "repeats_at", 6))


# -- somebody else at the keyboard


@fault("a key is held by somebody else before the input")
async def _(directory: Path, way: str) -> Outcome:
    async with bench(directory) as made:
        made.guest.held.add(EVDEV_OF_QCODE["shift"])
        outcome = await made.type()
        assert not made.guest.received
        await made.engine.release_others(["shift"])
        outcome.well = await made.is_well()
        return outcome


@fault("a program in the guest has the keyboard to itself")
async def _(directory: Path, way: str) -> Outcome:
    async with bench(directory) as made:
        made.guest.taken_by = 312, "evtest"
        outcome = await made.type()
        made.guest.taken_by = None
        outcome.well = await made.is_well()
        return outcome


@fault("a key that a keyword holds is let go of by somebody else")
async def _(directory: Path, way: str) -> Outcome:
    async with bench(directory) as made:
        await made.engine.key_down("shift")
        made.guest.do_unread(EVDEV_OF_QCODE["shift"], 0)
        began = time.monotonic()
        with pytest.raises(InputError) as told:
            await made.engine.key_up("shift")
        within = time.monotonic() - began
        return Outcome(str(told.value), frozenset({"InputError"}), within, await made.is_well())


@fault("somebody else types the same right before the input")
async def _(directory: Path, way: str) -> Outcome:
    async with bench(directory) as made:

        def somebody_types() -> None:
            for value in (1, 0):
                made.guest.observe(EVDEV_OF_QCODE[TEXT[0]], value, ago=0.5)

        made.guest.before_taking = somebody_types
        outcome = await made.type()
        outcome.well = await made.is_well()
        return outcome


# -- what the agent reads and says


@fault("reader overrun: the kernel's buffer is full before the agent reads it")
async def _(directory: Path, way: str) -> Outcome:
    return await _with_edges(directory, lambda guest: setattr(guest, "overrun_at", 6))


@fault("the agent's queue is full before the host reads it")
async def _(directory: Path, way: str) -> Outcome:
    async with bench(directory) as made:

        def drops(message: bytes) -> list[bytes]:
            said = json.loads(message)
            if said["type"] != "observations" or drops.done:  # type: ignore[attr-defined]
                return [message]
            drops.done = True  # type: ignore[attr-defined]
            return [
                json.dumps({"type": "overrun", "seq": said["seq"], "device": None, "held": [], "dropped": 3}).encode()
            ]

        drops.done = False  # type: ignore[attr-defined]
        return await _edited(made, drops)


# -- messages on their way


async def _edited(made: Bench, edit: Callable[[bytes], list[bytes]]) -> Outcome:
    made.proxy.edit = edit
    outcome = await made.type()
    made.proxy.edit = lambda message: [message]
    outcome.well = await made.is_well()
    return outcome


def _at_batch(number: int, change: Callable[[bytes], list[bytes]]) -> Callable[[bytes], list[bytes]]:
    """Change what stands in that observation's place."""
    seen = 0

    def edit(message: bytes) -> list[bytes]:
        nonlocal seen
        if b'"observations"' not in message:
            return [message]
        seen += 1
        return change(message) if seen == number else [message]

    return edit


@fault("a message is missing: a gap in `seq`", *WAYS)
async def _(directory: Path, way: str) -> Outcome:
    async with bench(directory, way) as made:
        return await _edited(made, _at_batch(6, lambda message: []))


@fault("a message is cut short", *WAYS)
async def _(directory: Path, way: str) -> Outcome:
    async with bench(directory, way) as made:
        return await _edited(made, _at_batch(6, lambda message: [message[: len(message) // 2]]))


@fault("a message comes twice", *WAYS)
async def _(directory: Path, way: str) -> Outcome:
    async with bench(directory, way) as made:
        return await _edited(made, _at_batch(6, lambda message: [message, message]))


@fault("two messages change places", *WAYS)
async def _(directory: Path, way: str) -> Outcome:
    held: list[bytes] = []

    def swap(message: bytes) -> list[bytes]:
        if b'"observations"' not in message:
            return [message]
        swap.seen += 1  # type: ignore[attr-defined]
        if swap.seen == 6:  # type: ignore[attr-defined]
            held.append(message)
            return []
        return [message, *(held.pop() for _ in held[:])]

    swap.seen = 0  # type: ignore[attr-defined]
    async with bench(directory, way) as made:
        return await _edited(made, swap)


@fault("a message has fields that make no sense", *WAYS)
async def _(directory: Path, way: str) -> Outcome:
    def spoil(message: bytes) -> list[bytes]:
        return [json.dumps({**json.loads(message), "events": [[1, "key", 30]]}).encode()]

    async with bench(directory, way) as made:
        return await _edited(made, _at_batch(6, spoil))


@fault("a message of 100 MB, on virtio-serial")
async def _(directory: Path, way: str) -> Outcome:
    async with bench(directory) as made:
        return await _edited(made, _at_batch(6, lambda message: [b"x" * (100 * MIB), message]))


async def _ended_by(directory: Path, way: str, data: bytes) -> Outcome:
    """Those bytes come instead of the sixth observation, and the connection ends."""
    async with bench(directory, way) as made:

        def cut(message: bytes) -> list[bytes]:
            made.proxy.cut_after(data)
            return []

        return await _edited(made, _at_batch(6, cut))


@fault("the connection ends within a message, on TCP")
async def _(directory: Path, way: str) -> Outcome:
    return await _ended_by(directory, "tcp", b'\x00\x00\x01\x00{"type":"obs')


@fault("the connection ends within a message, on WebSocket")
async def _(directory: Path, way: str) -> Outcome:
    return await _ended_by(directory, "websocket", b'\x81\xfe\x01\x00\x00\x00\x00\x00{"type":"obs')


@fault("a message of 100 MB, on TCP")
async def _(directory: Path, way: str) -> Outcome:
    async with bench(directory, "tcp") as made:
        return await _edited(made, _at_batch(6, lambda message: [b"x" * (100 * MIB)]))


@fault("a message of 100 MB, on WebSocket")
async def _(directory: Path, way: str) -> Outcome:
    # As it travels, masked with zeros: made by the library it would keep this machine busy for seconds.
    frame = b"\x81\xff" + (100 * MIB).to_bytes(8, "big") + bytes(4) + b"x" * (100 * MIB)
    async with bench(directory, "websocket") as made:

        def send(message: bytes) -> list[bytes]:
            assert made.proxy.host is not None
            made.proxy.host.send_raw(frame)
            return []

        return await _edited(made, _at_batch(6, send))


# -- the agent itself


def _qemu_tells_of_the_port(made: Bench) -> None:
    source = f"vm:{made.session.vm_name}"
    made.guest.events.publish(
        Event(source, "qmp.VSERPORT_CHANGE", {"id": "channel1", "open": made.guest.has_port_open})
    )


@fault("the agent is killed and stays away, on virtio-serial")
async def _(directory: Path, way: str) -> Outcome:
    async with bench(directory) as made:

        def kill() -> None:
            made.guest.kill_agent()
            _qemu_tells_of_the_port(made)

        outcome = await made.type_while(kill)
        made.guest.start_agent()
        _qemu_tells_of_the_port(made)
        outcome.well = await made.is_well()
        return outcome


@fault("the agent is killed and stays away, having dialled in", "tcp", "websocket")
async def _(directory: Path, way: str) -> Outcome:
    async with bench(directory, way) as made:

        def kill() -> None:
            made.proxy.dials = False
            made.guest.kill_agent()
            made.guest.cut()

        outcome = await made.type_while(kill)
        made.guest.start_agent()
        made.proxy.dial_again()
        outcome.well = await made.is_well()
        return outcome


@fault("the agent is killed and started again")
async def _(directory: Path, way: str) -> Outcome:
    async with bench(directory) as made:

        def restart() -> None:
            made.guest.kill_agent()
            _qemu_tells_of_the_port(made)
            made.guest.start_agent()
            _qemu_tells_of_the_port(made)

        outcome = await made.type_while(restart)
        outcome.well = await made.is_well()
        return outcome


@fault("the agent is frozen (SIGSTOP)")
async def _(directory: Path, way: str) -> Outcome:
    async with bench(directory) as made:
        made.guest.has_port_open = True

        def freeze() -> None:
            made.guest.is_still = True

        outcome = await made.type_while(freeze)
        made.guest.is_still = False
        outcome.well = await made.is_well()
        return outcome


@fault("the agent sends and never reads", *WAYS)
async def _(directory: Path, way: str) -> Outcome:
    async with bench(directory, way) as made:
        made.guest.has_port_open = True
        chatting: list[asyncio.Task[None]] = []

        async def chat() -> None:
            while True:
                made.guest.observe(30, 2)
                await asyncio.sleep(0.1)

        def stop_reading() -> None:
            made.guest.answers_pings = False
            chatting.append(asyncio.create_task(chat()))

        made.guest.dropped.add(20)  # so that it is asked before the end
        outcome = await made.type_while(stop_reading, text=TEXT)
        chatting[0].cancel()
        made.guest.answers_pings = True
        outcome.well = await made.is_well()
        return outcome


@fault("the agent floods", *WAYS)
async def _(directory: Path, way: str) -> Outcome:
    async with bench(directory, way) as made:
        outcome = await made.type_while(lambda: made.guest.say(b'{"type":"?"}\n' * 6000))
        outcome.well = await made.is_well()
        return outcome


@fault("the agent is replaced by another one (an upgrade)")
async def _(directory: Path, way: str) -> Outcome:
    async with bench(directory) as made:

        def replace() -> None:
            made.guest.kill_agent()
            made.guest.start_agent("newer")
            _qemu_tells_of_the_port(made)

        outcome = await made.type_while(replace)
        outcome.well = await made.is_well()
        return outcome


@fault("the agent is replaced by a second one of the same guest, having dialled in", "tcp", "websocket")
async def _(directory: Path, way: str) -> Outcome:
    async with bench(directory, way) as made:
        second = MessageProxy(made.guest.socket, dial=made.dial)

        async def dial_in_beside_it() -> None:
            made.proxy.dials = False
            made.guest.start_agent()
            await second.__aenter__()
            await made.until(lambda: len(made.events("agent.connected")) == 2)

        outcome = await made.type_while(dial_in_beside_it)
        outcome.well = await made.is_well()
        await second.__aexit__()
        return outcome


@fault("the agent is replaced by another guest's that has its token, having dialled in", "tcp", "websocket")
async def _(directory: Path, way: str) -> Outcome:
    async with bench(directory, way) as made:
        assert made.service is not None
        other = DiallingAgent(way, made.service.addresses[way], made.guest.name, made.guest.token)

        async def intrude() -> None:
            made.proxy.dials = False
            await other.__aenter__()
            await made.until(lambda: len(made.events("agent.connected")) == 2)

        outcome = await made.type_while(intrude)
        await other.__aexit__()
        made.guest.start_agent()
        made.proxy.dial_again()
        outcome.well = await made.is_well()
        return outcome


@fault("the agent is replaced by one with another token (wrong token), on virtio-serial")
async def _(directory: Path, way: str) -> Outcome:
    async with bench(directory, token="the right one") as made:

        def replace() -> None:
            made.guest.kill_agent()
            made.guest.token = "a wrong one"
            made.guest.start_agent()
            _qemu_tells_of_the_port(made)

        outcome = await made.type_while(replace)
        made.guest.token = "the right one"
        outcome.well = await made.is_well()
        return outcome


async def _waited_for(made: Bench, heal: Callable[[], None]) -> Outcome:
    """What is read by whoever opens the session, and whether it is well once `heal` was called."""
    began = time.monotonic()
    try:
        await made.session.start(3.0)
        raise AssertionError("the session was opened")
    except ATPError as error:
        outcome = Outcome(str(error), frozenset({type(error).__name__}), time.monotonic() - began)
    heal()
    outcome.well = await made.is_well()
    return outcome


@fault("the agent dials in with a wrong token", "tcp", "websocket")
async def _(directory: Path, way: str) -> Outcome:
    async with bench(directory, way, starts=False) as made:
        right, made.guest.token = made.guest.token, "a wrong one"
        began = time.monotonic()
        assert made.service is not None
        assert made.vm is not None
        try:
            await made.service.channel(made.vm, 2.0)
            raise AssertionError("a channel was given")
        except ATPError as error:
            outcome = Outcome(str(error), frozenset({type(error).__name__}), time.monotonic() - began)
        made.guest.token = right
        await made.session.start(10.0)
        outcome.well = await made.is_well()
        return outcome


@fault("a stranger dials in with a wrong token while a text is typed", "tcp", "websocket")
async def _(directory: Path, way: str) -> Outcome:
    async with bench(directory, way) as made:

        async def try_to_get_in() -> None:
            assert made.service is not None
            async with DiallingAgent(way, made.service.addresses[way], made.guest.name, "a wrong one") as stranger:
                await stranger.ended.wait()

        outcome = await made.type_while(try_to_get_in)
        (event,) = made.events("service.refused")
        outcome.reads += f" / service.refused: {event.data['why']}"
        outcome.well = await made.is_well()
        return outcome


@fault("the agent speaks another version of the protocol")
async def _(directory: Path, way: str) -> Outcome:
    async with bench(directory, starts=False) as made:
        made.guest.protocol = 2
        return await _waited_for(made, lambda: setattr(made.guest, "protocol", 1))


@fault("the agent answers another nonce")
async def _(directory: Path, way: str) -> Outcome:
    async with bench(directory, starts=False) as made:
        made.guest.next_hello = {"nonce": "of somebody else"}
        return await _waited_for(made, made.guest.next_hello.clear)


# -- the guest's clock


async def _with_clock(directory: Path, change: Callable[[FaultyGuest], None]) -> Outcome:
    async with bench(directory) as made:
        outcome = await made.type_while(lambda: change(made.guest), text=TEXT)
        outcome.well = await made.is_well()
        return outcome


@fault("the guest's clock is set forwards")
async def _(directory: Path, way: str) -> Outcome:
    return await _with_clock(directory, lambda guest: setattr(guest, "wall_us", guest.wall_us + 3600e6))


@fault("the guest's clock is set backwards")
async def _(directory: Path, way: str) -> Outcome:
    return await _with_clock(directory, lambda guest: setattr(guest, "wall_us", guest.wall_us - 3600e6))


@fault("the guest's time stands still: a pause that nobody tells of")
async def _(directory: Path, way: str) -> Outcome:
    async with bench(directory) as made:

        async def stand_still() -> None:
            made.guest.pause(0.4)

        outcome = await made.type_while(stand_still, text=TEXT)
        outcome.well = await made.is_well()
        return outcome


async def make_all() -> dict[str, list[Outcome | Exception]]:
    """Every fault, each on a bench of its own, all at once; those of 100 MB one by one: the others would wait for them."""
    with tempfile.TemporaryDirectory(prefix="atp") as place:

        async def make(names: list[str]) -> dict[str, list[Any]]:
            each = [(name, one(Path(place))) for name in names for one in FAULTS[name]]
            done = await asyncio.gather(*(outcome for _, outcome in each), return_exceptions=True)
            found: dict[str, list[Any]] = {}
            for (name, _), outcome in zip(each, done, strict=True):
                found.setdefault(name, []).append(outcome)
            return found

        large = [name for name in FAULTS if "100 MB" in name]
        found = await make([name for name in FAULTS if name not in large])
        for name in large:
            found |= await make([name])
        return found
