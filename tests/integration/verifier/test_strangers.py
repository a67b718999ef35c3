"""Strangers do anything while a true agent's typing is being proved: they learn nothing and change nothing, whatever they try."""

from __future__ import annotations

import asyncio
import gc
import hmac
import json
import re
import tempfile
from collections.abc import Coroutine
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st
from hypothesis.stateful import (
    RuleBasedStateMachine,
    initialize,
    invariant,
    precondition,
    rule,
    run_state_machine_as_test,
)

from ATPLibrary.verifier import AgentSession, Observation, SessionState
from ATPLibrary.verifier.service import admission, tokens
from ATPLibrary.verifier.service.tokens import TokenBook, VmIdentity

from .dialling_agent import Dialled, DiallingAgent, hello
from .served_world import PATIENCE, VM, WAYS, World

EXAMPLES, STEPS = 20, 20
PLACES = 6  # for strangers
DEEP_EXAMPLES, DEEP_STEPS = 400, 40
REFUSED = b'{"type":"refused","reason":"not admitted"}'
GREETING = re.compile(rb'\{"type":"hello","nonce":"[0-9a-f]{16}","protocol":1,"watch":false\}')

VM_IDS = st.sampled_from(["win11", "WIN11", "uuid-1", "win1", "win110", "nobody", "", "\u0130", "x" * 600, "\ud800"])
FRAMES = st.one_of(
    st.binary(max_size=80),
    st.sampled_from(
        [
            b"\x00\x00\x00\x02{}",
            b"\xff\xff\xff\xff",
            b"\x00\x01\x00\x01",
            b"\x00\x00\x00\x00" * 40,
            b"\n\n\n",
            b"{}\n",
            b"[" * 900,
            # WebSocket: unmasked text, masked, a fragment that never ends, control frames too long and fragmented, a wrong
            # opcode, a reserved bit, not UTF-8, a close with one byte, a length of 63 bits.
            b"\x81\x02{}",
            b"\x81\x82\x00\x00\x00\x00{}",
            b"\x01\x81\x00\x00\x00\x00{",
            b"\x89\xfe\x00\x80\x00\x00\x00\x00",
            b"\x09\x80\x00\x00\x00\x00",
            b"\x83\x80\x00\x00\x00\x00",
            b"\xc1\x80\x00\x00\x00\x00",
            b"\x81\x82\x00\x00\x00\x00\xc3\x28",
            b"\x88\x81\x00\x00\x00\x00x",
            b"\x82\xff\x7f\xff\xff\xff\xff\xff\xff\xff\x00\x00\x00\x00",
            b"\x80\x80\x00\x00\x00\x00",
        ]
    ),
)
HTTP = st.sampled_from(
    [
        *(
            b"GET / HTTP/1.1\r\n\r\n",
            b"GET /win11 HTTP/1.1\r\nHost: x\r\nUpgrade: websocket\r\n\r\n",
            b"\r\n\r\n",
            b"\x16\x03\x01\x02",
        ),
        *(
            b"POST / HTTP/1.1\r\nContent-Length: 99999999\r\n\r\n",
            b"GET / HTTP/1.1\r\n" + b"a: b\r\n" * 500,
            b"x" * 20_000,
        ),
        *(b"GET " + b"/" * 10_000, b"\x00" * 50, b"GET / HTTP/9.9\r\n\r\n", b"OPTIONS * HTTP/1.1\r\nHost: [\r\n\r\n"),
    ]
)
WRONG = st.sampled_from(
    ["nearly", "longer", "shorter", "swapped", "other case", "none", "a list", "a number", "surrogate", "guess"]
)
AGENTS_MESSAGES = st.sampled_from(
    [
        {"type": "observations", "seq": 10**6, "events": [[1, 1, 30, 1, 1]], "sent_us": 1},
        {"type": "bye", "reason": "I am the agent"},
        {"type": "pong", "id": 1, "received_us": 1, "sent_us": 1},
        {"type": "watching", "enabled": False, "next_seq": 0},
        {"type": "hello"},
        {"type": 5},
    ]
)


