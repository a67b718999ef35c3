"""QMP on a socket, against a monitor that does what a healthy QEMU won't."""

from __future__ import annotations

import asyncio
import gc
from pathlib import Path
from typing import Any

import pytest

from ATPLibrary.errors import ChannelError, CommandError, DeadlineError
from ATPLibrary.protocol.qmp.direct import DirectQmp
from ATPLibrary.protocol.qmp.schema import schema_of
from ATPLibrary.transport import Domain

pytestmark = pytest.mark.unit

Monitor = Any


async def ended_with(qmp: DirectQmp, pattern: str) -> None:
    """The channel ends with that sentence: for who waits, and for who comes later. Nothing hangs."""
    async with asyncio.timeout(5):
        with pytest.raises(ChannelError, match=pattern):
            await qmp.query_status(4)
        with pytest.raises(ChannelError, match=pattern):
            await qmp.query_status(4)
    assert any(event.kind == "qmp.lost" for event in qmp.domain.host.bus.recent())


async def test_a_refusal_says_what_qemu_said(qmp: DirectQmp) -> None:
    with pytest.raises(
        CommandError, match=r"VM 'win11' should carry out 'oops' but QEMU refused: .* not been found"
    ) as caught:
        await qmp.execute("oops")
    assert (caught.value.name, caught.value.error_class) == ("oops", "CommandNotFound")


async def test_replies_reach_those_who_asked(qmp: DirectQmp, monitor: Monitor) -> None:
    async def echo(monitor: Monitor, command: dict[str, Any]) -> None:
        await monitor.send({"return": command["arguments"]["n"], "id": command["id"]})

    monitor.answer = echo
    answers = await asyncio.gather(*(qmp.execute("echo", {"n": n}) for n in range(250)))
    assert answers == list(range(250))
    assert await qmp.execute_many([("echo", {"n": n}) for n in range(250)]) == list(range(250))


async def test_the_schema_is_asked_for_once_a_channel(qmp: DirectQmp, monitor: Monitor) -> None:
    async def no_command_at_all(monitor: Monitor, command: dict[str, Any]) -> None:
        await monitor.send({"return": [], "id": command["id"]})

    monitor.answer = no_command_at_all
    assert await schema_of(qmp) is await schema_of(qmp)
    assert [command["execute"] for command in monitor.received].count("query-qmp-schema") == 1


async def test_many_commands_are_all_run_before_a_refusal_is_raised(qmp: DirectQmp, monitor: Monitor) -> None:
    with pytest.raises(CommandError, match="nope"):
        await qmp.execute_many([("stop", None), ("nope", None), ("stop", None)])
    assert [command["execute"] for command in monitor.received][-3:] == ["stop", "nope", "stop"]
    assert await qmp.query_status() == "running"


@pytest.mark.parametrize(
    ("reply", "pattern"),
    [
        ({"error": {"class": "GenericError", "desc": "not now"}}, "QEMU refused: not now"),
        ({"return": {}}, r"an answer without what it was asked for: \{\}"),
        ({"return": None}, "an answer without what it was asked for: None"),
        ({"neither": 1}, "a reply that has neither 'return' nor 'error'"),
    ],
)
async def test_a_question_that_is_not_answered_is_its_asker_s_error_alone(
    qmp: DirectQmp, monitor: Monitor, reply: dict[str, Any], pattern: str
) -> None:
    async def other(monitor: Monitor, command: dict[str, Any]) -> None:
        await monitor.send(reply | {"id": command["id"]})

    monitor.answer = other
    with pytest.raises(CommandError, match=rf"should carry out 'query-status'.*{pattern}"):
        await qmp.query_status()
    monitor.answer = type(monitor).answer_well
    assert await qmp.query_status() == "running"


async def test_replies_out_of_order_end_the_channel_for_everyone(qmp: DirectQmp, monitor: Monitor) -> None:
    held: list[dict[str, Any]] = []

    async def swap(monitor: Monitor, command: dict[str, Any]) -> None:
        held.append(command)
        if len(held) == 2:
            for each in reversed(held):
                await monitor.send({"return": {"status": each["id"]}, "id": each["id"]})

    monitor.answer = swap
    async with asyncio.timeout(5):
        results = await asyncio.gather(qmp.query_status(), qmp.query_status(), return_exceptions=True)
    assert all(isinstance(result, ChannelError) for result in results), results
    assert "a reply to command" in str(results[0])


