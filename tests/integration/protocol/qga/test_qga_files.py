"""Files to and from a guest whose agent is a real qemu-ga: whole, of any size, and honest about what went wrong."""

# ruff: noqa: ASYNC110, ASYNC240 - the guest is this machine: its files are looked at as they are

from __future__ import annotations

import asyncio
import base64
import hashlib
import os
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any

import pytest

from ATPLibrary.errors import CommandError, DeadlineError, InputError, VerificationError
from ATPLibrary.protocol.qga import GuestFiles, Qga

pytestmark = pytest.mark.integration

MEGABYTES = 110


@pytest.fixture
def files(qga: Qga) -> GuestFiles:
    return GuestFiles(qga)


@pytest.fixture(scope="module")
def big(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A file of more than 100 MB, no two pieces of which are alike."""
    path = tmp_path_factory.mktemp("big") / "big file.bin"
    with path.open("wb") as stream:
        for _ in range(MEGABYTES):
            stream.write(os.urandom(1_000_000))
    return path


async def test_more_than_100_megabytes_arrive_whole_and_come_back_whole(
    files: GuestFiles, big: Path, tmp_path: Path
) -> None:
    sha256 = hashlib.sha256(big.read_bytes()).hexdigest()
    progress: list[tuple[int, int]] = []
    pushed = await files.push(big, f"{tmp_path}/in the guest", 300, lambda done, whole: progress.append((done, whole)))
    assert (pushed.size, pushed.checksum.sha256) == (MEGABYTES * 1_000_000, sha256)
    assert pushed.checksum.made_by == "a command in the guest"
    assert progress == sorted(progress)
    assert progress[-1] == (MEGABYTES * 1_000_000, MEGABYTES * 1_000_000)
    progress.clear()
    pulled = await files.pull(
        f"{tmp_path}/in the guest", tmp_path / "back", 300, lambda done, whole: progress.append((done, whole))
    )
    assert (pulled.size, pulled.checksum.sha256) == (MEGABYTES * 1_000_000, sha256)
    assert progress[-1] == (MEGABYTES * 1_000_000, MEGABYTES * 1_000_000)
    assert hashlib.sha256((tmp_path / "back").read_bytes()).hexdigest() == sha256
    print(pushed, pulled, sep="\n")


@pytest.mark.parametrize("size", [0, 1, 65_535, 65_536, 65_537, 1_000_000])
async def test_content_of_any_bytes_is_written_and_read(files: GuestFiles, tmp_path: Path, size: int) -> None:
    data = os.urandom(size)
    await files.write(f"{tmp_path}/file", data, 20)
    assert (tmp_path / "file").read_bytes() == data
    assert await files.read(f"{tmp_path}/file", 20) == data
    await files.write(f"{tmp_path}/file", b"and more\r\n", 20, append=True)
    assert (tmp_path / "file").read_bytes() == data + b"and more\r\n"


async def test_a_file_of_the_kernel_which_has_no_size_is_read(files: GuestFiles, tmp_path: Path) -> None:
    assert b"Linux" in await files.read("/proc/version", 20)
    await files.pull("/proc/version", tmp_path, 20)
    assert b"Linux" in (tmp_path / "version").read_bytes()


async def test_a_file_that_is_not_there_is_named(files: GuestFiles, tmp_path: Path) -> None:
    with pytest.raises(
        CommandError, match=r"File '/no/such/file' of VM .*No such file.*\. Check the path\. 'Run Command"
    ):
        await files.read("/no/such/file", 20)
    with pytest.raises(CommandError, match="No such file"):
        await files.pull("/no/such/file", tmp_path / "x", 20)
    with pytest.raises(InputError, match=r"of this machine can't be read: No such file"):
        await files.push(tmp_path / "missing", "/tmp/x", 20)
    assert list(tmp_path.iterdir()) == []


async def test_what_is_too_large_for_memory_is_refused_with_a_way_out(files: GuestFiles, big: Path) -> None:
    with pytest.raises(InputError, match="more than 1000000 bytes: use 'Pull File From Guest'"):
        await files.read(str(big), 60, longest=1_000_000)


async def test_a_pushed_file_has_the_local_one_s_permissions_or_those_it_is_given(
    files: GuestFiles, tmp_path: Path
) -> None:
    script = tmp_path / "script"
    script.write_text("#!/bin/sh\n")
    script.chmod(0o750)
    (tmp_path / "guest").mkdir()
    await files.push(script, f"{tmp_path}/guest/", 20)
    await files.push(script, f"{tmp_path}/guest/other", 20, mode="600")
    assert {path.name: path.stat().st_mode & 0o777 for path in (tmp_path / "guest").iterdir()} == {
        "script": 0o750,
        "other": 0o600,
    }


async def test_pushing_onto_a_directory_is_refused_and_leaves_nothing(files: GuestFiles, tmp_path: Path) -> None:
    (tmp_path / "local").write_text("x")
    (tmp_path / "directory").mkdir()
    with pytest.raises(CommandError, match="is a directory"):
        await files.push(tmp_path / "local", f"{tmp_path}/directory", 20)
    await nothing_but(tmp_path, {"local", "directory"})


async def nothing_but(directory: Path, names: set[str]) -> None:
    """What a broken transfer has begun is removed behind the caller's back."""
    async with asyncio.timeout(20):
        while {path.name for path in directory.iterdir()} != names:
            await asyncio.sleep(0.01)


@pytest.mark.parametrize("how", ["cancelled", "too late"])
async def test_a_push_that_breaks_off_harms_no_file(
    files: GuestFiles, domain: Any, big: Path, tmp_path: Path, how: str
) -> None:
    (tmp_path / "target").write_text("as it was")
    reached = asyncio.Event()

    async def stuck(command: dict[str, Any], carry_out: Callable[[], Awaitable[str]]) -> str:
        if command["execute"] == "guest-file-write" and (tmp_path / "target.atp-part").stat().st_size > 500_000:
            reached.set()
            await asyncio.Event().wait()
        return await carry_out()

    domain.fault = stuck
    pushing = asyncio.create_task(files.push(big, f"{tmp_path}/target", 60 if how == "cancelled" else 5))
    async with asyncio.timeout(60):
        await reached.wait()
    if how == "cancelled":
        pushing.cancel()
        with pytest.raises(asyncio.CancelledError):
            await pushing
    else:
        with pytest.raises(DeadlineError, match=rf"of {MEGABYTES}000000 bytes were sent"):
            await pushing
    await nothing_but(tmp_path, {"target"})
    assert (tmp_path / "target").read_text() == "as it was"


async def test_a_byte_that_changes_under_way_is_found_and_no_file_is_left(
    files: GuestFiles, domain: Any, tmp_path: Path
) -> None:
    (tmp_path / "source").write_bytes(b"a" * 200_000)
    directory = tmp_path / "here"
    directory.mkdir()

    async def flip(command: dict[str, Any], carry_out: Callable[[], Awaitable[str]]) -> str:
        if command["execute"] == "guest-file-write":
            command["arguments"]["buf-b64"] = base64.b64encode(b"b" + b"a" * 65_535).decode()
        return (await carry_out()).replace("YWFh", "YWJh")

    domain.fault = flip
    with pytest.raises(
        VerificationError, match=r"should give a file with SHA-256 \w{64} but a command in the guest says \w{64}"
    ):
        await files.pull(f"{tmp_path}/source", directory / "target", 20)
    assert list(directory.iterdir()) == []


async def test_where_no_command_may_run_the_checksum_is_made_by_reading_back(
    start_agent: Callable[..., Awaitable[Any]], tmp_path: Path
) -> None:
    files = GuestFiles(Qga(await start_agent("guest-exec,guest-exec-status")))
    (tmp_path / "local").write_bytes(os.urandom(300_000))
    pushed = await files.push(tmp_path / "local", f"{tmp_path}/target", 20)
    assert pushed.checksum.made_by == "reading it back"
    assert (tmp_path / "target").read_bytes() == (tmp_path / "local").read_bytes()


async def test_no_file_stays_open_in_the_guest(qga: Qga, files: GuestFiles, tmp_path: Path) -> None:
    async def open_files() -> int:
        return int((await qga.exec("ls /proc/$PPID/fd | wc -l")).stdout)

    before = await open_files()
    (tmp_path / "file").write_bytes(b"x" * 3_000_000)
    for _ in range(3):
        await files.read(f"{tmp_path}/file", 20)
        await qga.exec("echo x", on_output=lambda stream, text: None)
        reading = asyncio.create_task(files.read(f"{tmp_path}/file", 20))
        await asyncio.sleep(0)
        reading.cancel()
        with pytest.raises(asyncio.CancelledError):
            await reading
    async with asyncio.timeout(20):
        while await open_files() > before:
            await asyncio.sleep(0.01)
