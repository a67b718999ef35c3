"""Keywords about what passes on a VM's SPICE channels: count it, wait for it, send it."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta
from typing import TYPE_CHECKING, Any, Literal

from robot.api import logger
from robot.api.deco import keyword

from ATPLibrary.errors import InputError
from ATPLibrary.keywords.assertions import Operator, check
from ATPLibrary.keywords.component import Component, in_seconds, named
from ATPLibrary.keywords.spice_words import Sender, kind_of, kinds_of, speaking

if TYPE_CHECKING:
    from ATPLibrary.orchestrator import Machine
    from ATPLibrary.protocol.spice.client import SpeakingChannel
    from ATPLibrary.protocol.spice.schema import Message

_WITHIN = timedelta(seconds=10)


class SpiceMessageKeywords(Component):
    @keyword(name="Get SPICE Statistics", tags=["SPICE", "Getter", "Assertion"])
    def get_spice_statistics(
        self,
        channel: str,
        field: str | None = None,
        operator: Operator | None = None,
        expected: Any = None,
        *,
        vm: str | None = None,
        timeout: timedelta | None = None,
    ) -> Any:
        """Returns what was counted on a SPICE channel since it was opened, or one number of it.

        ``messages_received``, ``bytes_received``, ``messages_sent``, ``bytes_sent``, ``acks_sent``, ``acks_withheld``, ``pings``,
        ``ack_stalls`` (how often so much was unacknowledged that the server sends nothing more), ``faults`` (how often a fault took
        effect), ``round_trips`` and ``round_trip_ms`` (the median, 0 where there was none), by message ``received``, ``sent``,
        ``unknown`` and ``unhandled``, and by compression ``images`` (``BITMAP``, ``LZ4``, ``LZ_RGB``, ``GLZ_RGB``, ``QUIC``,
        ``JPEG`` ...).

        - ``channel``: such as ``display`` or ``display:1``; it must be open.
        - ``field``: one of the names above; without it the whole dictionary is returned.
        - ``operator``, ``expected``: an assertion about that number, such as ``==    0``.
        - ``vm``: the VM's name or UUID; by default the current VM.
        - ``timeout``: by default ``timeouts.command`` of the configuration (10 s).

        Example:
        | Connect To VM    win11
        | Open SPICE Channel    display
        | Get SPICE Statistics    display    ack_stalls    ==    ${0}
        | ${all} =    Get SPICE Statistics    display
        """
        seconds = self.seconds(timeout, "command")

        async def ask() -> dict[str, Any]:
            found = self._speaking(await self.machine(vm, seconds), channel)
            return dict(found.conversation.wire.statistics.as_dict())

        counted = self.wait(ask(), seconds, f"Asking for the statistics of SPICE channel {channel} of {named(vm)}")
        if field is None:
            check(f"The statistics of SPICE channel {channel}", counted, operator, expected)
            return counted
        wanted = field.strip().lower().replace(" ", "_")
        if wanted not in counted:
            raise InputError.about(
                "A SPICE channel's statistics", wanted=f"have '{field}'", got=f"have {', '.join(counted)}"
            )
        value = counted[wanted]
        check(f"{wanted} of SPICE channel {channel} of {named(vm)}", value, operator, expected)
        return value

    @keyword(name="Expect SPICE Message", tags=["SPICE", "Assertion"])
    def expect_spice_message(
        self,
        channel: str,
        message: str,
        within: timedelta = _WITHIN,
        sender: Sender | None = None,
        *,
        since: Literal["last", "now"] = "last",
        vm: str | None = None,
        timeout: timedelta | None = None,
        **fields: Any,
    ) -> dict[str, Any]:
        """Waits for a message on a SPICE channel. Returns its ``name``, ``sender``, ``size`` in bytes, ``time`` (seconds),
        ``harm`` (what a fault did to it: ``truncate``, ``corrupt`` or ``delay``; None: nothing) and ``fields``, as they were
        before that: numbers, and bytes in hexadecimal or how many. A message that a fault dropped is none.

        Each expectation on a channel begins behind the message that the last one found, the first at the channel's opening: so what
        came between two keywords is found, while it is among the channel's last 1000 messages, and by its fields among the last
        64 KiB of them. With ``since=now`` what came before this keyword doesn't count.

        When nothing comes, the error quotes the last messages, and in what the last of that name did not fit.

        - ``channel``: such as ``display`` or ``display:1``; it must be open.
        - ``message``: its name in the specification without prefix: ``DRAW_COPY``, ``STREAM_CREATE``, ``MARK``.
        - ``within``: how long to wait for it; by default 10 s.
        - ``sender``: ``server`` or ``client``; by default either. Needed with ``fields`` where both have a message of that name.
        - ``since``: ``last``, the message that the last expectation found, or ``now``.
        - ``fields``: what its fields must be, such as ``width=1024`` or ``height=>= 600``, with ``==``, ``!=``, ``<``, ``<=``,
          ``>`` or ``>=``. Bytes are written in hexadecimal. What can't be compared so is an error at once: a number with none, say.
        - ``vm``: the VM's name or UUID; by default the current VM.
        - ``timeout``: for reaching the VM before that; by default ``timeouts.command`` of the configuration (10 s).

        Example:
        | Connect To VM    win11
        | Open SPICE Channel    display
        | Expect SPICE Message    display    MARK    within=2 s
        | Expect SPICE Message    display    DRAW_COPY    within=20 s    since=now
        """
        seconds, reaching = in_seconds(within), self.seconds(timeout, "command")
        kind = kind_of(channel, message, sender) if fields else kinds_of(channel, message, sender)[0]

        async def expect() -> dict[str, Any]:
            from ATPLibrary.protocol.spice.conditions import Conditions
            from ATPLibrary.protocol.spice.schema import Sender as Who

            found = self._speaking(await self.machine(vm, reaching), channel)
            conditions = Conditions.of(kind, fields)
            who = kind.kind.sender if conditions is not None else Who(sender) if sender is not None else None
            record = await found.expect(kind.kind.name, seconds, who, conditions, from_now_on=since == "now")
            known = found.conversation.wire.seam.fields_of(record) or {}
            told = {"name": record.name, "sender": record.sender.value, "size": record.size, "time": record.time}
            return {**told, "harm": record.harm.value if record.harm is not None else None, "fields": known}

        found = self.wait(
            expect(), seconds + reaching, f"Waiting for {message} on SPICE channel {channel} of {named(vm)}"
        )
        logger.info(
            f"{found['name']} passed on SPICE channel {channel}: {found['size']} bytes from the {found['sender']}."
        )
        return found

    @keyword(name="Send SPICE Message", tags=["SPICE"])
    def send_spice_message(
        self, channel: str, message: str, vm: str | None = None, timeout: timedelta | None = None, **fields: Any
    ) -> None:
        """Sends one message as the client. It is on its way then; what the server made of it this keyword doesn't know.

        - ``channel``: such as ``inputs``; it must be open.
        - ``message``: its name in the specification without prefix: ``KEY_DOWN``, ``MOUSE_PRESS``, ``ACK``.
        - ``fields``: the message's fields by name: numbers, or bytes in hexadecimal.
        - ``vm``: the VM's name or UUID; by default the current VM.
        - ``timeout``: by default ``timeouts.command`` of the configuration (10 s).

        Example:
        | Connect To VM    win11
        | Open SPICE Channel    inputs
        | Send SPICE Message    inputs    KEY_DOWN    code=30
        | Send SPICE Message    inputs    KEY_UP    code=158
        """
        seconds = self.seconds(timeout, "command")
        kind = kind_of(channel, message, "client")
        filled = _filled(kind, fields)

        async def send() -> None:
            await self._speaking(await self.machine(vm, seconds), channel).send(filled, seconds)

        self.wait(send(), seconds, f"Sending {message} on SPICE channel {channel} of {named(vm)}")

    def _speaking(self, machine: Machine, channel: str) -> SpeakingChannel:
        return speaking(self.workspace, machine, channel)


def _filled(kind: type[Message], given: dict[str, Any]) -> Message:
    wanted = dict(kind.layout())
    if given.keys() != wanted.keys():
        raise InputError.about(
            f"The SPICE message {kind.kind.name}", wanted=f"have the fields {', '.join(wanted) or '(none)'}",
            got=f"was given {', '.join(given) or 'none'}",
        )  # fmt: skip
    return kind(**{name: _value(name, value, _reader(wanted[name])) for name, value in given.items()})


def _reader(annotation: Any) -> Callable[[str], Any]:
    from ATPLibrary.protocol.spice.schema.decoding import rule_of
    from ATPLibrary.protocol.spice.schema.fields import Number

    return (lambda text: int(text, 0)) if isinstance(rule_of(annotation), Number) else bytes.fromhex


def _value(name: str, value: Any, read: Callable[[str], Any]) -> Any:
    if not isinstance(value, str):
        return value
    try:
        return read(value)
    except ValueError:
        raise InputError.about(
            f"The field '{name}' of a SPICE message", wanted="be a number, or bytes in hexadecimal", got=f"is '{value}'"
        ) from None
