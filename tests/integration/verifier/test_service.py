"""Agents dial in to the real service, over each way, healthy and not; strangers learn and change nothing."""

from __future__ import annotations

import asyncio
import contextlib
import gc
import json
import threading
import time
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from websockets.exceptions import ConnectionClosed

from ATPLibrary.errors import ChannelError, ConfigError, DeadlineError
from ATPLibrary.verifier.service.admission import REFUSAL_SECONDS
from ATPLibrary.verifier.service.served_channel import UNREAD_BYTES
from ATPLibrary.verifier.service.service import REFUSALS_TOLD, SOURCE
from ATPLibrary.verifier.service.tokens import VmIdentity

from .dialling_agent import hello
from .served_world import MIB, PATIENCE, REFUSED, VM, WAYS, World

pytestmark = pytest.mark.integration


@pytest.fixture
async def world(tmp_path: Path) -> AsyncIterator[World]:
    made = World(tmp_path)
    await made.service.start()
    yield made
    await made.service.close()
    assert made.service.agents == []
    assert made.service.strangers == 0


@pytest.mark.parametrize("way", WAYS)
async def test_a_session_sees_what_an_agent_that_dialled_in_reports(world: World, way: str) -> None:
    session = world.session()
    async with world.agent(way) as agent:
        await session.start(PATIENCE)
        try:
            assert session.devices[1].name == "AT keyboard"
            with session.observations.subscribe() as stream:
                await agent.key(30)
                batch = await stream.next_batch(PATIENCE)
            assert [(each.code, each.value) for each in batch] == [(30, 1), (30, 0)]
            assert (await session.ping(PATIENCE)).error_us >= 0
            (served,) = world.service.agents
            assert (served.vm, served.channel.peer.way, served.is_taken) == (VM, way, True)
        finally:
            await session.close()


@pytest.mark.parametrize("way", ["tcp", "websocket"])
async def test_json_in_several_lines_is_one_message_where_messages_have_lengths(world: World, way: str) -> None:
    async with world.dial(way) as line:
        nonce = (await line.receive())["nonce"]
        await line.send_bytes(json.dumps(hello(nonce, "win11", world.token), indent=2).encode())
        await world.until(lambda: len(world.service.agents) == 1)


@pytest.mark.parametrize("way", WAYS)
@pytest.mark.parametrize("wrong", ["token", "vm", "none", "nonce", "protocol", "garbage"])
async def test_a_stranger_gets_one_refusal_that_is_always_the_same_and_is_closed(
    world: World, way: str, wrong: str
) -> None:
    async with world.dial(way) as line:
        greeting = await line.receive()
        assert set(greeting) == {"type", "nonce", "protocol", "watch"}
        said = hello(greeting["nonce"], "win11", world.token)
        said |= {
            "token": {"token": "x" * 43}, "vm": {"vm_id": "win12"}, "none": {"token": None}, "nonce": {"nonce": "older"},
            "protocol": {"protocol": 2}, "garbage": {},
        }[wrong]  # fmt: skip
        if wrong == "garbage":
            await line.send_bytes(b"{]")
        for _ in range(16 if wrong == "nonce" else 1):
            await line.send(said)
        assert await line.until_end() == [REFUSED]
    assert world.service.agents == []
    (event,) = world.told("service.refused")
    assert world.token not in str(event)
    assert world.service.refusals == 1


async def test_a_stranger_does_not_disturb_the_agent_whose_vm_it_names(world: World) -> None:
    session = world.session()
    async with world.agent("tcp") as agent:
        await session.start(PATIENCE)
        async with world.agent("tcp", token="guessed") as stranger:
            await asyncio.wait_for(stranger.ended.wait(), PATIENCE)
        await agent.key(30)
        assert (await session.ping(PATIENCE)).error_us >= 0
        assert [each.generation for each in world.service.agents] == [1]
        await session.close()


async def test_refusals_are_told_a_few_times_a_minute_and_all_counted(world: World) -> None:
    async def guess() -> None:
        async with world.agent("tcp", token="guessed") as stranger:
            await asyncio.wait_for(stranger.ended.wait(), PATIENCE)

    began = time.monotonic()
    await asyncio.gather(*(guess() for _ in range(REFUSALS_TOLD + 5)))
    assert time.monotonic() - began >= REFUSAL_SECONDS  # each keeps its place so long: guessing is slow
    assert world.service.refusals == REFUSALS_TOLD + 5
    assert len(world.told("service.refused")) == REFUSALS_TOLD


