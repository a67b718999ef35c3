"""Keywords about what passes on a VM's SPICE channels: count it, wait for it, send it, harm it on purpose."""

from __future__ import annotations

import difflib
from collections.abc import Callable
from datetime import timedelta
from typing import TYPE_CHECKING, Any, Literal

from robot.api import logger
from robot.api.deco import keyword

from ATPLibrary.errors import InputError
from ATPLibrary.keywords.assertions import Operator, check
from ATPLibrary.keywords.component import Component, in_seconds, named
from ATPLibrary.keywords.spice_words import parsed, speaking

if TYPE_CHECKING:
    from ATPLibrary.orchestrator import Machine
    from ATPLibrary.protocol.spice.client import SpeakingChannel
    from ATPLibrary.protocol.spice.schema import Message

Sender = Literal["client", "server"]
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
        effect), ``round_trips`` and ``round_trip_ms`` (the median, 0 where there was none), and by message ``received``,
        ``unknown`` and ``unhandled``.

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
        if isinstance(value, int | float) and isinstance(expected, str):
            expected = _number(expected)
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
        vm: str | None = None,
        timeout: timedelta | None = None,
    ) -> dict[str, Any]:
        """Waits for a message on a SPICE channel. Returns its ``name``, ``sender``, ``size`` in bytes and ``time`` (seconds).

        Each expectation on a channel begins behind the message that the last one found, the first at the channel's opening: what
        came between two keywords isn't missed. When nothing comes, the error quotes the last messages.

        - ``channel``: such as ``display`` or ``display:1``; it must be open.
        - ``message``: its name in the specification without prefix: ``DRAW_COPY``, ``STREAM_CREATE``, ``MARK``.
        - ``within``: how long to wait for it; by default 10 s.
        - ``sender``: ``server`` or ``client``; by default either.
        - ``vm``: the VM's name or UUID; by default the current VM.
        - ``timeout``: for reaching the VM before that; by default ``timeouts.command`` of the configuration (10 s).

        Example:
        | Connect To VM    win11
        | Open SPICE Channel    display
        | Expect SPICE Message    display    MARK    within=2 s
        """
        seconds, reaching = in_seconds(within), self.seconds(timeout, "command")
        kind = _kind(channel, message, sender)

        async def expect() -> dict[str, Any]:
            from ATPLibrary.protocol.spice.schema import Sender as Who

            found = self._speaking(await self.machine(vm, reaching), channel)
            record = await found.expect(kind.kind.name, seconds, Who(sender) if sender is not None else None)
            return {"name": record.name, "sender": record.sender.value, "size": record.size, "time": record.time}

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
        kind = _kind(channel, message, "client")
        filled = _filled(kind, fields)

        async def send() -> None:
            await self._speaking(await self.machine(vm, seconds), channel).send(filled, seconds)

        self.wait(send(), seconds, f"Sending {message} on SPICE channel {channel} of {named(vm)}")

    @keyword(name="Truncate Next Message", tags=["SPICE"])
    def truncate_next_message(
        self,
        channel: str,
        message: str,
        keep: int = 0,
        sender: Sender | None = None,
        *,
        vm: str | None = None,
        timeout: timedelta | None = None,
    ) -> None:
        """Cuts the next message of a kind on a SPICE channel: its last bytes are missing, and its header says so.

        One of the client goes out so; one of the server is cut when it has come, before this client reads it, and ends the channel
        with an error that names the field. Whether it has happened says `Get SPICE Statistics` (``faults``).

        - ``channel``: such as ``inputs``; it must be open.
        - ``message``: its name in the specification without prefix: ``KEY_DOWN``.
        - ``keep``: how many bytes of it are left.
        - ``sender``: ``client`` or ``server``; needed where both have a message of that name.
        - ``vm``: the VM's name or UUID; by default the current VM.
        - ``timeout``: by default ``timeouts.command`` of the configuration (10 s).

        Example:
        | Connect To VM    win11
        | Open SPICE Channel    inputs
        | Truncate Next Message    inputs    KEY_DOWN    keep=1
        | Send SPICE Message    inputs    KEY_DOWN    code=30
        | Get SPICE Statistics    inputs    faults    ==    ${1}
        """
        seconds = self.seconds(timeout, "command")
        kind = _kind(channel, message, sender)
        if keep < 0:
            raise InputError.about("The bytes that are left of a message", wanted="be 0 or more", got=f"are {keep}")

        async def arm() -> None:
            from ATPLibrary.protocol.spice.seam import Fault, Harm

            found = self._speaking(await self.machine(vm, seconds), channel)
            fault = Fault(Harm.TRUNCATE, kind.kind.sender, kind.kind.name, keep=keep)
            found.conversation.wire.seam.faults.append(fault)

        self.wait(arm(), seconds, f"Reaching SPICE channel {channel} of {named(vm)}")
        logger.info(
            f"The next {kind.kind.name} on SPICE channel {channel} will have {keep} bytes; none has been cut yet."
        )

    @keyword(tags=["SPICE"])
    def withhold_acknowledgements(
        self, channel: str, withhold: bool = True, vm: str | None = None, timeout: timedelta | None = None
    ) -> None:
        """Acknowledges no more messages on a SPICE channel, so that its server stops sending; or sends what is owed and goes on.

        A server sends two windows (of 20 messages on a display) and one message, then nothing: `Get SPICE Statistics` counts
        it as ``ack_stalls``.

        - ``channel``: such as ``display``; it must be open.
        - ``withhold``: ``False`` sends what is owed, and acknowledges again from then on.
        - ``vm``: the VM's name or UUID; by default the current VM.
        - ``timeout``: by default ``timeouts.command`` of the configuration (10 s).

        Example:
        | Connect To VM    win11
        | Open SPICE Channel    display
        | Withhold Acknowledgements    display
        | Withhold Acknowledgements    display    False
        """
        seconds = self.seconds(timeout, "command")

        async def hold() -> int:
            return self._speaking(await self.machine(vm, seconds), channel).withhold_acks(withhold)

        owed = self.wait(hold(), seconds, f"Reaching SPICE channel {channel} of {named(vm)}")
        if not withhold:
            logger.info(
                f"SPICE channel {channel} acknowledges again; {owed} acknowledgements were owed and have been sent."
            )

    @keyword(tags=["SPICE"])
    def drop_channel(self, channel: str, vm: str | None = None, timeout: timedelta | None = None) -> None:
        """Breaks a SPICE channel's connection, as a network does: without a goodbye. It is ``failed`` then; the others go on.

        `Open SPICE Channel` opens it anew.

        - ``channel``: such as ``display``; it must be open.
        - ``vm``: the VM's name or UUID; by default the current VM.
        - ``timeout``: by default ``timeouts.command`` of the configuration (10 s).

        Example:
        | Connect To VM    win11
        | Open SPICE Channel    display
        | Drop Channel    display
        | Open SPICE Channel    display
        """
        seconds = self.seconds(timeout, "command")

        async def drop() -> None:
            self._speaking(await self.machine(vm, seconds), channel).drop("the test dropped it")

        self.wait(drop(), seconds, f"Reaching SPICE channel {channel} of {named(vm)}")

    def _speaking(self, machine: Machine, channel: str) -> SpeakingChannel:
        return speaking(self.workspace, machine, channel)


def _kind(channel: str, message: str, sender: str | None) -> type[Message]:
    """The message of that name on such a channel. `InputError` with near names, or where both sides have one of that name."""
    from ATPLibrary.protocol.spice import messages
    from ATPLibrary.protocol.spice.schema import Sender as Who

    type, _ = parsed(channel)
    fitting = [kind for kind in messages.named(type, message) if sender in (None, kind.kind.sender.value)]
    if fitting:
        return fitting[0]
    names = sorted(
        {k.kind.name for who in Who for k in messages.kinds(type, who).values() if sender in (None, who.value)}
    )
    near = difflib.get_close_matches(message.upper(), names, n=1)
    raise InputError.about(
        f"The SPICE channel {channel}", wanted=f"have a message {message}" + (f" of the {sender}" if sender else ""),
        got=f"has {', '.join(names)}", next_step=f"Did you mean {near[0]}?" if near else "",
    )  # fmt: skip


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


def _number(text: str) -> float:
    try:
        return float(text)
    except ValueError:
        raise InputError.about(
            "A count of a SPICE channel", wanted="be compared with a number", got=f"is with '{text}'"
        ) from None
