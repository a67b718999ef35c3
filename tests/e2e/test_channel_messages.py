"""Messages between the host and a program in a real guest, over a virtio-serial port; and the VM's real SPICE server.

The port is the lab's own for such programs, and the program is a Python script that the guest agent starts.
"""

from __future__ import annotations

import asyncio
import os
import subprocess
import sys
from collections.abc import AsyncIterator, Iterator
from pathlib import Path
from typing import Any

import pytest
import pytest_asyncio
import yaml
from robot.api import ExecutionResult

from ATPLibrary.errors import ChannelError, DeadlineError
from ATPLibrary.events import EventBus
from ATPLibrary.lab.machine import TEST_CHANNEL
from ATPLibrary.protocol.qga import open_qga
from ATPLibrary.protocol.virtio_serial import CODECS, Conversation, open_channel
from ATPLibrary.transport import Domain, HostConnection
from ATPLibrary.transport.spice import SpiceChannelType
from ATPLibrary.transport.spice_connection import SpiceChannel, SpiceChannelState, SpiceConnectionManager

pytestmark = pytest.mark.e2e

PORT = TEST_CHANNEL
PROGRAM = f"""
import os, sys, time  # the guest's Python is Debian's minimal one: no json

ports = "/sys/class/virtio-ports/"
name = next(n for n in os.listdir(ports) if open(ports + n + "/name").read().strip() == "{PORT}")
port = os.open("/dev/" + name, os.O_RDWR)
open("/tmp/program.ready", "w").close()
mode = sys.argv[1]
buffer = b""

def read():
    while True:
        data = os.read(port, 65536)
        if data:
            return data
        time.sleep(0.05)  # no host has the port open

def write(data):
    while data:
        data = data[os.write(port, data):]

def exactly(count):
    global buffer
    while len(buffer) < count:
        buffer += read()
    taken, buffer = buffer[:count], buffer[count:]
    return taken

def line():
    global buffer
    while b"\\n" not in buffer:
        buffer += read()
    taken, _, buffer = buffer.partition(b"\\n")
    return taken

while True:
    if mode == "json":
        asked = line().removeprefix(b'{{"data":').removesuffix(b"}}")
        refused = asked == b'"refuse"'
        write(b'{{"error": "refused as asked"}}\\n' if refused else b'{{"result": {{"you said": ' + asked + b"}}}}\\n")
    elif mode == "lines":
        write(line().upper() + b"\\n")
    elif mode == "length":
        size = exactly(4)
        write(size + exactly(int.from_bytes(size, "big"))[::-1])
    elif mode == "slow":
        size = int.from_bytes(exactly(4), "big")
        seen = 0
        while seen < size:
            seen += len(exactly(min(100_000, size - seen)))
            time.sleep(0.02)  # what it does with it takes longer than the sending
        write((4).to_bytes(4, "big") + seen.to_bytes(4, "big"))
    elif mode == "flood":
        exactly(1)
        for number in range(8000):
            write((1000).to_bytes(4, "big") + number.to_bytes(4, "big") * 250)
"""


@pytest.fixture(scope="module")
def program(virtio_vm: Any) -> Iterator[Any]:
    """Call it, `program("json")`: the script runs in the guest in that mode."""

    async def run(command: str, input: str | None = None) -> str:
        host = HostConnection("lab-t", virtio_vm.uri, EventBus())
        await host.connect(10)
        try:
            result = await (await open_qga(await host.lookup(virtio_vm.uuid, 10), timeout=90)).exec(command, input, 30)
            assert result.exit_code == 0, result
            return result.stdout.strip()
        finally:
            await host.close(5)

    asyncio.run(run("cat > /tmp/program.py", PROGRAM))
    stop = "test -f /tmp/program.pid && kill -9 $(cat /tmp/program.pid) && rm /tmp/program.pid; true"

    def start(mode: str) -> None:
        asyncio.run(
            run(
                f"{stop}; rm -f /tmp/program.ready; "
                f"python3.11 -S -E /tmp/program.py {mode} >/tmp/program.log 2>&1 & echo $! >/tmp/program.pid; "
                "while ! test -e /tmp/program.ready; do "
                "kill -0 $(cat /tmp/program.pid) || { cat /tmp/program.log; exit 1; }; usleep 100000; done"
            )
        )

    start.vm = virtio_vm  # type: ignore[attr-defined]
    yield start
    asyncio.run(run(stop))


@pytest_asyncio.fixture
async def domain(program: Any) -> AsyncIterator[Domain]:
    """The VM of that program."""
    host = HostConnection("lab-t", program.vm.uri, EventBus())
    await host.connect(10)
    yield await host.lookup(program.vm.uuid, 10)
    await host.close(5)