@pytest.mark.parametrize(
    ("bytes_", "pattern"),
    [
        (b'{"return": {}, "id": 12345}\n', "a reply to command 12345 while the reply to command"),
        (b'{"return": {}}\n', "a reply without an id"),
        (b'{"error": {"class": "GenericError", "desc": "JSON parse error"}}\n', "JSON parse error"),
        (b"HTTP/1.1 400 Bad Request\r\n", "is not JSON: b'HTTP"),
        (b"[1, 2]\n", "is not QMP"),
        (b"\xff\xfe\n", "is not JSON"),
        (b"[" * 100_000 + b"\n", "is not JSON"),
        (b"x" * (11 * 2**20), "more than 10 MiB"),
    ],
    ids=["unknown id", "no id", "parse error", "not JSON", "not an object", "not UTF-8", "too deep", "oversize"],
)
async def test_what_is_not_a_reply_ends_the_channel_with_a_sentence(
    qmp: DirectQmp, monitor: Monitor, bytes_: bytes, pattern: str
) -> None:
    async def say(monitor: Monitor, command: dict[str, Any]) -> None:
        await monitor.send_bytes(bytes_)

    monitor.answer = say
    await ended_with(qmp, pattern)


async def test_a_hundred_megabyte_line_is_refused_without_being_kept(qmp: DirectQmp, monitor: Monitor) -> None:
    async def flood(monitor: Monitor, command: dict[str, Any]) -> None:
        for _ in range(100):
            await monitor.send_bytes(b"x" * 2**20)

    monitor.answer = flood
    await ended_with(qmp, "more than 10 MiB")


async def test_a_monitor_that_closes_in_the_middle_of_a_reply_is_said_to(qmp: DirectQmp, monitor: Monitor) -> None:
    async def break_off(monitor: Monitor, command: dict[str, Any]) -> None:
        await monitor.send_bytes(b'{"return": {"status": "run')
        monitor.hang_up()

    monitor.answer = break_off
    await ended_with(qmp, "in the middle of a message")


async def test_a_monitor_that_goes_away_is_said_to(qmp: DirectQmp, monitor: Monitor) -> None:
    async def leave(monitor: Monitor, command: dict[str, Any]) -> None:
        monitor.hang_up()

    monitor.answer = leave
    await ended_with(qmp, "QEMU closed it")


async def test_a_late_reply_is_thrown_away(qmp: DirectQmp, monitor: Monitor) -> None:
    held: list[dict[str, Any]] = []

    async def hold(monitor: Monitor, command: dict[str, Any]) -> None:
        held.append(command)

    monitor.answer = hold
    with pytest.raises(DeadlineError, match=r"should answer 'query-status' within 0.05 s"):
        await qmp.query_status(0.05)
    monitor.answer = type(monitor).answer_well
    await monitor.send({"return": {"status": "late"}, "id": held[0]["id"]})
    assert await qmp.query_status() == "running"


async def test_a_cancelled_command_does_not_poison_the_channel(qmp: DirectQmp, monitor: Monitor) -> None:
    for _ in range(50):
        task = asyncio.create_task(qmp.execute("stop"))
        await asyncio.sleep(0)
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
        assert await qmp.query_status() == "running"


async def test_pipelined_commands_that_are_late_leave_nothing_unsaid(
    qmp: DirectQmp, monitor: Monitor, caplog: pytest.LogCaptureFixture
) -> None:
    async def hold(monitor: Monitor, command: dict[str, Any]) -> None:
        pass

    monitor.answer = hold
    with pytest.raises(DeadlineError, match="should answer 3 commands"):
        await qmp.execute_many([("stop", None)] * 3, timeout=0.05)
    with pytest.raises(DeadlineError, match=r"'stop' within 0\.05 s") as late:
        await qmp.execute("stop", timeout=0.05)
    del late
    await qmp.close()
    gc.collect()
    assert not caplog.records  # "exception was never retrieved"