@pytest.mark.parametrize("way", WAYS)
async def test_the_late_end_of_an_old_connection_does_not_take_its_successor_away(world: World, way: str) -> None:
    session = world.session()
    async with world.agent(way) as old:
        await session.start(PATIENCE)
        async with world.agent(way) as new:
            # The session goes over to the new one by itself, and the old one ends after it.
            await asyncio.wait_for(old.ended.wait(), PATIENCE)
            await world.until(lambda: any(event.data["replaced"] for event in world.told("agent.disconnected")))
            assert [each.generation for each in world.service.agents] == [2]
            await session.wait_ready(PATIENCE)
            await world.until(lambda: session.state.value == "ready" and world.service.agents[0].is_taken)
            await session.wait_ready(PATIENCE)
            with session.observations.subscribe() as stream:
                await new.key(31)
                assert {each.code for each in await stream.next_batch(PATIENCE)} == {31}
        await session.close()


async def test_a_channel_that_a_session_has_is_not_given_to_another(world: World) -> None:
    async with world.agent("unix"):
        channel = await world.service.channel(VM, PATIENCE)
        with pytest.raises(DeadlineError, match="another session has it"):
            await world.service.channel(VM, 0.05)
        await channel.close()
    with pytest.raises(DeadlineError, match=r"dial in to the verification service .*127\.0\.0\.1"):
        await world.service.channel(VM, 0.05)


async def test_a_new_token_ends_what_was_connected_with_the_old_one(world: World) -> None:
    async with world.agent("tcp") as old:
        await world.until(lambda: len(world.service.agents) == 1)
        new = world.tokens.issue(VM).reveal()
        world.service.drop(VM, "its token is no longer valid")
        await asyncio.wait_for(old.ended.wait(), PATIENCE)
    async with world.agent("tcp") as old, world.agent("tcp", token=new):
        await asyncio.wait_for(old.ended.wait(), PATIENCE)
        await world.until(lambda: len(world.service.agents) == 1)


@pytest.mark.parametrize("way", WAYS)
@pytest.mark.parametrize("who", ["stranger", "agent"])
async def test_a_message_of_100_mb_ends_its_connection_without_being_taken_in(world: World, way: str, who: str) -> None:
    async with world.dial(way) as line:
        nonce = (await line.receive())["nonce"]
        if who == "agent":
            await line.send(hello(nonce, "win11", world.token))
            await world.until(lambda: len(world.service.agents) == 1)
        with contextlib.suppress(OSError, ConnectionClosed):  # it closes before all is sent
            await line.send_bytes(b'"' + b"x" * (100 * MIB) + b'"')
        assert [each for each in await line.until_end() if each != REFUSED] == []
    kind = "agent.disconnected" if who == "agent" else "service.refused"
    await world.until(lambda: bool(world.told(kind)))
    why = world.told(kind)[0].data["why"]
    assert (
        "1009" in why if way == "websocket" else f"have at most {'10 MiB' if who == 'agent' else '65536 bytes'}" in why
    )
    await world.until(lambda: world.service.agents == [])
    async with world.agent(way):  # and the service goes on
        await world.until(lambda: len(world.service.agents) == 1)


@pytest.mark.parametrize("way", WAYS)
async def test_ten_mebibytes_are_taken(world: World, way: str) -> None:
    message = b'{"type":"error","about":"' + b"x" * (10 * MIB - 100) + b'"}'
    async with world.agent(way) as agent:
        channel = await world.service.channel(VM, PATIENCE)
        sending = asyncio.create_task(agent.line.send_bytes(message))
        got = b""
        while len(got) < len(message):
            got += await channel.read(PATIENCE)
        assert got == message + b"\n"
        await sending
        await channel.close()


