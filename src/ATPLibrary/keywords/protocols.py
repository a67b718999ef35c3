"""Keywords about protocols by name: those that ATPLibrary brings, and those of anyone else."""

from __future__ import annotations

from datetime import timedelta
from typing import Any, Literal

from robot.api import logger
from robot.api.deco import keyword

from ATPLibrary.keywords.assertions import shown
from ATPLibrary.keywords.channels import in_form
from ATPLibrary.keywords.component import Component, named
from ATPLibrary.keywords.registries import names_told


class ProtocolKeywords(Component):
    @keyword(tags=["Protocol"])
    def open_protocol(
        self,
        name: str,
        vm: str | None = None,
        alias: str | None = None,
        timeout: timedelta | None = None,
        **options: Any,
    ) -> None:
        """Connects to a VM by the protocol of that name: one that was registered, is installed, or comes with ATPLibrary.

        What ATPLibrary brings:
        - ``qmp``: a message is a QMP command as JSON, or its answer. Option ``mode=``: ``libvirt``, ``direct`` or ``auto``.
        - ``qga``: a message is a command of QEMU's guest agent as JSON, or its answer.
        - ``virtio-serial``: a message is what the channel's codec makes it. Options ``channel=``, ``codec=`` and the
          codec's own, see `Open Channel`.

        An installed package brings a protocol by an entry point in the group ``atp.protocols``; `Register Protocol` takes any.

        - ``name``: the protocol's name; `List Protocols` has them all.
        - ``vm``: the VM's name or UUID; by default the current VM.
        - ``alias``: what the other keywords call it; by default its name. Needed to open one protocol twice.
        - ``timeout``: by default ``timeouts.connect`` of the configuration.
        - ``options``: the protocol's own, by name.

        Example:
        | Connect To VM    win11
        | Open Protocol    virtio-serial    channel=com.example.test    codec=lines    alias=shell
        | Send To Protocol    shell    VERSION
        | ${version} =    Receive From Protocol    shell
        | Close Protocol    shell
        """
        seconds = self.seconds(timeout, "connect")
        from ATPLibrary.protocol.registry import PROTOCOLS

        protocol = PROTOCOLS.create(name, **options)
        called = alias or name

        async def open_() -> str:
            machine = await self.machine(vm, seconds)
            await machine.protocols.open(called, protocol, seconds)
            return machine.name

        vm_name = self.wait(open_(), seconds, f"Connecting to {named(vm)} by protocol '{name}'")
        logger.info(f"Connected to VM '{vm_name}' by protocol {protocol.protocol_type}, here called '{called}'.")

    @keyword(tags=["Protocol"])
    def send_to_protocol(
        self, protocol: str, data: str | bytes, vm: str | None = None, timeout: timedelta | None = None
    ) -> None:
        """Sends one message by a protocol that `Open Protocol` opened.

        - ``protocol``: its name, or its alias.
        - ``data``: text (sent as UTF-8) or bytes.
        - ``vm``: the VM's name or UUID; by default the current VM.
        - ``timeout``: by default ``timeouts.command`` of the configuration.

        Example:
        | Connect To VM    win11
        | Open Protocol    qmp
        | Send To Protocol    qmp    {"execute": "query-status"}
        """
        seconds = self.seconds(timeout, "command")
        sent = data.encode() if isinstance(data, str) else bytes(data)

        async def send() -> None:
            machine = await self.machine(vm, seconds)
            await machine.protocols.send(protocol, sent, seconds)

        self.wait(send(), seconds, f"Sending by protocol '{protocol}' to {named(vm)}")
        logger.info(f"Sent {len(sent)} bytes by protocol '{protocol}'.")

    @keyword(tags=["Protocol"])
    def receive_from_protocol(
        self,
        protocol: str,
        form: Literal["text", "bytes"] = "text",
        vm: str | None = None,
        timeout: timedelta | None = None,
    ) -> str | bytes:
        """Returns the next message of a protocol that `Open Protocol` opened.

        - ``protocol``: its name, or its alias.
        - ``form``: ``text`` (UTF-8) or ``bytes``.
        - ``vm``: the VM's name or UUID; by default the current VM.
        - ``timeout``: by default ``timeouts.command`` of the configuration.

        Example:
        | Connect To VM    win11
        | Open Protocol    qmp
        | Send To Protocol    qmp    {"execute": "query-status"}
        | ${answer} =    Receive From Protocol    qmp
        | Should Contain    ${answer}    running
        """
        seconds = self.seconds(timeout, "command")

        async def receive() -> bytes:
            machine = await self.machine(vm, seconds)
            return await machine.protocols.receive(protocol, seconds)

        message: str | bytes = in_form(
            self.wait(receive(), seconds, f"Receiving by protocol '{protocol}' from {named(vm)}"), form
        )
        logger.info(f"Received by protocol '{protocol}': {shown(message)}")
        return message

    @keyword(tags=["Protocol"])
    def close_protocol(self, protocol: str, vm: str | None = None, timeout: timedelta | None = None) -> None:
        """Disconnects a protocol that `Open Protocol` opened.

        - ``protocol``: its name, or its alias.
        - ``vm``: the VM's name or UUID; by default the current VM.
        - ``timeout``: by default ``timeouts.command`` of the configuration.

        Example:
        | Connect To VM    win11
        | Open Protocol    qga
        | Close Protocol    qga
        """
        seconds = self.seconds(timeout, "command")

        async def close() -> None:
            await (await self.machine(vm, seconds)).protocols.close(protocol)

        self.wait(close(), seconds, f"Disconnecting protocol '{protocol}' of {named(vm)}")
        logger.info(f"Protocol '{protocol}' is closed.")

    @keyword(tags=["Protocol", "Getter"])
    def list_protocols(self) -> list[str]:
        """Returns the names of the protocols that `Open Protocol` can open now; the log says where each comes from.

        Example:
        | @{protocols} =    List Protocols
        | Should Contain    ${protocols}    virtio-serial
        """
        from ATPLibrary.protocol.registry import PROTOCOLS

        return names_told(PROTOCOLS)

    @keyword(tags=["Protocol"])
    def register_protocol(self, name: str, target: str, replace: bool = False) -> None:
        """Lets `Open Protocol` know a protocol of your own, for the rest of the run.

        - ``name``: what it is to be called.
        - ``target``: its class, as ``package.module:Class``, derived from ``ATPLibrary.protocol.interface.Protocol``. Its
          module must be importable: beside the suite with ``robot --pythonpath DIRECTORY``, or installed.
        - ``replace``: ``True`` lets it take the place of one that has the name already.

        Example:
        | Register Protocol    serial    ATPLibrary.protocol.virtio_serial.protocol:VirtioSerialProtocol
        | Connect To VM    win11
        | Open Protocol    serial    channel=com.example.test
        """
        from ATPLibrary.protocol.registry import PROTOCOLS

        PROTOCOLS.register_target(name, target, replace=replace)
        logger.info(f"Protocol '{name}' is {target}.")

    @keyword(tags=["Protocol"])
    def unregister_protocol(self, name: str) -> None:
        """Takes back what `Register Protocol` did: the name means what it meant before.

        The protocol of an installed package is unloaded: its code is read anew at its next use. What is open by it stays open.

        - ``name``: the protocol's name.

        Example:
        | Register Protocol    serial    ATPLibrary.protocol.virtio_serial.protocol:VirtioSerialProtocol
        | Unregister Protocol    serial
        """
        from ATPLibrary.protocol.registry import PROTOCOLS

        PROTOCOLS.unregister(name)
        logger.info(f"Protocol '{name}' is unregistered.")

    @keyword(tags=["Protocol", "Channel"])
    def register_codec(self, name: str, target: str, replace: bool = False) -> None:
        """Lets `Open Channel` know a codec of your own, for the rest of the run.

        An installed package brings one by an entry point in the group ``atp.codecs``.

        - ``name``: what it is to be called.
        - ``target``: its class, as ``package.module:Class``, derived from ``ATPLibrary.protocol.virtio_serial.Codec``. Its
          module must be importable: beside the suite with ``robot --pythonpath DIRECTORY``, or installed.
        - ``replace``: ``True`` lets it take the place of one that has the name already.

        Example:
        | Register Codec    text    ATPLibrary.protocol.virtio_serial.codecs:LinesCodec
        | Connect To VM    win11
        | Open Channel    com.example.test    codec=text
        """
        from ATPLibrary.protocol.virtio_serial import CODECS

        CODECS.register_target(name, target, replace=replace)
        logger.info(f"Codec '{name}' is {target}.")

    @keyword(tags=["Protocol", "Channel"])
    def unregister_codec(self, name: str) -> None:
        """Takes back what `Register Codec` did, as `Unregister Protocol` does. Channels that are open keep their codec.

        - ``name``: the codec's name.

        Example:
        | Register Codec    text    ATPLibrary.protocol.virtio_serial.codecs:LinesCodec
        | Unregister Codec    text
        """
        from ATPLibrary.protocol.virtio_serial import CODECS

        CODECS.unregister(name)
        logger.info(f"Codec '{name}' is unregistered.")