async def test_deadlines_are_each_command_s_own(qmp: DirectQmp, monitor: Monitor) -> None:
    async def hold(monitor: Monitor, command: dict[str, Any]) -> None:
        pass

    monitor.answer = hold
    loop = asyncio.get_running_loop()

    async def how_long(timeout: float) -> float:
        started = loop.time()
        with pytest.raises(DeadlineError):
            await qmp.query_status(timeout)
        return loop.time() - started

    async with asyncio.timeout(5):
        took = await asyncio.gather(how_long(0.3), how_long(0.1), how_long(0.2))
    assert [took.index(each) for each in sorted(took)] == [1, 2, 0]
    assert all(each >= wanted - 0.01 for each, wanted in zip(took, (0.3, 0.1, 0.2), strict=True))


async def test_events_are_published_and_never_taken_for_a_reply(qmp: DirectQmp, monitor: Monitor) -> None:
    async def chatter(monitor: Monitor, command: dict[str, Any]) -> None:
        for n in range(1000):
            await monitor.send(
                {"event": "RTC_CHANGE", "data": {"offset": n}, "timestamp": {"seconds": 1, "microseconds": 0}}
            )
        await monitor.answer_well(command)

    monitor.answer = chatter
    assert await qmp.query_status() == "running"
    latest = qmp.domain.host.bus.recent("vm:win11", limit=1)[0]
    assert (latest.kind, latest.data["offset"], latest.data["host"]) == ("qmp.RTC_CHANGE", 999, "lab")


async def test_a_monitor_that_says_nothing_costs_no_more_than_the_deadline(monitor: Monitor, domain: Domain) -> None:
    monitor.greeting = b""
    with pytest.raises(DeadlineError, match=r"should greet within 0.1 s but said nothing.*Another client"):
        await DirectQmp(domain, monitor.path).open(0.1)


async def test_another_vm_s_monitor_is_refused(monitor: Monitor, domain: Domain) -> None:
    domain.uuid = "99999999-2222-3333-4444-555555555555"
    with pytest.raises(ChannelError, match="another VM answers"):
        await DirectQmp(domain, monitor.path).open(5)


async def test_a_socket_that_is_not_there_is_said_to_be(domain: Domain) -> None:
    with pytest.raises(ChannelError, match=r"/nowhere.*No such file"):
        await DirectQmp(domain, Path("/nowhere")).open(5)


async def test_a_peer_that_is_no_monitor_is_said_to_be(monitor: Monitor, domain: Domain) -> None:
    monitor.greeting = b"SSH-2.0-OpenSSH_9.2\r\n"
    with pytest.raises(ChannelError, match="should accept a connection and greet but did not: what came is not JSON"):
        await DirectQmp(domain, monitor.path).open(5)


async def test_closing_ends_who_waits_and_may_be_done_twice(qmp: DirectQmp, monitor: Monitor) -> None:
    asked = asyncio.Event()

    async def hold(monitor: Monitor, command: dict[str, Any]) -> None:
        asked.set()

    monitor.answer = hold
    waiting = asyncio.ensure_future(qmp.query_status(4))
    async with asyncio.timeout(3):
        await asked.wait()
        await qmp.close()
        with pytest.raises(ChannelError, match="was closed here"):
            await waiting
        await qmp.close()


async def test_nothing_is_left_behind_or_logged(
    monitor: Monitor, domain: Domain, caplog: pytest.LogCaptureFixture, capfd: pytest.CaptureFixture[str]
) -> None:
    before = asyncio.all_tasks()
    qmp = DirectQmp(domain, monitor.path)
    await qmp.open(5)
    monitor.hang_up()
    await qmp.domain.host.bus.wait_for(lambda event: event.kind == "qmp.lost", 5, "The end")
    await qmp.close()
    assert not [task for task in asyncio.all_tasks() - before if "serve" not in repr(task)]
    assert not caplog.records
    assert capfd.readouterr().err == ""
