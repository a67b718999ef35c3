"""Commands run by a real qemu-ga: how they are started, followed, and ended."""

# ruff: noqa: ASYNC110, ASYNC240 - the guest is this machine: its files are looked at as they are

from __future__ import annotations

import asyncio
import sys
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any

import pytest

from ATPLibrary.errors import CommandError, DeadlineError, InputError
from ATPLibrary.protocol.qga import Qga

pytestmark = pytest.mark.integration


def alive(pid: int) -> bool:
    """Whether a process runs (a zombie doesn't)."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except (FileNotFoundError, ProcessLookupError):  # before the file was opened, or before it was read
        return False


def left_behind() -> set[Path]:
    """The pipes of commands that there are in the guest, anybody's."""
    return set(Path("/tmp").glob(".atp-*"))


async def nothing_new_since(before: set[Path]) -> None:
    """Whoever else runs commands on this machine meanwhile has pipes too, for a moment."""
    async with asyncio.timeout(20):
        while not left_behind() <= before:
            await asyncio.sleep(0.01)


async def appears(path: Path) -> str:
    async with asyncio.timeout(20):
        while not (path.exists() and (text := path.read_text()).endswith("\n")):
            await asyncio.sleep(0.01)
    return text


async def test_a_shell_line_and_a_program_with_arguments(qga: Qga) -> None:
    assert (await qga.exec("echo 'a  b' | tr a c; exit 3")).stdout == "c  b\n"
    result = await qga.exec(["/bin/echo", "a  b", "$HOME", "", "*'\""])
    assert (result.stdout, result.exit_code) == ("a  b $HOME  *'\"\n", 0)


async def test_a_signal_is_told(qga: Qga) -> None:
    result = await qga.exec("kill -TERM $$")
    assert (result.exit_code, result.signal) == (None, 15)


async def test_an_environment_comes_on_top_of_the_agent_s_own(qga: Qga) -> None:
    result = await qga.exec("echo $ATP_COLOUR; command -v ls", environment={"ATP_COLOUR": "red and blue"})
    assert result.stdout.startswith("red and blue\n/")  # PATH is still there


async def test_a_command_works_in_the_directory_that_it_is_given(qga: Qga, tmp_path: Path) -> None:
    directory = tmp_path / "a 'b' $c"
    directory.mkdir()
    assert (await qga.exec("pwd", directory=str(directory))).stdout == f"{directory}\n"
    assert (await qga.exec(["/bin/pwd"], directory=str(directory))).stdout == f"{directory}\n"
    missing = await qga.exec("pwd", directory=str(tmp_path / "missing"))
    assert missing.exit_code == 126
    assert "missing" in missing.stderr


async def test_input_is_read_and_too_much_of_it_is_refused_with_a_way_out(qga: Qga) -> None:
    assert (await qga.exec(["/usr/bin/wc", "-c"], input=b"\0" * 98304)).stdout == "98304\n"
    with pytest.raises(InputError, match="Write Guest File"):
        await qga.exec("cat", input=b"\0" * 98305)


async def test_output_is_decoded_as_the_guest_writes_it(qga: Qga) -> None:
    assert (await qga.exec(r"printf '\304\343\272\303'", encoding="gbk")).stdout == "你好"
    assert (await qga.exec(r"printf '\304a'")).stdout == "\ufffda"
    with pytest.raises(InputError, match=r"'martian' is none that Python knows"):
        await qga.exec("ls", encoding="martian")


async def test_a_program_that_is_not_there_is_named(qga: Qga) -> None:
    with pytest.raises(CommandError, match="no-such-program"):
        await qga.exec(["/no-such-program"])


async def test_output_is_told_while_the_command_runs(qga: Qga, tmp_path: Path) -> None:
    """The command goes on only when its first line was seen: without streaming this can't end."""
    seen: list[tuple[str, str]] = []
    go = tmp_path / "go"

    def on_output(stream: str, text: str) -> None:
        seen.append((stream, text))
        if "first" in text:
            go.touch()

    line = f"echo first; until [ -e {go} ]; do sleep 0.02; done; echo second >&2; exit 5"
    result = await qga.exec(line, timeout=20, on_output=on_output)
    assert seen == [("stdout", "first\n"), ("stderr", "second\n")]
    assert (result.stdout, result.stderr, result.exit_code) == ("first\n", "second\n", 5)


