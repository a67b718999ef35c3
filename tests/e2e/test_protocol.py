"""The channels to a real VM: QMP both ways, QGA, virtio-serial both ways."""

from __future__ import annotations

import asyncio
import io
import json
from collections.abc import AsyncIterator, Callable
from typing import Any

import pytest
import pytest_asyncio
from PIL import Image

from ATPLibrary.errors import ChannelError, CommandError, DeadlineError, VmStateError
from ATPLibrary.events import EventBus
from ATPLibrary.protocol.qga import Qga, execution, open_qga
from ATPLibrary.protocol.qmp import Qmp, open_qmp
from ATPLibrary.protocol.qmp.edges import BUTTONS, EVDEV_OF_QCODE, QCODES, key_event
from ATPLibrary.protocol.virtio_serial import open_channel
from ATPLibrary.transport import ByteChannel, Domain, HostConnection

pytestmark = pytest.mark.e2e

AGENT = "com.vmagent.sock"


async def connected(vm: Any) -> Domain:
    host = HostConnection(vm.host.name, vm.uri, EventBus())
    await host.connect(10)
    return await host.lookup(vm.uuid, 10)


@pytest_asyncio.fixture
async def domain(ps2_vm: Any) -> AsyncIterator[Domain]:
    """A running VM with a PS/2 keyboard, shared."""
    domain = await connected(ps2_vm)
    yield domain
    await domain.host.close(5)


@pytest_asyncio.fixture(params=["direct", "libvirt"])
async def qmp(domain: Domain, request: pytest.FixtureRequest) -> AsyncIterator[Qmp]:
    """That VM's QMP, each way."""
    qmp = await open_qmp(domain, request.param, timeout=10)
    yield qmp
    await qmp.close()


@pytest_asyncio.fixture
async def qga(domain: Domain) -> Qga:
    """That VM's guest agent, answering."""
    return await open_qga(domain, timeout=90)


async def test_auto_takes_the_dedicated_socket(domain: Domain) -> None:
    qmp = await open_qmp(domain, timeout=10)
    assert qmp.kind == "direct"
    await qmp.close()


async def test_auto_falls_back_to_libvirt_while_the_socket_is_taken_and_says_so_once(domain: Domain) -> None:
    holder = await open_qmp(domain, "direct", timeout=10)
    qmp = await open_qmp(domain, timeout=10)
    assert qmp.kind == "libvirt"
    assert await qmp.query_status() == "running"
    told = [event for event in domain.host.bus.recent() if event.kind == "qmp.fallback"]
    assert len(told) == 1
    assert "said nothing" in told[0].data["reason"]
    await qmp.close()
    await holder.close()


async def test_a_command_is_answered(qmp: Qmp) -> None:
    assert await qmp.query_status() == "running"
    assert (await qmp.execute("query-uuid"))["UUID"] == qmp.domain.uuid


async def test_a_refused_command_says_what_qemu_said(qmp: Qmp) -> None:
    with pytest.raises(CommandError, match=r"(?s)carry out 'device_del'.*nothing-like-it") as caught:
        await qmp.execute("device_del", {"id": "nothing-like-it"})
    assert caught.value.error_class == "DeviceNotFound"
    assert await qmp.query_status() == "running"


async def test_many_commands_are_answered_in_order_and_a_refusal_stops_none(qmp: Qmp) -> None:
    answers = await qmp.execute_many([("query-uuid", None), ("query-status", None)] * 10, timeout=20)
    assert [set(answer) & {"UUID", "status"} for answer in answers] == [{"UUID"}, {"status"}] * 10
    with pytest.raises(CommandError, match="no-such-command"):
        await qmp.execute_many([("no-such-command", None), ("query-status", None)])


