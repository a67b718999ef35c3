"""The system in the guest as its agent tells it: what it is, its network, users, time, disks and processors; and changing them."""

from __future__ import annotations

import base64
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any, Literal

from ATPLibrary import runtime
from ATPLibrary.errors import InputError
from ATPLibrary.events import Event
from ATPLibrary.secrets import as_secret
from ATPLibrary.transport.domain_state import VmState

if TYPE_CHECKING:
    import libvirt

    from ATPLibrary.protocol.qga.agent import Qga

_REBOOTED = "libvirt.reboot"
_NANOSECONDS = 1_000_000_000


@dataclass(frozen=True, slots=True)
class GuestOs:
    """What the guest says it is. What it doesn't say is empty: a guest without /etc/os-release has only its kernel to tell."""

    family: Literal["posix", "windows"]
    id: str  # "debian", "mswindows"
    name: str  # "Debian GNU/Linux"
    version: str  # "12 (bookworm)"
    pretty_name: str
    kernel_release: str  # "6.1.0-56-amd64", of a Windows its build number
    kernel_version: str
    machine: str  # "x86_64"
    host_name: str
    time_zone: str

    def __str__(self) -> str:
        name = self.pretty_name or self.name or self.id or "a system without a name"
        return f"{name}, kernel {self.kernel_release} ({self.machine}), host name {self.host_name}"


@dataclass(frozen=True, slots=True)
class GuestInterface:
    """A network interface. `addresses` are as "192.0.2.7/24"."""

    name: str
    mac: str
    addresses: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class GuestUser:
    """Someone who is logged in."""

    name: str
    domain: str  # of a Windows
    since: datetime


@dataclass(frozen=True, slots=True)
class GuestFilesystem:
    """A mounted file system. `size` and `used` are in bytes, None where the guest doesn't say."""

    name: str
    mount_point: str
    type: str
    size: int | None
    used: int | None
    disks: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class GuestDisk:
    """A disk or a partition of one."""

    name: str
    partition: bool
    bus: str
    serial: str
    depends_on: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class GuestCpu:
    """A virtual processor as the guest sees it."""

    number: int
    online: bool
    can_offline: bool