async def test_streamed_output_may_be_larger_than_one_answer_and_what_is_not_kept_is_said_to_be_missing(
    qga: Qga,
) -> None:
    told = 0

    def on_output(stream: str, text: str) -> None:
        nonlocal told
        told += len(text)

    whole = await qga.exec("head -c 9000000 /dev/zero | tr '\\0' a", timeout=60, on_output=on_output)
    assert (len(whole.stdout), told, whole.truncated) == (9_000_000, 9_000_000, False)
    told = 0
    cut = await qga.exec("head -c 20000000 /dev/zero | tr '\\0' a", timeout=60, on_output=on_output)
    assert (len(cut.stdout), told, cut.truncated) == (16 * 1024 * 1024, 20_000_000, True)
    assert cut.stdout_truncated


async def test_output_that_no_answer_can_carry_is_cut_and_said_to_be_and_the_agent_answers_on(qga: Qga) -> None:
    """libvirt would drop the agent for good (the fixture's domain asserts that it needn't)."""
    line = "head -c 9000000 /dev/zero | tr '\\0' a; head -c 700000 /dev/zero | tr '\\0' b >&2; echo on >&2; exit 7"
    result = await qga.exec(line, timeout=60)
    assert (result.exit_code, result.truncated, result.stdout_truncated) == (7, True, True)
    assert (result.stdout, result.stderr) == ("a" * 1_000_000, "b" * 250_000)
    whole = await qga.exec("head -c 1000000 /dev/zero | tr '\\0' a; kill -9 $$", timeout=60)
    assert (len(whole.stdout), whole.signal, whole.truncated) == (1_000_000, 9, False)
    assert (await qga.exec(["/usr/bin/head", "-c", "9000000", "/dev/zero"], timeout=60)).truncated
    aside = await qga.exec("echo whole; head -c 700000 /dev/zero >&2", timeout=60)
    assert (aside.stdout, aside.truncated, aside.stdout_truncated) == ("whole\n", True, False)


async def test_the_pipes_around_a_command_are_not_its_children_and_leave_nothing_behind(qga: Qga) -> None:
    before = left_behind()
    waits_for_any_child = [sys.executable, "-c", "import os\ntry:\n os.wait()\nexcept ChildProcessError: print('none')"]
    assert (await qga.exec(waits_for_any_child, timeout=20)).stdout == "none\n"
    assert (await qga.exec("cat", input="read", timeout=20)).stdout == "read"
    assert (await qga.exec("echo begun; exit 0", timeout=20)).stdout == "begun\n"
    await nothing_new_since(before)


@pytest.mark.parametrize("streamed", [False, True])
async def test_the_files_that_a_command_makes_have_the_permissions_they_have_otherwise(
    qga: Qga, tmp_path: Path, streamed: bool
) -> None:
    mask = (await qga.exec(["/bin/sh", "-c", "umask"], timeout=20, ours=True)).stdout
    on_output = (lambda stream, text: None) if streamed else None
    assert (await qga.exec("umask", timeout=20, on_output=on_output)).stdout == mask


async def test_a_character_that_two_pieces_share_is_one(qga: Qga) -> None:
    result = await qga.exec(
        r"printf '\344\275'; sleep 0.3; printf '\240\n'", timeout=20, on_output=lambda stream, text: None
    )
    assert result.stdout == "你\n"


async def test_streaming_leaves_nothing_behind_in_the_guest(qga: Qga) -> None:
    before = left_behind()
    await qga.exec("echo x", on_output=lambda stream, text: None)
    with pytest.raises(DeadlineError):
        await qga.exec("sleep 60", timeout=1, on_output=lambda stream, text: None)
    await nothing_new_since(before)