@pytest.mark.parametrize("way", WAYS)
async def test_an_agent_that_nobody_reads_is_held_back(world: World, way: str) -> None:
    async with world.agent(way) as agent:
        channel: Any = await world.service.channel(VM, PATIENCE)
        sent = 0

        async def flood() -> None:
            nonlocal sent
            while True:
                await agent.line.send_bytes(b'{"type":"x","pad":"' + b"y" * 65_000 + b'"}')
                sent += 65_000

        flooding = asyncio.create_task(flood())
        # Whatever the kernels' buffers take, it ends: nothing goes through any more.
        while True:
            before = sent
            await asyncio.wait((flooding,), timeout=0.3)
            if sent == before:
                break
        assert channel._unread_bytes <= UNREAD_BYTES + 65_100
        while sent == before:
            await channel.read(PATIENCE)  # and goes on when it is read
            await asyncio.wait((flooding,), timeout=0.01)
        flooding.cancel()
        await asyncio.wait((flooding,))
        await channel.close()


@pytest.mark.parametrize("way", WAYS)
async def test_an_agent_that_does_not_read_ends_a_write_at_its_deadline_and_its_close_is_bounded(
    world: World, way: str
) -> None:
    async with world.dial(way) as line:
        await line.send(hello((await line.receive())["nonce"], "win11", world.token))
        channel = await world.service.channel(VM, PATIENCE)
        with pytest.raises(DeadlineError, match="did not read them"):
            await channel.write((b"x" * 65_536 + b"\n") * 1000, 0.5)
        async with asyncio.timeout(5):
            await channel.close()
        assert channel.is_over
        with pytest.raises(ChannelError):
            await channel.write(b"x\n", 1)


@pytest.mark.parametrize("way", WAYS)
async def test_a_connection_that_says_nothing_is_closed_at_the_deadline(tmp_path: Path, way: str) -> None:
    world = World(tmp_path, hello_timeout=1)
    await world.service.start()
    try:
        async with world.dial(way) as line:
            assert [each["type"] for each in await line.until_end()] == ["hello", "refused"]
        assert "say hello" in str(world.told("service.refused")[0])
    finally:
        await world.service.close()


async def test_half_a_message_is_a_half_open_connection_and_closed_too(tmp_path: Path) -> None:
    world = World(tmp_path, hello_timeout=1)
    await world.service.start()
    try:
        async with world.dial("tcp") as line:
            line.writer.write(b"\x00\x00\x01\x00{")
            assert [each["type"] for each in await line.until_end()] == ["hello", "refused"]
        host, _, port = world.service.addresses["websocket"].removeprefix("ws://").rpartition(":")
        reader, writer = await asyncio.open_connection(host, int(port))
        writer.write(b"GET / HTTP/1.1\r\n")
        async with asyncio.timeout(PATIENCE):
            await reader.read()
        writer.close()
    finally:
        await world.service.close()


async def test_silent_strangers_at_the_limit_do_not_keep_an_agent_out(tmp_path: Path) -> None:
    world = World(tmp_path, strangers=5, hello_timeout=60)
    await world.service.start()
    silent = [world.dial("tcp") for _ in range(12)]
    try:
        for line in silent:
            await line.__aenter__()
        async with world.agent("tcp"):
            await world.until(lambda: len(world.service.agents) == 1)
        assert world.service.strangers <= 5
    finally:
        for line in silent:
            await line.__aexit__(None, None, None)
        await world.service.close()


async def test_one_agent_too_many_is_refused_and_one_that_comes_again_is_not(tmp_path: Path) -> None:
    world = World(tmp_path, agents=1)
    other = world.tokens.issue(VmIdentity.of("uuid-2", "win12")).reveal()
    await world.service.start()
    try:
        async with world.agent("tcp"):
            await world.until(lambda: len(world.service.agents) == 1)
            async with world.agent("tcp", "win12", other) as more:
                await asyncio.wait_for(more.ended.wait(), PATIENCE)
            async with world.agent("unix"):
                await world.until(lambda: [each.generation for each in world.service.agents] == [2])
        assert "one too many" in str(world.told("service.refused")[0])
    finally:
        await world.service.close()


