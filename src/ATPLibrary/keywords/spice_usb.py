"""Keywords about USB devices that are plugged into a VM through SPICE: a keyboard, a disk, a serial line, or a tester's own."""

from __future__ import annotations

from datetime import timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Any

from robot.api import logger
from robot.api.deco import keyword
from robot.api.types import Secret

from ATPLibrary.errors import InputError
from ATPLibrary.keywords.component import Component, named
from ATPLibrary.keywords.plain import bytes_for, plain

if TYPE_CHECKING:
    from ATPLibrary.orchestrator import Machine
    from ATPLibrary.orchestrator.spice_usb import AttachedUsb
    from ATPLibrary.protocol.usbredir import UsbDevice
    from ATPLibrary.protocol.usbredir.devices import UsbSerialLine

KINDS = ("keyboard", "storage", "serial")


class SpiceUsbKeywords(Component):
    @keyword(name="Attach USB Device", tags=["SPICE", "USB"])
    def attach_usb_device(
        self,
        device: Any,
        image: Path | None = None,
        *,
        name: str | None = None,
        read_only: bool = False,
        echo: bool = False,
        vm: str | None = None,
        timeout: timedelta | None = None,
    ) -> str:
        """Plugs a USB device into a VM through its SPICE session, and waits until a driver of the guest speaks with it.

        Returns the device's name, by which the other keywords know it. The device is made by this library: nothing is plugged into
        this machine. Begins the SPICE session where there is none. Fails when the VM has no SPICE channel for USB or none is free,
        when QEMU's filter rejects the device, and when the guest doesn't enumerate it or has no driver for it: the error says
        which. Whether the guest then uses it is proved by `USB Device Should Be Attached`.

        - ``device``: ``keyboard``; ``storage``, a disk; ``serial``, a serial line; or an object of a class of your own, derived
          from ``ATPLibrary.protocol.usbredir.UsbDevice``.
        - ``image``: a disk's content, a raw image file of whole blocks of 512 bytes. What the guest writes goes into that file.
        - ``name``: what to call it; by default its kind, and a number behind it where there are several: ``storage-2``.
        - ``read_only``: a disk that the guest can't write to.
        - ``echo``: a serial line that sends back what the guest writes.
        - ``vm``: the VM's name or UUID; by default the current VM.
        - ``timeout``: by default ``timeouts.connect`` of the configuration (30 s).

        Example:
        | Connect To VM    win11
        | Attach USB Device    keyboard
        | ${disk} =    Attach USB Device    storage    image=${TEMPDIR}/stick.img    read_only=True
        | USB Device Should Be Attached    ${disk}
        """
        from ATPLibrary.orchestrator.spice_usb import new_serial

        seconds = self.seconds(timeout, "connect")
        serial = new_serial()
        made = _made(device, image, read_only, echo, serial)

        async def attach() -> AttachedUsb:
            machine = await self.machine(vm, seconds)
            return await self.workspace.usb.attach(machine, made, name, serial, seconds)

        attached = self.wait(attach(), seconds, f"Attaching a USB device to {named(vm)}")
        logger.info(
            f"USB device '{attached.name}' is attached, on {attached.speaking.channel.name}; its serial number is {serial}."
        )
        return attached.name

    @keyword(name="Detach USB Device", tags=["SPICE", "USB"])
    def detach_usb_device(self, name: str, vm: str | None = None, timeout: timedelta | None = None) -> None:
        """Unplugs a USB device, and waits until QEMU has taken it from the guest. A disk's image file is closed then.

        - ``name``: as `Attach USB Device` returned it.
        - ``vm``: the VM's name or UUID; by default the current VM.
        - ``timeout``: by default ``timeouts.command`` of the configuration (10 s).

        Example:
        | Connect To VM    win11
        | Attach USB Device    keyboard
        | Detach USB Device    keyboard
        """
        seconds = self.seconds(timeout, "command")

        async def detach() -> None:
            await self.workspace.usb.detach(await self.machine(vm, seconds), name, seconds)

        self.wait(detach(), seconds, f"Detaching USB device '{name}' from {named(vm)}")

    @keyword(name="USB Device Should Be Attached", tags=["SPICE", "USB", "Assertion"])
    def usb_device_should_be_attached(
        self, name: str, node: str = "", *, vm: str | None = None, timeout: timedelta | None = None
    ) -> dict[str, Any]:
        """Waits until the guest's kernel has an attached USB device, with a driver for each interface of it. Linux guests only.

        Asked inside the guest through the QEMU guest agent: sysfs must have a device of that serial number. Returns what the guest
        says of it: ``path``, ``id`` (vendor and product), ``speed`` in Mbit/s, ``drivers`` by interface, and ``nodes``, its names
        in ``/dev``, such as ``sda``, ``ttyACM0`` or ``input/event5``.

        - ``name``: as `Attach USB Device` returned it.
        - ``node``: how a name of it in ``/dev`` must begin, such as ``sd`` for a disk, which a guest looks at for a second before.
        - ``vm``: the VM's name or UUID; by default the current VM.
        - ``timeout``: by default ``timeouts.connect`` of the configuration (30 s).

        Example:
        | Connect To VM    win11
        | Attach USB Device    serial
        | ${device} =    USB Device Should Be Attached    serial    node=tty
        | Should Contain    ${device}[nodes]    ttyACM0
        """
        seconds = self.seconds(timeout, "connect")

        async def ask() -> dict[str, Any]:
            from dataclasses import asdict

            from ATPLibrary.orchestrator import guest_usb

            machine = await self.machine(vm, seconds)
            attached = self.workspace.usb.find(machine, name)
            qga = await machine.qga(seconds)
            wanted = f"have the USB device '{attached.name}' with a driver" + (f" and /dev/{node}*" if node else "")
            seen = await guest_usb.wait_until(
                qga, attached.serial, lambda device: device is not None and device.is_ready(node), wanted, seconds
            )
            assert seen is not None
            logger.info(f"The guest has {seen}.")
            return {**asdict(seen), "nodes": list(seen.nodes)}

        return self.wait(ask(), seconds, f"Asking {named(vm)} for USB device '{name}'")

    @keyword(name="Type On USB Keyboard", tags=["SPICE", "USB", "Input"])
    def type_on_usb_keyboard(
        self, text: str | Secret, name: str = "keyboard", vm: str | None = None, timeout: timedelta | None = None
    ) -> None:
        """Types on a keyboard that was plugged in by `Attach USB Device`: 125 keys down or up a second, as on the VM's layout.

        The keys go through USB redirection, not through QEMU's keyboard. That they are sent is all that this keyword knows: let
        ``Start Watching Input`` of ``ATPLibrary.Verifier`` go before, and ``Text Should Have Arrived In Order`` prove it.

        - ``text``: what to type. Of a secret (``${PASSWORD: secret}``) no error names a character, and the watch no key.
        - ``name``: which keyboard.
        - ``vm``: the VM's name or UUID; by default the current VM.
        - ``timeout``: by default ``timeouts.connect`` of the configuration (30 s).

        Example:
        | Connect To VM    win11
        | Attach USB Device    keyboard
        | Type On USB Keyboard    Hello
        """
        seconds = self.seconds(timeout, "connect")
        said, is_secret = plain(text)

        async def type_() -> int:
            from ATPLibrary.orchestrator.spice_usb import type_edges

            machine = await self.machine(vm, seconds)
            attached = self.workspace.usb.find(machine, name)
            edges = machine.layout().edges(said, hidden=is_secret)
            return await type_edges(attached, edges, seconds, machine.hidden_times if is_secret else None)

        count = self.wait(type_(), seconds, f"Typing on USB keyboard '{name}' of {named(vm)}")
        logger.info(f"{len(said)} characters are typed on USB keyboard '{name}', with {count} edges.")

    @keyword(name="Write To USB Serial Line", tags=["SPICE", "USB"])
    def write_to_usb_serial_line(
        self, text: str | Secret, name: str = "serial", vm: str | None = None, timeout: timedelta | None = None
    ) -> None:
        r"""Writes text, as UTF-8, to a serial line that was plugged in by `Attach USB Device` for the guest to read.

        - ``text``: what to write, or a secret (``${PASSWORD: secret}``); a new line is ``\n``.
        - ``name``: which serial line.
        - ``vm``: the VM's name or UUID; by default the current VM.
        - ``timeout``: by default ``timeouts.command`` of the configuration (10 s).

        Example:
        | Connect To VM    win11
        | Attach USB Device    serial
        | Write To USB Serial Line    hello\n
        """
        seconds = self.seconds(timeout, "command")

        async def write() -> None:
            attached, line = await self._line(await self.machine(vm, seconds), name)
            line.write(bytes_for(attached.conversation, text))
            await attached.push(seconds)

        self.wait(write(), seconds, f"Writing to USB serial line '{name}' of {named(vm)}")

    @keyword(name="Expect On USB Serial Line", tags=["SPICE", "USB", "Assertion"])
    def expect_on_usb_serial_line(
        self, text: str, name: str = "serial", vm: str | None = None, timeout: timedelta | None = None
    ) -> str:
        r"""Waits until the guest has written a text to its USB serial line. Returns all up to its end, which is then taken.

        - ``text``: what must come; it can't be empty.
        - ``name``: which serial line.
        - ``vm``: the VM's name or UUID; by default the current VM.
        - ``timeout``: by default ``timeouts.command`` of the configuration (10 s).

        Example:
        | Connect To VM    win11
        | Attach USB Device    serial
        | ${answer} =    Expect On USB Serial Line    ready    timeout=30 s
        """
        from ATPLibrary.keywords.spice_words import require_text, taken_up_to

        require_text(text)
        seconds = self.seconds(timeout, "command")

        async def expect() -> bytes:
            attached, line = await self._line(await self.machine(vm, seconds), name)
            return await taken_up_to(attached.speaking, line.received, text, seconds)

        return self.wait(expect(), seconds, f"Waiting for '{text}' on USB serial line '{name}'").decode(
            "utf-8", "replace"
        )

    async def _line(self, machine: Machine, name: str) -> tuple[AttachedUsb, UsbSerialLine]:
        from ATPLibrary.protocol.usbredir.devices import UsbSerialLine

        attached = self.workspace.usb.find(machine, name)
        if not isinstance(attached.device, UsbSerialLine):
            raise InputError.about(
                f"USB device '{attached.name}'", wanted="be a serial line", got=f"is a {attached.device.kind}"
            )
        return attached, attached.device