@pytest_asyncio.fixture(params=["socket", "stream"])
async def talk(domain: Domain, program: Any, request: pytest.FixtureRequest) -> AsyncIterator[Any]:
    """Call it with a mode and a codec: a conversation with the program, each way that bytes can take."""
    opened: list[Conversation] = []

    async def start(mode: str, codec: str = "length", **options: Any) -> Conversation:
        await asyncio.to_thread(program, mode)
        channel = await open_channel(domain, PORT, request.param, timeout=10)
        conversation = Conversation(f"channel '{PORT}'", channel, CODECS.create(codec, **options), codec)
        opened.append(conversation)
        return conversation

    yield start
    for conversation in opened:
        await conversation.close()


async def test_messages_of_every_size_come_back(talk: Any) -> None:
    conversation = await talk("length")
    for size in (0, 1, 3, 4096, 65536, 1_000_000):
        message = os.urandom(size)
        assert await conversation.request(message, 60) == message[::-1]


async def test_a_reader_that_waits_loses_nothing_of_a_flood(talk: Any, request: pytest.FixtureRequest) -> None:
    conversation = await talk("flood")
    await conversation.send(b"", 10)  # its 4 bytes: one starts the flood
    first = await conversation.receive(30)
    await asyncio.sleep(1)  # 8 MB want to come; what nobody reads stays bounded
    assert len(conversation.codec.buffer) <= 128 * 1024
    numbers = [int.from_bytes(first[:4], "big")]
    while len(numbers) < 8000:
        numbers.append(int.from_bytes((await conversation.receive(30))[:4], "big"))
    assert numbers == list(range(8000))


async def test_a_guest_that_reads_slowly_gets_all_of_a_big_message(talk: Any) -> None:
    """The sender waits for it: more than any buffer on the way holds."""
    conversation = await talk("slow")
    assert await conversation.request(bytes(5_000_000), 60) == (5_000_000).to_bytes(4, "big")


@pytest.mark.parametrize("mode", ["socket", "stream"])
async def test_a_guest_that_does_not_read_holds_the_sender_up_to_its_deadline_and_nobody_else(
    running_vm: Any, mode: Any
) -> None:
    """The VM is paused before its first instruction: nothing in it ever reads."""
    import libvirt

    vm = await asyncio.to_thread(running_vm, "virtio", boot=False)
    connection = libvirt.open(vm.uri)
    connection.lookupByUUIDString(vm.uuid).createWithFlags(libvirt.VIR_DOMAIN_START_PAUSED)
    connection.close()
    bus = EventBus()
    host = HostConnection("lab-t", vm.uri, bus)
    await host.connect(10)
    domain = await host.lookup(vm.uuid, 10)
    channel = await open_channel(domain, "com.vmagent.sock", mode, timeout=10)
    conversation = Conversation("channel 'c'", channel, CODECS.create("length"), "length")
    loop = asyncio.get_running_loop()
    started = loop.time()
    sending = asyncio.create_task(conversation.send(bytes(10_000_000), 1))
    turns = 0
    while not sending.done():
        await asyncio.sleep(0.01)
        turns += 1
    with pytest.raises(DeadlineError, match=r"Channel 'c' should take 10000004 bytes within 1 s but did not"):
        await sending
    assert loop.time() - started < 10  # libvirt's own call ends after 30 s
    assert turns > 10, "the loop was blocked"
    with pytest.raises(ChannelError, match="went out only in part"):
        await conversation.send(b"more", 1)
    # Its connection hangs; those of calls don't, and are as many as before.
    answers = [await host.list_domains(5) for _ in range(20)]
    assert all(domain.uuid in {each.uuid for each in answer} for answer in answers)
    assert host.statistics().connections == (2 if mode == "stream" else 1)
    await conversation.close()
    assert host.statistics().connections == 1
    assert not [event for event in bus.recent(limit=100) if event.kind in ("host.failed", "host.connection.lost")]
    await host.close(5)


