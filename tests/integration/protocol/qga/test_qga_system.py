"""What a real qemu-ga tells of its system, which here is this machine's."""

from __future__ import annotations

import os
import platform
import time

import pytest

from ATPLibrary.errors import CommandError, InputError
from ATPLibrary.protocol.qga import GuestSystem, Qga

pytestmark = pytest.mark.integration


@pytest.fixture
def system(qga: Qga) -> GuestSystem:
    return GuestSystem(qga)


async def test_the_system_is_named(system: GuestSystem) -> None:
    told = await system.os(10)
    assert (told.family, told.kernel_release, told.machine) == ("posix", platform.release(), platform.machine())
    assert told.host_name
    assert told.time_zone
    assert told.kernel_release in str(told)


async def test_the_network_has_the_loopback(system: GuestSystem) -> None:
    (loopback,) = [each for each in await system.interfaces(10) if each.name == "lo"]
    assert "127.0.0.1/8" in loopback.addresses


async def test_the_clock_is_this_machine_s(system: GuestSystem) -> None:
    before = time.time()
    told = (await system.time(10)).timestamp()
    assert before - 0.001 <= told <= time.time() + 0.001


async def test_the_processors_are_all_there(system: GuestSystem) -> None:
    cpus = await system.cpus(10)
    assert len([cpu for cpu in cpus if cpu.online]) == os.cpu_count()
    with pytest.raises(InputError, match="The guest has no CPU 4711"):
        await system.set_cpu(4711, 10, online=False)


async def test_users_disks_and_file_systems_are_listed(system: GuestSystem) -> None:
    await system.users(10)
    await system.disks(10)
    await system.filesystems(10)


async def test_what_the_guest_forbids_is_said(system: GuestSystem) -> None:
    with pytest.raises(CommandError, match="carry out guest-set-user-password but the guest forbids it") as caught:
        await system.set_password("root", "a-secret-word", 10)
    assert "a-secret-word" not in repr(caught.value)
    assert "YS1zZWNyZXQtd29yZA" not in repr(caught.value)