async def test_qemu_s_events_are_published(running_vm: Callable[..., Any]) -> None:
    vm = await asyncio.to_thread(running_vm)
    for mode in ("direct", "libvirt"):
        domain = await connected(vm)
        qmp = await open_qmp(domain, mode, timeout=10)  # type: ignore[arg-type]
        with domain.host.bus.subscribe(lambda event: event.kind == "qmp.STOP") as stops:
            await qmp.execute("stop")
            async with asyncio.timeout(10):
                event = await anext(stops)
        assert event.source == f"vm:{vm.name}"
        assert event.data["uuid"] == vm.uuid
        assert await qmp.query_status() == "paused"
        with pytest.raises(CommandError, match="not running"):
            await qmp.execute("input-send-event", {"events": [key_event("a", True)]})
        await qmp.execute("cont")
        await qmp.close()
        await domain.host.close(5)


async def test_the_screen_is_a_png(qmp: Qmp) -> None:
    with Image.open(io.BytesIO(await qmp.screenshot(20))) as picture:
        assert picture.format == "PNG"
        assert picture.width >= 320


async def test_a_cancelled_command_leaves_the_channel_in_order(qmp: Qmp) -> None:
    for _ in range(20):
        task = asyncio.create_task(qmp.execute("query-qmp-schema", timeout=10))
        await asyncio.sleep(0)
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
        assert await qmp.query_status() == "running"


async def test_the_channel_ends_with_the_vm_and_says_so(running_vm: Callable[..., Any]) -> None:
    domain = await connected(await asyncio.to_thread(running_vm))
    qmp = await open_qmp(domain, "direct", timeout=10)
    with domain.host.bus.subscribe(lambda event: event.kind == "qmp.lost") as losses:
        await domain.destroy(10)
        async with asyncio.timeout(10):
            await anext(losses)
    with pytest.raises(ChannelError, match=r"QEMU closed it|reset"):
        await qmp.query_status()
    await qmp.close()
    await domain.host.close(5)


async def test_our_key_and_button_names_are_those_of_the_qemu_at_hand(domain: Domain) -> None:
    qmp = await open_qmp(domain, "direct", timeout=10)
    enums = [set(each["values"]) for each in await qmp.execute("query-qmp-schema") if each["meta-type"] == "enum"]
    assert QCODES | {"unmapped"} in enums
    assert set(BUTTONS) <= next(values for values in enums if "wheel-up" in values)
    await qmp.close()


async def test_each_key_arrives_in_the_guest_as_the_evdev_code_that_we_say(virtio_vm: Any) -> None:
    domain = await connected(virtio_vm)
    qmp = await open_qmp(domain, "direct", timeout=10)
    channel = await open_channel(domain, AGENT, timeout=10)
    await channel.write(b'\n{"type":"hello","nonce":"keys","protocol":1,"watch":true}\n', 5)
    messages = _messages(channel)
    async for message in messages:
        if message["type"] == "hello" and message["nonce"] == "keys":
            break
    # Keys that would switch the guest off, reboot it or change its console.
    left_out = {"power", "sleep", "wake", "sysrq", "print", "delete", "stop", "computer"}
    wrong = {}
    for qcode in sorted(QCODES - left_out):
        for down in (True, False):
            await qmp.execute("input-send-event", {"events": [key_event(qcode, down)]})
        codes: list[list[int]] = []
        while len(codes) < 2:
            message = await anext(messages)
            if message["type"] == "observations":
                codes += [event[2:4] for event in message["events"] if event[1] == 1 and event[3] != 2]
        expected = EVDEV_OF_QCODE[qcode]
        if codes != [[expected, 1], [expected, 0]]:
            wrong[qcode] = codes
    assert not wrong
    await channel.close()
    await qmp.close()
    await domain.host.close(5)


async def _messages(channel: ByteChannel) -> AsyncIterator[dict[str, Any]]:
    rest = b""
    while True:
        *lines, rest = (rest + await channel.read(20)).split(b"\n")
        for line in lines:
            if line.startswith(b"{"):
                yield json.loads(line)


@pytest.mark.parametrize("mode", ["socket", "stream"])
async def test_the_agent_answers_on_its_virtio_serial_port(domain: Domain, mode: Any) -> None:
    for attempt in range(3):  # closed and opened again, it still works
        channel = await open_channel(domain, AGENT, mode, timeout=10)
        nonce = f"{mode}-{attempt}"
        hello = {"type": "hello", "nonce": nonce, "protocol": 1, "watch": False}
        await channel.write(b"\n" + json.dumps(hello).encode() + b"\n", 5)
        async for message in _messages(channel):
            if message["type"] == "hello" and message["nonce"] == nonce:
                assert message["vm_id"] == domain.uuid
                break
        await channel.close()
        with pytest.raises(ChannelError, match="closed here"):
            await channel.read(1)