SUITE = """\
*** Settings ***
Library    ATPLibrary.VirtioSerial
Suite Setup    Connect To VM    {vm}
Test Timeout    30 s

*** Variables ***
${{PORT}}    {port}

*** Test Cases ***
json
    @{{channels}} =    Get Channels
    Should Contain    ${{channels}}    ${{PORT}}
    Open Channel    ${{PORT}}    codec=json
    ${{answer}} =    Send Request To Channel    ${{PORT}}    {{"list": ["你好", 1.5, null]}}
    Should Be Equal    ${{answer}}[you said][list][0]    你好
    Run Keyword And Expect Error    * refused: refused as asked.    Send Request To Channel    ${{PORT}}    refuse
    Send To Channel    ${{PORT}}    plain words
    ${{answer}} =    Receive From Channel    ${{PORT}}
    Should Be Equal    ${{answer}}[you said]    plain words
    Run Keyword And Expect Error    * should bring a message within 0.2 s but did not. *
    ...    Receive From Channel    ${{PORT}}    timeout=200 ms
    Run Keyword And Expect Error    * should be closed, to be opened with codec lines but is open with codec json. *
    ...    Open Channel    ${{PORT}}    codec=lines
    Close Channel    ${{PORT}}
lines
    Open Channel    ${{PORT}}    codec=lines
    ${{answer}} =    Send Request To Channel    ${{PORT}}    loud
    Should Be Equal    ${{answer}}    LOUD
    Close Channel    ${{PORT}}
    Send To Channel    ${{PORT}}    one\\ntwo\\n
    ${{two}} =    Receive From Channel    ${{PORT}}    until=TWO\\n
    Should Be Equal    ${{two}}    ONE\\nTWO\\n
    Close Channel    ${{PORT}}
    Register Codec    backwards    backwards:Backwards
    Open Channel    ${{PORT}}    codec=backwards
    ${{answer}} =    Send Request To Channel    ${{PORT}}    abc
    Should Be Equal    ${{answer}}    CBA
    Close Channel    ${{PORT}}
    Unregister Codec    backwards
    Run Keyword And Expect Error    Codec 'backwards' should be known but is not. *
    ...    Open Channel    ${{PORT}}    codec=backwards
    Open Protocol    virtio-serial    channel=${{PORT}}    codec=lines
    Send To Protocol    virtio-serial    by protocol
    ${{answer}} =    Receive From Protocol    virtio-serial
    Should Be Equal    ${{answer}}    BY PROTOCOL
    Close Protocol    virtio-serial
    Open Protocol    qmp
    Send To Protocol    qmp    {{"execute": "query-status", "id": "a"}}
    ${{answer}} =    Receive From Protocol    qmp
    Should Match    ${{answer}}    {{"return": *"status": "running"*, "id": "a"}}
    Send To Protocol    qmp    {{"execute": "no-such-command"}}
    ${{answer}} =    Receive From Protocol    qmp
    Should Match    ${{answer}}    {{"error": {{"class": "CommandNotFound", *
    Open Protocol    qga
    Send To Protocol    qga    {{"execute": "guest-sync", "arguments": {{"id": 4711}}}}
    ${{answer}} =    Receive From Protocol    qga
    Should Be Equal    ${{answer}}    {{"return": 4711}}
"""


# A codec that a tester wrote, in a module of their own.
CODEC = """\
from ATPLibrary.protocol.virtio_serial.codecs import LinesCodec

class Backwards(LinesCodec):
    def encode(self, message):
        return super().encode(message[::-1])
"""


@pytest.mark.parametrize("mode", ["json", "lines"])
def test_a_tester_talks_to_the_program_by_keywords(program: Any, tmp_path: Path, mode: str) -> None:
    program(mode)
    suite, config = tmp_path / "talk.robot", tmp_path / "atp.yaml"
    suite.write_text(SUITE.format(vm=program.vm.name, port=PORT), encoding="utf-8")
    (tmp_path / "backwards.py").write_text(CODEC, encoding="utf-8")
    config.write_text(yaml.safe_dump({"hosts": {"lab-t": {"uri": program.vm.uri}}}), encoding="utf-8")
    command = [sys.executable, "-m", "robot", "-d", str(tmp_path), "--test", mode, str(suite)]
    subprocess.run(
        command,
        env={**os.environ, "ATP_CONFIG": str(config), "PYTHONPATH": str(tmp_path)},
        timeout=120,
        capture_output=True,
        check=False,
    )
    (test,) = ExecutionResult(tmp_path / "output.xml").suite.tests
    assert test.message == ""
    assert test.passed


async def test_the_vm_s_spice_server_is_found_and_answers_where_it_was_found(domain: Domain) -> None:
    async def greet(channel: SpiceChannel, timeout: float) -> None:
        """The first message of the link; the rest is the client's. Source: spice-protocol, `SpiceLinkHeader`."""
        assert channel.writer is not None
        assert channel.reader is not None
        message = (
            (0).to_bytes(4, "little") + bytes([channel.type, channel.id]) + bytes([0] * 8) + (18).to_bytes(4, "little")
        )
        header = b"REDQ" + b"".join(value.to_bytes(4, "little") for value in (2, 2, len(message)))
        channel.writer.write(header + message)
        assert await channel.reader.readexactly(4) == b"REDQ"

    manager = SpiceConnectionManager(domain.host.bus, link=greet)
    connection = await manager.connection(domain, 10)
    assert connection.endpoint.host == "127.0.0.2"
    main = await connection.connect_main_channel(10)
    assert main.state is SpiceChannelState.LINKED
    assert (await connection.open_channel(SpiceChannelType.DISPLAY, timeout=10)).state is SpiceChannelState.LINKED
    assert await manager.connection(domain, 10) is connection
    await manager.close()
    assert main.state is SpiceChannelState.CLOSED