FAMILY = """
echo $$ >{0}/self
(sleep 300 & echo $! >{0}/orphan; exec true)
sh -c 'sleep 300 & echo $! >{0}/grandchild; wait' &
wait
"""


@pytest.mark.parametrize("streamed", [False, True])
async def test_a_cancelled_command_is_ended_with_all_that_it_has_started(
    qga: Qga, tmp_path: Path, streamed: bool
) -> None:
    on_output = (lambda stream, text: None) if streamed else None
    running = asyncio.create_task(qga.exec(FAMILY.format(tmp_path), timeout=60, on_output=on_output))
    pids = [int(await appears(tmp_path / name)) for name in ("self", "orphan", "grandchild")]
    assert all(map(alive, pids))
    running.cancel()
    with pytest.raises(asyncio.CancelledError):
        await running
    assert [pid for pid in pids if alive(pid)] == []


async def test_a_command_that_outlives_its_deadline_is_ended_and_named(qga: Qga, tmp_path: Path) -> None:
    with pytest.raises(
        DeadlineError, match=r"'echo .*should end within 3 s but still ran \(process \d+ of the guest\), and was ended"
    ):
        await qga.exec(f"echo $$ >{tmp_path}/pid; sleep 60", timeout=3)
    assert not alive(int((tmp_path / "pid").read_text()))


async def test_a_program_without_a_shell_is_ended_with_its_children(qga: Qga, tmp_path: Path) -> None:
    script = tmp_path / "script"
    script.write_text(f"#!/bin/sh\nsleep 300 &\necho $! >{tmp_path}/child\nwait\n")
    script.chmod(0o755)
    running = asyncio.create_task(qga.exec([str(script)], timeout=60))
    child = int(await appears(tmp_path / "child"))
    running.cancel()
    with pytest.raises(asyncio.CancelledError):
        await running
    assert not alive(child)


async def test_a_command_that_was_cancelled_while_it_started_is_ended_too(
    qga: Qga, domain: Any, tmp_path: Path
) -> None:
    """The agent has started it, and its answer is still under way when nobody waits any more."""
    started, go_on = asyncio.Event(), asyncio.Event()

    async def late(command: dict[str, Any], carry_out: Callable[[], Awaitable[str]]) -> str:
        answer = await carry_out()
        if command["execute"] == "guest-exec" and not started.is_set():
            started.set()
            await go_on.wait()
        return answer

    await qga.family()
    domain.fault = late
    running = asyncio.create_task(qga.exec(f"echo $$ >{tmp_path}/pid; exec sleep 300", timeout=60))
    await started.wait()
    running.cancel()
    pid = int(await appears(tmp_path / "pid"))
    go_on.set()
    with pytest.raises(asyncio.CancelledError):
        await running
    assert not alive(pid)


async def test_a_forbidden_command_gives_one_clear_sentence(start_agent: Callable[..., Awaitable[Any]]) -> None:
    qga = Qga(await start_agent("guest-exec"))
    assert not await qga.can("guest-exec")
    assert await qga.can("guest-ping")
    assert not await qga.can("guest-nonsense")
    with pytest.raises(CommandError) as caught:
        await qga.exec(["/bin/true"])
    assert str(caught.value) == (
        "The guest agent of VM 'win11' should carry out guest-exec but the guest forbids it: Command guest-exec has been disabled. "
        "Take it off the agent's list there (block-rpcs in qemu-ga.conf, on RHEL "
        "/etc/sysconfig/qemu-ga) and restart qemu-ga."
    )


async def test_an_unknown_command_gives_one_clear_sentence(qga: Qga) -> None:
    with pytest.raises(
        CommandError, match=r"guest-nonsense but doesn't know it\. Look what it knows with 'Get Guest Info'"
    ):
        await qga.command("guest-nonsense", None, 5)


async def test_a_command_that_libvirt_cannot_carry_is_refused_before_it_is_garbled(qga: Qga) -> None:
    with pytest.raises(CommandError, match=r"at most 180224 bytes.*Write a file into the guest instead"):
        await qga.exec("true", environment={"BIG": "x" * 200_000})
