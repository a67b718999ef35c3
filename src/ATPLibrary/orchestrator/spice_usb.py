"""USB devices that are plugged into VMs through their SPICE sessions: each has a usbredir channel to itself."""

from __future__ import annotations

import asyncio
import contextlib
import secrets
from dataclasses import dataclass
from typing import TYPE_CHECKING

from ATPLibrary.errors import ATPError, ChannelError, InputError
from ATPLibrary.transport.remaining import remaining

if TYPE_CHECKING:
    from collections.abc import Iterable

    from ATPLibrary.orchestrator.machine import Machine
    from ATPLibrary.orchestrator.workspace import Workspace
    from ATPLibrary.protocol.qmp.edges import Edge
    from ATPLibrary.protocol.spice.channels import UsbredirConversation
    from ATPLibrary.protocol.spice.client import SpeakingChannel
    from ATPLibrary.protocol.usbredir import UsbDevice, UsbHost
    from ATPLibrary.protocol.usbredir.devices import UsbKeyboard
    from ATPLibrary.transport.spice_connection import SpiceVmConnection
    from ATPLibrary.verifier.hiding import HiddenTimes

# A guest asks a keyboard for its keys every 4 ms; QEMU keeps what comes faster, but drops from 1000 reports on.
KEY_SECONDS = 0.008
# How long saying goodbye to a device may take that could not be attached, or whose VM is let go of.
_DETACH_SECONDS = 2.0


@dataclass
class AttachedUsb:
    """One device: `name` is unique on its VM, `serial` tells it from all others in the guest."""

    name: str
    device: UsbDevice
    speaking: SpeakingChannel
    serial: str

    @property
    def conversation(self) -> UsbredirConversation:
        from ATPLibrary.protocol.spice.channels import UsbredirConversation

        conversation = self.speaking.conversation
        assert isinstance(conversation, UsbredirConversation)
        return conversation

    @property
    def is_open(self) -> bool:
        return self.speaking.channel.state.is_open

    async def push(self, timeout: float) -> None:
        """Send what the device has for the guest. `ChannelError` when its channel has ended."""
        self.conversation.push()
        await self.speaking.pass_on("what is queued", timeout)


class UsbRedirections:
    """The devices of a workspace's VMs."""

    def __init__(self, workspace: Workspace) -> None:
        self._workspace = workspace
        self._attached: dict[str, list[AttachedUsb]] = {}  # by the VM's UUID

    def of(self, machine: Machine) -> list[AttachedUsb]:
        """Those whose channel is open; what has ended is forgotten."""
        there = self._attached.get(machine.uuid, [])
        for each in [each for each in there if not each.is_open]:
            there.remove(each)
            close_medium(each.device)
        return there

    def find(self, machine: Machine, name: str) -> AttachedUsb:
        """The device of that name. `InputError` lists those that there are."""
        there = self.of(machine)
        found = next((each for each in there if each.name == name.strip().lower()), None)
        if found is None:
            names = ", ".join(each.name for each in there) or "none"
            raise InputError.about(
                f"USB device '{name}' of VM '{machine.name}'", wanted="be attached", got=f"is not; attached are: {names}",
                next_step="Say 'Attach USB Device' first",
            )  # fmt: skip
        return found

    async def attach(
        self, machine: Machine, device: UsbDevice, name: str | None, serial: str, timeout: float
    ) -> AttachedUsb:
        """Plug a device in, and wait until a driver of the guest speaks with it. On failure it is unplugged again.

        `ChannelError` when there is no free channel or QEMU refuses the device, `DeadlineError` says how far the guest has come.
        """
        from ATPLibrary.orchestrator.spice_ports import opened
        from ATPLibrary.transport.spice import SpiceChannelType

        left = remaining(timeout)
        connection = await self._workspace.spice_sessions.connect(machine, timeout)
        there = self.of(machine)
        chosen = _new_name(machine, device, name, there)
        id = _free_channel(machine, connection, there)
        attached = AttachedUsb(chosen, device, await opened(connection, SpiceChannelType.USBREDIR, id, left()), serial)
        try:
            await self._plug_in(machine, attached, left())
        except BaseException:
            with contextlib.suppress(ATPError):
                await self._close(connection, attached, _DETACH_SECONDS)
            raise
        self._attached.setdefault(machine.uuid, []).append(attached)
        return attached

    async def detach(self, machine: Machine, name: str, timeout: float) -> None:
        """Unplug a device, and wait until QEMU has taken it away."""
        attached = self.find(machine, name)
        self._attached[machine.uuid].remove(attached)
        await self._close(self._workspace.spice_sessions.of(machine), attached, timeout)

    async def _plug_in(self, machine: Machine, attached: AttachedUsb, timeout: float) -> None:
        from ATPLibrary.protocol.usbredir import UsbState

        host = attached.conversation.host
        host.attach(attached.device)
        await attached.push(timeout)
        await attached.speaking.wait_until(
            lambda: (
                host.state is UsbState.REJECTED or (host.state is UsbState.CONFIGURED and attached.device.is_driven)
            ),
            timeout,
            f"have the USB device '{attached.name}' driven by its guest",
            lambda: how_far(host, attached.device),
        )
        if host.state is UsbState.REJECTED:
            rules = (
                f"its filter is {host.filter}"
                if host.filter
                else "it told of no filter, so its USB bus has no free port"
            )
            raise ChannelError.about(
                f"VM '{machine.name}'", wanted=f"take the USB device '{attached.name}'",
                got=f"its QEMU has rejected it: {rules}",
                next_step="Check the <redirfilter> and the USB controller of its XML",
            )  # fmt: skip

    async def _close(self, connection: SpiceVmConnection, attached: AttachedUsb, timeout: float) -> None:
        from ATPLibrary.protocol.usbredir import UsbState
        from ATPLibrary.transport.spice import SpiceChannelType

        host = attached.conversation.host
        try:
            if attached.is_open:
                host.detach()
                await attached.push(timeout)
                await attached.speaking.wait_until(
                    lambda: host.state is not UsbState.LEAVING, timeout, f"let go of the USB device '{attached.name}'"
                )
        finally:
            close_medium(attached.device)
            with contextlib.suppress(ATPError):
                await connection.close_channel(SpiceChannelType.USBREDIR, attached.speaking.channel.id)