async def test_a_second_stream_on_one_port_is_refused(domain: Domain) -> None:
    first = await open_channel(domain, AGENT, "stream", timeout=10)
    with pytest.raises(CommandError, match=r"[Aa]ctive"):
        await open_channel(domain, AGENT, "stream", timeout=10)
    await first.close()


async def test_an_unknown_channel_names_those_there_are(domain: Domain) -> None:
    with pytest.raises(ChannelError, match=rf"com\.vmagent\.sok.*Its ports: {AGENT}"):
        await open_channel(domain, "com.vmagent.sok", timeout=10)


async def test_the_guest_agent_is_ready_and_says_what_it_can(qga: Qga) -> None:
    await qga.sync()
    names = {command["name"] for command in (await qga.info())["supported_commands"] if command["enabled"]}
    assert {"guest-exec", "guest-exec-status", "guest-ping"} <= names


async def test_a_command_runs_in_the_guest_and_its_output_and_code_come_back(qga: Qga) -> None:
    result = await qga.exec("echo 你好; cat; echo oops >&2; exit 3", input="from the host\n", timeout=20)
    assert (result.exit_code, result.signal) == (3, None)
    assert result.stdout == "你好\nfrom the host\n"
    assert result.stderr == "oops\n"
    assert not result.truncated


async def test_a_command_given_as_a_list_is_passed_as_it_is(qga: Qga) -> None:
    result = await qga.exec(["/bin/echo", "a b", "$HOME", "*"], timeout=20)
    assert result.stdout == "a b $HOME *\n"


async def test_a_command_ended_by_a_signal_has_no_exit_code(qga: Qga) -> None:
    result = await qga.exec("kill -9 $$", timeout=20)
    assert (result.exit_code, result.signal) == (None, 9)


async def test_a_program_that_is_not_there_is_refused_by_name(qga: Qga) -> None:
    with pytest.raises(CommandError, match="no-such-program"):
        await qga.exec(["/no-such-program"], timeout=20)


async def test_a_command_that_outlives_its_deadline_is_named_and_the_agent_answers_on(
    qga: Qga, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(execution, "ENDING_SECONDS", 20.0)  # so long is waited for its end: a busy guest takes its time
    assert await qga.family() == "posix"  # asked once, before the first command
    with pytest.raises(DeadlineError, match=r"'sleep 5'.*still ran \(process \d+ of the guest\), and was ended"):
        await qga.exec("sleep 5", timeout=1.5)
    assert (await qga.exec("echo on", timeout=20)).stdout == "on\n"


async def test_output_that_would_cost_libvirt_the_agent_is_cut_and_the_agent_answers_on(qga: Qga) -> None:
    whole = await qga.exec("head -c 1000000 /dev/zero | tr '\\0' a", timeout=60)
    assert (len(whole.stdout), whole.truncated) == (1_000_000, False)
    cut = await qga.exec(
        "head -c 9000000 /dev/zero | tr '\\0' a; head -c 900000 /dev/zero | tr '\\0' b >&2", timeout=60
    )
    assert (len(cut.stdout), len(cut.stderr), cut.truncated) == (1_000_000, 250_000, True)
    assert (await qga.exec("echo on; ls -A /tmp | grep atp-", timeout=20)).stdout == "on\n"


async def test_a_paused_vm_s_agent_does_not_answer_and_says_so(running_vm: Callable[..., Any]) -> None:
    domain = await connected(await asyncio.to_thread(running_vm))
    qga = await open_qga(domain, timeout=90)
    await domain.suspend(10)
    with pytest.raises(VmStateError, match=r"should be running so that its guest agent can answer .* but was paused"):
        await qga.ping(2)
    await domain.resume(10)
    await qga.ready(30)
    assert (await qga.exec("echo on", timeout=20)).stdout == "on\n"
    await domain.host.close(5)