class GuestSystem:
    """The system of a guest. `CommandError` where its agent doesn't know or mustn't do something. `timeout` in seconds."""

    def __init__(self, qga: Qga) -> None:
        self._qga = qga

    async def os(self, timeout: float) -> GuestOs:
        told = await self._ask("guest-get-osinfo", timeout)
        host = await self._ask("guest-get-host-name", timeout)
        zone = await self._ask("guest-get-timezone", timeout)
        return GuestOs(
            family=await self._qga.family(timeout),
            id=told.get("id", ""),
            name=told.get("name", ""),
            version=told.get("version", ""),
            pretty_name=told.get("pretty-name", ""),
            kernel_release=told.get("kernel-release", ""),
            kernel_version=told.get("kernel-version", ""),
            machine=told.get("machine", ""),
            host_name=host["host-name"],
            time_zone=zone.get("zone") or _offset(zone["offset"]),
        )

    async def interfaces(self, timeout: float) -> list[GuestInterface]:
        return [
            GuestInterface(
                each["name"],
                each.get("hardware-address", ""),
                tuple(f"{one['ip-address']}/{one['prefix']}" for one in each.get("ip-addresses", ())),
            )
            for each in await self._ask("guest-network-get-interfaces", timeout)
        ]

    async def users(self, timeout: float) -> list[GuestUser]:
        return [
            GuestUser(each["user"], each.get("domain", ""), datetime.fromtimestamp(each["login-time"], UTC))
            for each in await self._ask("guest-get-users", timeout)
        ]

    async def filesystems(self, timeout: float) -> list[GuestFilesystem]:
        return [
            GuestFilesystem(
                each["name"],
                each["mountpoint"],
                each["type"],
                each.get("total-bytes"),
                each.get("used-bytes"),
                tuple(disk["dev"] for disk in each["disk"] if "dev" in disk),
            )
            for each in await self._ask("guest-get-fsinfo", timeout)
        ]

    async def disks(self, timeout: float) -> list[GuestDisk]:
        return [
            GuestDisk(
                each["name"],
                each["partition"],
                each.get("address", {}).get("bus-type", ""),
                each.get("address", {}).get("serial", ""),
                tuple(each.get("dependencies", ())),
            )
            for each in await self._ask("guest-get-disks", timeout)
        ]

    async def cpus(self, timeout: float) -> list[GuestCpu]:
        return [
            GuestCpu(each["logical-id"], each["online"], each.get("can-offline", False))
            for each in await self._ask("guest-get-vcpus", timeout)
        ]

    async def set_cpu(self, number: int, timeout: float, *, online: bool) -> None:
        """Let a processor work, or not. The first one of most guests can't be taken away."""
        known = {cpu.number: cpu for cpu in await self.cpus(timeout)}
        if number not in known:
            raise InputError(f"The guest has no CPU {number}: it has {', '.join(map(str, known)) or 'none'}.")
        if not online and not known[number].can_offline:
            raise InputError(f"CPU {number} of the guest can't be taken offline: the guest needs it.")
        await self._ask("guest-set-vcpus", timeout, vcpus=[{"logical-id": number, "online": online}])

    async def time(self, timeout: float) -> datetime:
        """The guest's clock, in UTC."""
        nanoseconds = int(await self._ask("guest-get-time", timeout))
        whole = datetime.fromtimestamp(nanoseconds // _NANOSECONDS, UTC)
        return whole + timedelta(microseconds=nanoseconds % _NANOSECONDS // 1000)

    async def set_time(self, time: datetime, timeout: float) -> None:
        """Set the guest's clock, and its hardware clock. A time without a zone is this machine's local time."""
        since = time.astimezone(UTC) - datetime(1970, 1, 1, tzinfo=UTC)
        nanoseconds = (since // timedelta(microseconds=1)) * 1000
        if nanoseconds < 0:
            raise InputError(f"The guest's clock can't be set to {time}: computers count from 1970 on.")
        await self._ask("guest-set-time", timeout, time=nanoseconds)

    async def set_password(self, user: str, password: Any, timeout: float, *, crypted: bool = False) -> None:
        """Set a user's password (text or any kind of secret). `crypted`: it is what crypt(3) makes of one, for POSIX guests."""
        revealed = as_secret(password)
        # Under way it is base64: that is as good as the password, so the redactor has to know it too.
        carried = as_secret(base64.b64encode(revealed.reveal().encode()).decode())
        await self._ask("guest-set-user-password", timeout, username=user, password=carried.reveal(), crypted=crypted)

    async def shut_down(self, timeout: float) -> None:
        """Let the agent shut the guest down, and wait until the VM is off."""
        await self._power(
            "shut it down by its guest agent", "shutdownFlags", "VIR_DOMAIN_SHUTDOWN_GUEST_AGENT", timeout
        )
        await self._qga.domain.wait_for_state(VmState.SHUTOFF, timeout)

    async def reboot(self, timeout: float) -> None:
        """Let the agent reboot the guest, and wait until it really begins anew."""
        domain = self._qga.domain

        def is_reboot(event: Event) -> bool:
            return event.kind == _REBOOTED and event.data.get("uuid") == domain.uuid

        with domain.host.bus.subscribe(is_reboot) as subscription:
            await self._power("reboot it by its guest agent", "reboot", "VIR_DOMAIN_REBOOT_GUEST_AGENT", timeout)
            async with runtime.deadline(timeout, f"VM '{domain.name}'", wanted="reboot", got="did not"):
                await anext(subscription)

    async def _power(self, what: str, method: str, flag: str, timeout: float) -> None:
        """guest-shutdown has no answer when it works: libvirt knows that, so it is asked in its own words."""

        def change(handle: libvirt.virDomain) -> None:
            import libvirt

            getattr(handle, method)(getattr(libvirt, flag))

        await self._qga.ping(timeout)  # says better than libvirt why there is no agent
        await self._qga.domain.call(what, change, timeout=timeout)

    async def _ask(self, name: str, timeout: float, **arguments: Any) -> Any:
        return await self._qga.command(name, arguments or None, timeout)


def _offset(seconds: int) -> str:
    minutes = abs(seconds) // 60
    return f"UTC{'-' if seconds < 0 else '+'}{minutes // 60:02d}:{minutes % 60:02d}"
