"""Keywords about virtio-serial channels: messages between this machine and a program in the guest."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING, Any, Literal

from robot.api import logger
from robot.api.deco import keyword

from ATPLibrary.errors import InputError
from ATPLibrary.keywords.assertions import shown
from ATPLibrary.keywords.component import Component, named
from ATPLibrary.keywords.plain import told
from ATPLibrary.secrets import redact

if TYPE_CHECKING:
    from ATPLibrary.protocol.virtio_serial import Codec


class ChannelKeywords(Component):
    @keyword(tags=["Channel"])
    def open_channel(
        self,
        channel: str,
        vm: str | None = None,
        timeout: timedelta | None = None,
        codec: str = "raw",
        **options: Any,
    ) -> None:
        r"""Opens a virtio-serial channel of a VM. `Send To Channel` and `Receive From Channel` open it too, with codec ``raw``.

        A channel has one reader: while the verifier uses the agent's channel it can't be opened here. One that has ended (the VM
        was switched off, a message went out only in part) is opened anew.

        - ``channel``: its name in the VM's definition, such as ``com.example.test``.
        - ``vm``: the VM's name or UUID; by default the current VM.
        - ``timeout``: by default ``timeouts.connect`` of the configuration.
        - ``codec``: how messages are put into bytes, see below.
        - ``options``: the codec's own, by name.

        The codecs and their options:
        - ``raw``: no messages, but whatever bytes have come.
        - ``lines``: a message is a line of text, ended by ``ending=`` (``\n``).
        - ``json``: a message is a value, sent as ``{"data": VALUE}`` and received from ``{"result": VALUE}``, an object a line. The
          names are options: ``request_field=``, ``response_field=``, ``error_field=``; an empty one means the whole line.
        - ``length``: a message is text or bytes behind their length (4 bytes, big-endian).

        All take ``limit``, the largest message in bytes (10 MiB). With ``id_field`` each request carries a number and its answer is
        the message that carries it back. Others can be added: see `Register Codec`.

        Example:
        | Connect To VM    win11
        | Open Channel    com.example.test    codec=json    response_field=reply
        | ${answer} =    Send Request To Channel    com.example.test    {"list": "/tmp"}
        | Close Channel    com.example.test
        """
        seconds = self.seconds(timeout, "connect")
        from ATPLibrary.protocol.virtio_serial import CODECS

        def make() -> Codec:
            return CODECS.create(codec, **options)

        make()  # a wrong name or option is told before anything is opened

        async def open_() -> str:
            machine = await self.machine(vm, seconds)
            machine.check_channel_is_free(channel)
            await machine.channels.open(channel, codec, make, seconds)
            return machine.name

        name = self.wait(open_(), seconds, f"Opening channel '{channel}' of {named(vm)}")
        logger.info(f"Channel '{channel}' of VM '{name}' is open with codec {codec}.")

    @keyword(tags=["Channel"])
    def send_to_channel(
        self,
        channel: str,
        data: Any,
        vm: str | None = None,
        timeout: timedelta | None = None,
    ) -> None:
        r"""Sends a message through a channel into the guest.

        While the guest doesn't read, the keyword waits, up to its timeout.

        - ``channel``: its name, as for `Open Channel`.
        - ``data``: text (sent as UTF-8) or bytes. With codec ``raw`` they are sent as they are: ``\n`` ends a line. With codec
          ``json`` any value; text that is JSON (``5``, ``true``, ``{"a": 1}``) is sent as that, other text as text. A Secret, by
          itself or in a list or object, is sent as what it holds.
        - ``vm``: the VM's name or UUID; by default the current VM.
        - ``timeout``: by default ``timeouts.command`` of the configuration.

        Example:
        | Connect To VM    win11
        | Send To Channel    com.example.test    {"type": "ping", "id": 1}\n
        """
        seconds = self.seconds(timeout, "command")

        async def send() -> tuple[str, int]:
            machine = await self.machine(vm, seconds)
            conversation = await machine.channel(channel, seconds)
            message = _message(told(machine, data), conversation.codec)
            return machine.name, await conversation.send(message, seconds)

        name, size = self.wait(send(), seconds, f"Sending to channel '{channel}' of {named(vm)}")
        logger.info(f"Sent {size} bytes to channel '{channel}' of VM '{name}'.")

    @keyword(tags=["Channel"])
    def receive_from_channel(
        self,
        channel: str,
        until: str | None = None,
        form: Literal["text", "bytes"] = "text",
        vm: str | None = None,
        timeout: timedelta | None = None,
    ) -> Any:
        r"""Returns the next message that the guest sends through a channel; with codec ``raw``, whatever has come.

        What comes before it is asked for waits in a bounded buffer; when that is full the guest's program waits.

        - ``channel``: its name, as for `Open Channel`.
        - ``until``: go on until this text has come; what came after it stays for the next call. With codec ``raw`` only.
        - ``form``: bytes are returned as ``text`` (UTF-8) or as ``bytes``. What codec ``json`` brings is returned as it is.
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

        async def receive() -> Any:
            machine = await self.machine(vm, seconds)
            conversation = await machine.channel(channel, seconds)
            if until is None:
                return await conversation.receive(seconds)
            if conversation.codec_name != "raw":
                raise _until_needs_raw(channel, conversation.codec_name)
            return await conversation.receive_until(until.encode(), seconds)

        message = in_form(self.wait(receive(), seconds, f"Receiving from channel '{channel}' of {named(vm)}"), form)
        logger.info(f"Received from channel '{channel}': {shown(message)}")
        return message

    @keyword(tags=["Channel"])
    def send_request_to_channel(
        self,
        channel: str,
        data: Any,
        form: Literal["text", "bytes"] = "text",
        vm: str | None = None,
        timeout: timedelta | None = None,
    ) -> Any:
        """Sends a message through a channel and returns the guest's answer.

        The answer is the next message, so receive first what may have come before; with the ``json`` codec's ``id_field`` it is the
        message that carries the request's number. The guest's refusal (``{"error": ...}``) makes the keyword fail in its words.

        After a request that got no answer in time no other is sent, unless answers are told apart by ``id_field``: the late answer
        would be taken for the next one's. Close the channel and open it again.

        - ``channel``: its name. It is open already, with a codec that has messages: see `Open Channel`.
        - ``data``: the message, as for `Send To Channel`.
        - ``form``: bytes are returned as ``text`` (UTF-8) or as ``bytes``. What codec ``json`` brings is returned as it is.
        - ``vm``: the VM's name or UUID; by default the current VM.
        - ``timeout``: by default ``timeouts.command`` of the configuration.

        Example:
        | Connect To VM    win11
        | Open Channel    com.example.test    codec=lines
        | ${answer} =    Send Request To Channel    com.example.test    VERSION
        | Should Start With    ${answer}    2.
        """
        seconds = self.seconds(timeout, "command")

        async def request() -> Any:
            machine = await self.machine(vm, seconds)
            conversation = await machine.channel(channel, seconds)
            return await conversation.request(_message(told(machine, data), conversation.codec), seconds)

        answer = in_form(self.wait(request(), seconds, f"Asking on channel '{channel}' of {named(vm)}"), form)
        logger.info(redact(f"Channel '{channel}' answered: {shown(answer)}"))
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
            await machine.channels.close(channel)
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


def in_form(message: Any, form: Literal["text", "bytes"]) -> Any:
    """Text or bytes as the tester wants them; any other value as it is."""
    if isinstance(message, bytes) and form == "text":
        return message.decode("utf-8", errors="replace")
    if isinstance(message, str) and form == "bytes":
        return message.encode()
    return message


def _message(data: Any, codec: Codec) -> Any:
    """What a tester wrote, as the codec takes it."""
    if not codec.structured or not isinstance(data, str):
        return data
    import json

    try:
        return json.loads(data)
    except ValueError:
        return data


def _until_needs_raw(channel: str, codec: str) -> Exception:
    from ATPLibrary.errors import ChannelError

    return ChannelError.about(
        f"Channel '{channel}'", wanted="be open with codec raw for until=", got=f"is open with codec {codec}",
        next_step="Leave until= away: this codec knows where its messages end",
    )  # fmt: skip
