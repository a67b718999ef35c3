"""What becomes of the agent itself: killed, frozen, flooding, replaced, or one that may not come in."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable
from pathlib import Path

from tests.faults.messages import MessageProxy

from ATPLibrary.errors import ATPError
from ATPLibrary.events import Event

from ..dialling_agent import DiallingAgent
from ..fault_bench import TEXT, WAYS, Bench, Outcome, bench
from .table import fault


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
