"""Keywords about virtio-serial channels: bytes between this machine and a program in the guest."""

from __future__ import annotations

from datetime import timedelta
from typing import Literal

from robot.api import logger
from robot.api.deco import keyword

from ATPLibrary.errors import InputError
from ATPLibrary.keywords.assertions import shown
from ATPLibrary.keywords.component import Component, named


class ChannelKeywords(Component):
    @keyword(tags=["Channel"])
    def open_channel(self, channel: str, vm: str | None = None, timeout: timedelta | None = None) -> None:
        """Opens a virtio-serial channel of a VM. `Send To Channel` and `Receive From Channel` open it by themselves too.

        A channel has one reader: while the verifier uses the agent's channel it can't be opened here.

        - ``channel``: its name in the VM's definition, such as ``com.example.test``.
        - ``vm``: the VM's name or UUID; by default the current VM.
        - ``timeout``: by default ``timeouts.connect`` of the configuration.

        Example:
        | Connect To VM    win11
        | Open Channel    com.example.test
        | Close Channel    com.example.test
        """
        seconds = self.seconds(timeout, "connect")

        async def open_() -> str:
            machine = await self.machine(vm, seconds)
            await machine.channel(channel, seconds)
            return machine.name

        name = self.wait(open_(), seconds, f"Opening channel '{channel}' of {named(vm)}")
        logger.info(f"Channel '{channel}' of VM '{name}' is open.")

    @keyword(tags=["Channel"])
    def send_to_channel(
        self,
        channel: str,
        data: str | bytes,
        vm: str | None = None,
        timeout: timedelta | None = None,
    ) -> None:
        r"""Sends text or bytes through a channel into the guest.

        - ``channel``: its name, as for `Open Channel`.
        - ``data``: text, sent as UTF-8, or bytes. ``\n`` ends a line.
        - ``vm``: the VM's name or UUID; by default the current VM.
        - ``timeout``: by default ``timeouts.command`` of the configuration.

        Example:
        | Connect To VM    win11
        | Send To Channel    com.example.test    {"type": "ping", "id": 1}\n
        """
        seconds = self.seconds(timeout, "command")
        sent = data.encode() if isinstance(data, str) else bytes(data)

        async def send() -> str:
            machine = await self.machine(vm, seconds)
            await (await machine.channel(channel, seconds)).write(sent, seconds)
            return machine.name

        name = self.wait(send(), seconds, f"Sending to channel '{channel}' of {named(vm)}")
        logger.info(f"Sent {len(sent)} bytes to channel '{channel}' of VM '{name}'.")

    @keyword(tags=["Channel"])
    def receive_from_channel(
        self,
        channel: str,
        until: str | None = None,
        form: Literal["text", "bytes"] = "text",
        vm: str | None = None,
        timeout: timedelta | None = None,
    ) -> str | bytes:
        r"""Returns what the guest sends through a channel.

        - ``channel``: its name, as for `Open Channel`.
        - ``until``: go on until this text has come; what came after it stays for the next call. Without it whatever comes first
          is returned.
        - ``form``: ``text`` (UTF-8) or ``bytes``.
        - ``vm``: the VM's name or UUID; by default the current VM.
        - ``timeout``: by default ``timeouts.command`` of the configuration.

        Example:
        | Connect To VM    win11
        | Send To Channel    com.example.test    {"type": "ping", "id": 1}\n
        | ${line} =    Receive From Channel    com.example.test    until=\n
        | Should Contain    ${line}    pong
        """
        if until == "":
            raise InputError("An empty text ends nothing: say in until= what to wait for, or leave it out.")
        seconds = self.seconds(timeout, "command")
        ending = until.encode() if until is not None else None

        async def receive() -> bytes:
            machine = await self.machine(vm, seconds)
            return await machine.receive(channel, ending, seconds)

        data = self.wait(receive(), seconds, f"Receiving from channel '{channel}' of {named(vm)}")
        answer = data.decode("utf-8", errors="replace") if form == "text" else data
        logger.info(f"Received {len(data)} bytes from channel '{channel}': {shown(answer)}")
        return answer

    @keyword(tags=["Channel"])
    def close_channel(self, channel: str, vm: str | None = None, timeout: timedelta | None = None) -> None:
        """Closes a channel that `Open Channel` opened.

        - ``channel``: its name.
        - ``vm``: the VM's name or UUID; by default the current VM.
        - ``timeout``: by default ``timeouts.command`` of the configuration.

        Example:
        | Connect To VM    win11
        | Open Channel    com.example.test
        | Close Channel    com.example.test
        """
        seconds = self.seconds(timeout, "command")

        async def close() -> str:
            machine = await self.machine(vm, seconds)
            await machine.close_channel(channel)
            return machine.name

        name = self.wait(close(), seconds, f"Closing channel '{channel}' of {named(vm)}")
        logger.info(f"Channel '{channel}' of VM '{name}' is closed.")

    @keyword(tags=["Channel", "Getter"])
    def get_channels(self, vm: str | None = None, timeout: timedelta | None = None) -> list[str]:
        """Returns the names of the virtio-serial channels that a VM's definition has.

        - ``vm``: the VM's name or UUID; by default the current VM.
        - ``timeout``: by default ``timeouts.command`` of the configuration.

        Example:
        | Connect To VM    win11
        | @{channels} =    Get Channels
        | Should Contain    ${channels}    org.qemu.guest_agent.0
        """
        seconds = self.seconds(timeout, "command")

        async def channels() -> list[str]:
            machine = await self.machine(vm, seconds)
            return sorted((await machine.description(seconds)).channels)

        return self.wait(channels(), seconds, f"Reading the channels of {named(vm)}")
