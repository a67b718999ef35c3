"""One VM, one process: leases by the kernel's locks. Two books in one process stand for two processes: flock tells them apart."""

from __future__ import annotations

import asyncio
import os
import resource
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from ATPLibrary.errors import ConfigError, DeadlineError, VmStateError
from ATPLibrary.events import EventBus
from ATPLibrary.orchestrator.lease import LeaseBook, lease_directory
from ATPLibrary.transport import Domain, HostConnection

pytestmark = pytest.mark.unit


@pytest.fixture
def vms() -> list[Domain]:
    host = HostConnection("rack-1", "test:///default", EventBus())
    return [Domain(host, f"sales-{n}", f"{n * 8}-1111-4111-8111-111111111111") for n in ("1", "2")]


@pytest.fixture
def ours(tmp_path: Path) -> LeaseBook:
    return LeaseBook(tmp_path / "leases")


@pytest.fixture
def theirs(tmp_path: Path) -> LeaseBook:
    return LeaseBook(tmp_path / "leases")


async def test_two_who_ask_get_two_vms(ours: LeaseBook, theirs: LeaseBook, vms: list[Domain]) -> None:
    assert (await ours.take(vms, "A VM", "", 5)).name == "sales-1"
    assert (await theirs.take(vms, "A VM", "", 5)).name == "sales-2"


async def test_who_waits_too_long_is_told_who_holds_it(ours: LeaseBook, theirs: LeaseBook, vms: list[Domain]) -> None:
    await ours.take(vms[:1], "A VM", "Suite.Test", 5)
    expected = (
        rf"^A VM should be free within 0\.1 s but it is leased\. Last seen: 'sales-1' by process {os.getpid()} \(Suite"
    )
    with pytest.raises(DeadlineError, match=expected):
        await theirs.take(vms[:1], "A VM", "", 0.1)


async def test_who_waits_gets_it_when_it_is_given_back(ours: LeaseBook, theirs: LeaseBook, vms: list[Domain]) -> None:
    await ours.take(vms, "A VM", "", 5)
    await ours.take(vms, "A VM", "", 5)
    waiting = asyncio.create_task(theirs.take(vms, "A VM", "", 30))
    await asyncio.sleep(0)
    assert ours.release(vms[1].uuid) is not None
    assert await waiting is vms[1]
    assert [lease.vm for lease in theirs.held] == ["sales-2"]


@pytest.fixture
def holder(tmp_path: Path, vms: list[Domain]) -> Iterator[subprocess.Popen[str]]:
    """Another process, which has leased the first VM."""
    file = tmp_path / "leases" / f"{vms[0].uuid}.lease"
    file.parent.mkdir(mode=0o700)
    code = (
        f"import fcntl; f = open({str(file)!r}, 'w'); fcntl.flock(f, fcntl.LOCK_EX); print('held', flush=True); input()"
    )
    with subprocess.Popen(
        [sys.executable, "-c", code], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    ) as process:
        try:
            assert process.stdout is not None
            assert process.stdout.readline() == "held\n"
            yield process
        finally:
            process.kill()


async def test_a_lease_ends_with_its_process_however_it_dies(
    holder: subprocess.Popen[str], ours: LeaseBook, vms: list[Domain]
) -> None:
    waiting = asyncio.create_task(ours.take(vms[:1], "A VM", "", 30))
    await asyncio.sleep(0)
    assert not waiting.done()
    holder.kill()
    assert await waiting is vms[0]


async def test_nobody_waits_for_himself(ours: LeaseBook, vms: list[Domain]) -> None:
    await ours.take(vms, "A VM", "", 5)
    await ours.take(vms, "A VM", "", 5)
    with pytest.raises(VmStateError, match="A VM should be free but this process has leased all 2 already"):
        await ours.take(vms, "A VM", "", 5)


async def test_everyone_sees_who_holds_what(ours: LeaseBook, theirs: LeaseBook, vms: list[Domain]) -> None:
    assert theirs.all() == []
    await ours.take(vms, "A VM", "Suite", 5)
    (seen,), (known,) = theirs.all(), ours.all()
    assert (seen.vm, seen.host, seen.pid, seen.scope, seen.mine) == ("sales-1", "rack-1", os.getpid(), "Suite", False)
    assert known.mine
    assert ours.of_scope("Suite") == [known]
    ours.release(vms[0].uuid)
    assert theirs.all() == []


async def test_what_a_dead_process_wrote_is_no_lease(
    ours: LeaseBook, theirs: LeaseBook, vms: list[Domain], tmp_path: Path
) -> None:
    await ours.take(vms[:1], "A VM", "", 5)
    (file,) = (tmp_path / "leases").iterdir()
    text = file.read_text(encoding="utf-8")
    ours.release(vms[0].uuid)
    file.write_text(text, encoding="utf-8")
    assert theirs.all() == []


async def test_the_directory_of_somebody_else_is_refused(tmp_path: Path, vms: list[Domain]) -> None:
    (tmp_path / "file").write_text("", encoding="utf-8")
    with pytest.raises(ConfigError, match=r"The directory of leases '.*file' should be made but was not"):
        await LeaseBook(tmp_path / "file").take(vms, "A VM", "", 5)


def test_every_process_of_a_user_looks_in_one_place() -> None:
    assert lease_directory({}) == Path(f"/tmp/atp-leases-{os.geteuid()}")
    assert lease_directory({"ATP_LEASE_DIR": "/var/lib/leases"}) == Path("/var/lib/leases")


async def test_a_lease_that_can_not_be_written_is_not_held(
    ours: LeaseBook, theirs: LeaseBook, vms: list[Domain]
) -> None:
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (0, hard))  # as on a full disk
    try:
        with pytest.raises(
            ConfigError, match=r"^The lease of VM 'sales-1' should be written to .* but was not: File too large"
        ):
            await ours.take(vms[:1], "A VM", "", 5)
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))
    assert ours.held == []
    assert await theirs.take(vms[:1], "A VM", "", 5) is vms[0]