def new_serial() -> str:
    """A serial number that no other device has."""
    return f"ATP{secrets.token_hex(5).upper()}"


def close_medium(device: UsbDevice) -> None:
    """A disk's image file, if it has one."""
    from ATPLibrary.protocol.usbredir.devices import DiskImage

    medium = getattr(device, "medium", None)
    if isinstance(medium, DiskImage):
        medium.close()


def how_far(host: UsbHost, device: UsbDevice) -> str:
    """How far the guest has come with a device, in words, and what that means."""
    from ATPLibrary.protocol.usbredir import UsbState

    match host.state:
        case UsbState.GREETING:
            return "QEMU has not greeted on the channel: it says nothing while its VM is suspended"
        case UsbState.OFFERED:
            return (
                "the guest has asked nothing of the device, so it did not enumerate it: is the VM suspended, or still booting, "
                "or without a driver for its USB controller"
            )
        case UsbState.ASKED:
            return f"the guest has begun to enumerate the device ({_asked(host)}) and chose no configuration"
        case UsbState.CONFIGURED:
            driver = f" (on Linux: modprobe {device.driver})" if device.driver else ""
            return f"the guest has enumerated the device, and no driver of it speaks with the device{driver}"
    return f"the device is {host.state.value}"


def _asked(host: UsbHost) -> str:
    return ", ".join(f"{count} {name}" for name, count in sorted(host.counted.items()) if name != "Hello")


def _new_name(machine: Machine, device: UsbDevice, name: str | None, there: list[AttachedUsb]) -> str:
    taken = {each.name for each in there}
    if name is not None:
        wanted = name.strip().lower()
        if wanted in taken:
            raise InputError.about(
                f"USB device '{wanted}' of VM '{machine.name}'", wanted="be a new name", got="is attached already",
                next_step="Detach it, or give another name",
            )  # fmt: skip
        return wanted
    numbered = (f"{device.kind}-{number}" for number in range(2, 1000))
    return next(each for each in (device.kind, *numbered) if each not in taken)


def _free_channel(machine: Machine, connection: SpiceVmConnection, there: list[AttachedUsb]) -> int:
    from ATPLibrary.protocol.spice.offered import ids_of
    from ATPLibrary.transport.spice import SpiceChannelType

    ids = ids_of(connection, SpiceChannelType.USBREDIR)
    if not ids:
        raise ChannelError.about(
            f"VM '{machine.name}'", wanted="have a SPICE channel for USB", got="has none",
            next_step="Add <redirdev bus='usb' type='spicevmc'/> and a USB controller to its XML, one for each device",
        )  # fmt: skip
    in_use = {each.speaking.channel.id: each.name for each in there}
    free = [id for id in ids if id not in in_use]
    if not free:
        raise ChannelError.about(
            f"VM '{machine.name}'", wanted="have a free SPICE channel for USB",
            got=f"all {len(ids)} are in use, by {', '.join(in_use.values())}",
            next_step="Detach a device, or add a <redirdev bus='usb' type='spicevmc'/> to its XML",
        )  # fmt: skip
    return free[0]


async def type_edges(
    attached: AttachedUsb, edges: Iterable[Edge], timeout: float, hidden: HiddenTimes | None = None
) -> int:
    """Keys down and up on an attached keyboard, no faster than a guest takes them. Returns how many edges.

    `hidden`: of a session with the guest's agent, whose watch tells no key that comes meanwhile.
    """
    from ATPLibrary.orchestrator.input_engines import SETTLE_SECONDS
    from ATPLibrary.protocol.usbredir.devices import UsbKeyboard

    left = remaining(timeout)
    keyboard = attached.device
    if not isinstance(keyboard, UsbKeyboard):
        raise InputError.about(
            f"USB device '{attached.name}'", wanted="be a keyboard to type on", got=f"is a {keyboard.kind}"
        )
    if not keyboard.is_listened_to:
        await attached.speaking.wait_until(
            lambda: keyboard.is_listened_to, left(), f"have its keyboard '{attached.name}' listened to by the guest"
        )
    count = 0
    if hidden is not None:
        hidden.begin()
    try:
        for edge in edges:
            keyboard.key(edge.qcode, edge.down)
            count += 1
            await attached.push(left())
            await asyncio.sleep(KEY_SECONDS)  # the keyboard's own pace: the guest says nothing when it takes a key
    except BaseException:
        if attached.is_open:
            _let_go(attached, keyboard)
        raise
    finally:
        if hidden is not None:
            hidden.end(SETTLE_SECONDS)  # that the keys have arrived is not known here
    return count


def _let_go(attached: AttachedUsb, keyboard: UsbKeyboard) -> None:
    """No key stays down: said at once, without waiting."""
    keyboard.release_all()
    attached.conversation.push()
    with contextlib.suppress(ATPError):  # the channel has ended, and all keys with it
        attached.speaking.pass_on_at_once()