async def test_200_agents_dial_in_at_once_each_to_its_own_session(world: World) -> None:
    vms = [VmIdentity.of(f"u{number}", f"vm-{number}") for number in range(200)]
    tokens = [world.tokens.issue(vm).reveal() for vm in vms]
    agents = [world.agent(WAYS[i % 3], vm.name, token) for i, (vm, token) in enumerate(zip(vms, tokens, strict=True))]
    sessions = [world.session(vm) for vm in vms]
    try:
        starting = asyncio.gather(*(session.start(60.0) for session in sessions))
        await asyncio.gather(*(agent.__aenter__() for agent in agents))
        await starting

        async def proves(number: int) -> None:
            with sessions[number].observations.subscribe() as stream:
                await agents[number].key(number)
                assert {each.code for each in await stream.next_batch(PATIENCE)} == {number}

        await asyncio.gather(*map(proves, range(200)))
        assert {each.vm.name for each in world.service.agents} == {vm.name for vm in vms}
        assert world.service.refusals == 0
    finally:
        await asyncio.gather(*(session.close() for session in sessions))
        await asyncio.gather(*(agent.__aexit__() for agent in agents))


async def test_closing_ends_everything_soon_whatever_the_others_do(tmp_path: Path) -> None:
    world = World(tmp_path)
    await world.service.start()
    session = world.session()
    async with world.agent("websocket") as agent, world.dial("tcp"), world.dial("websocket"):
        await session.start(PATIENCE)
        async with asyncio.timeout(5):
            await world.service.close()
        await asyncio.wait_for(agent.ended.wait(), PATIENCE)
        await session.close()
    assert not (tmp_path / "agents").exists()
    assert world.service.agents == []
    assert world.told("service.closed")[0].source == SOURCE


async def test_where_it_cannot_listen_it_says_so_and_keeps_nothing(world: World, tmp_path: Path) -> None:
    port = int(world.service.addresses["tcp"].rpartition(":")[2])
    second = World(tmp_path / "x", tcp_port=port, unix_socket=None)
    with pytest.raises(ConfigError, match=f"TCP port 127.0.0.1:{port} should be free .*tcp_port"):
        await second.service.start()
    third = World(tmp_path)
    with pytest.raises(ConfigError, match="somebody listens there"):
        await third.service.start()
    assert third.service.addresses == {}
    async with world.agent("unix"):  # whose socket is still there
        await world.until(lambda: len(world.service.agents) == 1)


async def test_a_socket_that_a_dead_service_left_is_taken_over_and_a_file_is_not(tmp_path: Path) -> None:
    import socket

    with socket.socket(socket.AF_UNIX) as dead:
        dead.bind(str(tmp_path / "agents"))
    world = World(tmp_path)
    await world.service.start()
    assert (tmp_path / "agents").stat().st_mode & 0o777 == 0o600
    await world.service.close()
    (tmp_path / "agents").write_text("precious")
    with pytest.raises(ConfigError, match="no socket"):
        await World(tmp_path).service.start()
    assert (tmp_path / "agents").read_text() == "precious"


PIECES = st.one_of(
    st.binary(max_size=200),
    st.sampled_from([b"\x00\x00\x00\x02{}", b"\xff\xff\xff\xff", b"\n", b"{}\n", b'{"type":"hello"}\n', b"[" * 500, b"\x81\xfe"]),
    st.builds(lambda data: len(data).to_bytes(4, "big") + data, st.binary(max_size=100)),
)  # fmt: skip


@settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(pieces=st.lists(PIECES, max_size=6), way=st.sampled_from(WAYS), admitted=st.booleans())
def test_it_survives_any_bytes(
    tmp_path: Path, quick_refusals: None, pieces: list[bytes], way: str, admitted: bool
) -> None:
    async def attack() -> None:
        broken: list[dict[str, Any]] = []
        asyncio.get_running_loop().set_exception_handler(lambda loop, context: broken.append(context))
        world = World(tmp_path, hello_timeout=PATIENCE)
        await world.service.start()
        try:
            async with world.dial(way) as line:
                nonce = (await line.receive())["nonce"]
                if admitted:
                    await line.send(hello(nonce, "win11", world.token))
                raw = line._web.transport if line._web is not None else line.writer
                for piece in pieces:
                    raw.write(piece)
                if not admitted:
                    assert world.service.agents == []
            await world.service.close()
        finally:
            await world.service.close()
        gc.collect()
        assert broken == []

    before = threading.active_count()
    asyncio.run(attack())
    assert threading.active_count() <= before