def wrong_token(right: str, how: str) -> Any:
    return {
        "nearly": right[:-1] + ("x" if right[-1] != "x" else "y"),
        "longer": right + "A",
        "shorter": right[:-1],
        "swapped": right[::-1],
        "other case": right.swapcase(),
        "none": None,
        "a list": [right],
        "a number": 12,
        "surrogate": "\ud800" + right,
        "guess": "x" * 43,
    }[how]


class Line:
    """A stranger's connection."""

    def __init__(self, way: str, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.way, self.reader, self.writer = way, reader, writer
        self.nonce = ""


class Strangers(RuleBasedStateMachine):
    """One real service, one VM whose true agent is being watched, and any number of connections without the token."""

    @initialize(token_is_rotated=st.booleans())
    def open_the_service(self, token_is_rotated: bool) -> None:
        self.runner = asyncio.Runner()
        self.broken: list[dict[str, Any]] = []
        self.runner.get_loop().set_exception_handler(lambda loop, context: self.broken.append(context))
        self.directory = tempfile.TemporaryDirectory(prefix="atp")
        self.typed = 0
        self.silent: list[Line] = []

        async def begin() -> None:
            self.world = World(Path(self.directory.name), hello_timeout=60.0, strangers=PLACES)
            self.world.tokens.issue(VmIdentity.of("uuid-2", "win12"))  # whose agent isn't here
            if token_is_rotated:
                self.world.tokens.rotate(
                    VM
                )  # the agent comes with the older one, which is valid until the new one was used
            await self.world.service.start()
            self.agent = await self.world.agent("tcp").__aenter__()
            self.session: AgentSession = self.world.session()
            await self.session.start(PATIENCE)
            self.stream = self.session.observations.subscribe()

        self.run(begin())
        self.book = repr(self.world.tokens._books)

    def run(self, work: Coroutine[Any, Any, Any]) -> Any:
        return self.runner.run(asyncio.wait_for(work, 30))

    @rule(way=st.sampled_from(WAYS))
    def a_silent_stranger_comes(self, way: str) -> None:
        """And takes a place. One too many, and the one that waits longest goes."""
        self.silent.append(self.run(self.connected(way)))

    @precondition(lambda self: self.silent)
    @rule()
    def a_silent_stranger_goes_without_a_word(self) -> None:
        self.silent.pop().writer.transport.abort()

    @rule(data=HTTP, way=st.sampled_from(["websocket", "tcp"]))
    def a_stranger_says_what_is_no_handshake(self, data: bytes, way: str) -> None:
        async def attack() -> bytes:
            line = await self.dial(way)
            line.writer.write(data)
            line.writer.write_eof()
            return await self.rest(line)

        told = self.run(attack())
        for secret in (self.world.token.encode(), b"win11", b"win12", b"uuid", b"ython", b"websockets/"):
            assert secret not in told

    @rule(way=st.sampled_from(WAYS), vm_id=VM_IDS | st.just("win12"), how=WRONG)
    def a_stranger_says_hello_without_the_token(self, way: str, vm_id: str, how: str) -> None:
        self.is_refused(way, hello("", vm_id, wrong_token(self.world.token, how)))

    @rule(
        way=st.sampled_from(WAYS),
        vm_id=st.sampled_from(sorted(VM.ids)),
        how=st.sampled_from(["nearly", "longer", "shorter"]),
    )
    def a_stranger_has_nearly_the_token(self, way: str, vm_id: str, how: str) -> None:
        self.is_refused(way, hello("", vm_id, wrong_token(self.world.token, how)))

    @rule(
        way=st.sampled_from(WAYS), field=st.sampled_from(["nonce", "protocol", "devices", "next_seq", "vm_id", "type"])
    )
    def a_stranger_says_hello_with_another_field_wrong_as_well(self, way: str, field: str) -> None:
        self.is_refused(way, {**hello("", "win11", "x" * 43), field: {"nobody": float("nan")}}, times=16)

    @rule(way=st.sampled_from(WAYS), data=FRAMES)
    def a_stranger_says_anything(self, way: str, data: bytes) -> None:
        async def attack() -> bytes:
            line = await self.connected(way)
            line.writer.write(data)
            line.writer.write_eof()
            return await self.rest(line)

        told = self.run(attack())
        assert self.world.token.encode() not in told
        assert b"win1" not in told

    @rule(way=st.sampled_from(WAYS), message=AGENTS_MESSAGES)
    def a_stranger_speaks_as_if_it_were_let_in(self, way: str, message: dict[str, Any]) -> None:
        self.is_refused(way, message, times=16)

    @invariant()
    def nothing_has_changed(self) -> None:
        if not hasattr(self, "world"):
            return
        self.typed += 1
        self.run(self.typing_is_proved(self.typed % 200 + 1))
        assert [(each.vm, each.generation) for each in self.world.service.agents] == [(VM, 1)]
        assert self.session.state is SessionState.READY
        assert self.session.refused_lines == 0
        assert repr(self.world.tokens._books) == self.book
        assert self.world.service.strangers <= PLACES
        assert self.broken == []

    def teardown(self) -> None:
        if not hasattr(self, "world"):
            return

        async def end() -> None:
            self.stream.close()
            for line in self.silent:
                line.writer.transport.abort()
            await self.session.close()
            await self.agent.__aexit__()
            await self.world.service.close()

        try:
            self.run(end())
            gc.collect()
            assert self.broken == []
            assert all(self.world.token not in str(event) for event in self.world.bus.recent(limit=1000))
        finally:
            self.runner.close()
            self.directory.cleanup()

    # -- how it is done

    async def typing_is_proved(self, code: int) -> None:
        """What the true agent sees comes, and nothing else."""
        await self.agent.key(code)
        seen: list[Observation] = []
        while len(seen) < 2:
            batch = await self.stream.next_batch(PATIENCE)
            assert batch, "what the true agent saw did not come"
            assert all(isinstance(each, Observation) for each in batch), batch
            seen += [each for each in batch if isinstance(each, Observation)]
        assert [(each.code, each.value) for each in seen] == [(code, 1), (code, 0)]

    async def dial(self, way: str) -> Line:
        address = self.world.service.addresses[way]
        if way == "unix":
            return Line(way, *await asyncio.open_unix_connection(address))
        host, _, port = address.rpartition("/")[2].rpartition(":")
        return Line(way, *await asyncio.open_connection(host, int(port)))

    async def message(self, line: Line) -> bytes:
        if line.way == "unix":
            return (await line.reader.readuntil(b"\n"))[:-1]
        if line.way == "tcp":
            return await line.reader.readexactly(int.from_bytes(await line.reader.readexactly(4), "big"))
        head = await line.reader.readexactly(2)
        assert head[0] == 0x81, head
        return await line.reader.readexactly(head[1])

    async def rest(self, line: Line) -> bytes:
        try:
            return await line.reader.read()
        except OSError:
            return b""  # reset: what it had sent was not all read
        finally:
            line.writer.transport.abort()

    async def connected(self, way: str) -> Line:
        """A connection that was greeted, on WebSocket after the upgrade that any client makes."""
        line = await self.dial(way)
        if way == "websocket":
            line.writer.write(
                b"GET / HTTP/1.1\r\nHost: x\r\nUpgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Version: 13\r\n"
                b"Sec-WebSocket-Key: AAAAAAAAAAAAAAAAAAAAAA==\r\n\r\n"
            )
            await line.reader.readuntil(b"\r\n\r\n")
        greeting = await self.message(line)
        assert GREETING.fullmatch(greeting)
        line.nonce = json.loads(greeting)["nonce"]
        return line

    def is_refused(self, way: str, said: dict[str, Any], times: int = 1) -> None:
        """Whatever was wrong in it, and whether that VM exists or not: the same refusal, byte for byte, and the end."""

        async def attack() -> bytes:
            line = await self.connected(way)
            nonce = {"nonce": line.nonce} if said.get("nonce") == "" else {}
            message = json.dumps({**said, **nonce}).encode()
            line.writer.write(_framed(way, message) * times)
            if way != "websocket":
                line.writer.write_eof()
            return await self.rest(line)

        told = self.run(attack())
        expected = {
            "tcp": _framed("tcp", REFUSED),
            "unix": _framed("unix", REFUSED),
            "websocket": bytes([0x81, len(REFUSED)]) + REFUSED + b"\x88\x02\x03\xe8",
        }[way]
        # What it said beyond the refusal isn't read: then the kernel may throw away what was on its way back.
        assert told == expected or (times > 1 and told == b""), told


def _framed(way: str, message: bytes) -> bytes:
    if way == "unix":
        return message + b"\n"
    if way == "tcp":
        return len(message).to_bytes(4, "big") + message
    size = bytes([0x80 | len(message)]) if len(message) < 126 else b"\xfe" + len(message).to_bytes(2, "big")
    return b"\x81" + size + bytes(4) + message


def let_them_try(examples: int, steps: int) -> None:
    # Not shrunk: each example is a service of its own, with real sockets and its own tokens.
    phases = (Phase.reuse, Phase.generate)
    run_state_machine_as_test(
        Strangers,
        settings=settings(
            max_examples=examples,
            stateful_step_count=steps,
            deadline=None,
            suppress_health_check=list(HealthCheck),
            phases=phases,
        ),
    )


@pytest.mark.integration
def test_strangers_learn_and_change_nothing(quick_refusals: None) -> None:
    let_them_try(EXAMPLES, STEPS)


@pytest.mark.deep
@pytest.mark.timeout(3600)
def test_strangers_learn_and_change_nothing_for_long(quick_refusals: None) -> None:
    let_them_try(DEEP_EXAMPLES, DEEP_STEPS)


@pytest.mark.unit
@given(called=VM_IDS, how=WRONG | st.just("right"))
def test_a_token_is_compared_in_constant_time_and_as_often_whatever_is_wrong(called: str, how: str) -> None:
    book = TokenBook()
    token = book.issue(VM).reveal()
    book.issue(VmIdentity.of("uuid-2", "win12"))
    compared: list[tuple[Any, Any]] = []
    digest = hmac.compare_digest

    def compare(a: Any, b: Any) -> bool:
        compared.append((a, b))
        return digest(a, b)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(tokens.hmac, "compare_digest", compare)
        vm = book.admit(called, token if how == "right" else wrong_token(token, how))
    assert (vm is not None) == (how == "right" and called.casefold() in VM.ids)
    assert len(compared) == 2
    assert all(len(theirs) == len(token.encode()) for _, theirs in compared), "as long for a VM that nobody knows"


@pytest.mark.integration
async def test_the_same_bytes_and_the_same_time_whether_the_vm_is_known_or_not(tmp_path: Path) -> None:
    world = World(tmp_path)
    await world.service.start()

    async def refused(vm_id: str, token: str) -> tuple[list[dict[str, Any]], float]:
        began = asyncio.get_running_loop().time()
        async with Dialled("tcp", world.service.addresses["tcp"]) as line:
            await line.send(hello((await line.receive())["nonce"], vm_id, token))
            return await line.until_end(), asyncio.get_running_loop().time() - began

    try:
        async with DiallingAgent("tcp", world.service.addresses["tcp"], "win11", world.token):
            tries = [("win11", world.token[:-1] + "~"), ("win11", "x"), ("nobody", world.token), ("nobody", "x")]
            answers = await asyncio.gather(*(refused(*each) for each in tries))
        assert all(said == answers[0][0] for said, _ in answers)
        assert all(seconds >= admission.REFUSAL_SECONDS for _, seconds in answers)
    finally:
        await world.service.close()