def _made(device: Any, image: Path | None, read_only: bool, echo: bool, serial: str) -> UsbDevice:
    """The device that is meant. `InputError` for words that go together with nothing."""
    from dataclasses import replace

    from ATPLibrary.protocol.usbredir import UsbDevice
    from ATPLibrary.protocol.usbredir.devices import DiskImage, UsbKeyboard, UsbSerialLine, UsbStorage

    kind = device.strip().lower() if isinstance(device, str) else ""
    if kind != "storage" and (image is not None or read_only):
        raise InputError.about("A USB device", wanted="be storage to have an image", got=f"is '{device}'")
    if kind != "serial" and echo:
        raise InputError.about("A USB device", wanted="be serial to echo", got=f"is '{device}'")
    match kind:
        case "keyboard":
            return UsbKeyboard(serial)
        case "serial":
            return UsbSerialLine(serial, echo=echo)
        case "storage":
            if image is None:
                raise InputError.about(
                    "A USB disk", wanted="have an image", got="none is given",
                    next_step="Say image=FILE; 'truncate -s 16M FILE' makes an empty one",
                )  # fmt: skip
            return UsbStorage(DiskImage(image, read_only=read_only), serial)
    if isinstance(device, UsbDevice):
        device.description = replace(device.description, serial=serial)
        return device
    raise InputError.about(
        "A USB device",
        wanted=f"be one of {', '.join(KINDS)}, or an object of a class derived from UsbDevice",
        got=f"is '{device}'",
    )
