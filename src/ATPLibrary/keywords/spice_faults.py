"""Keywords that break a VM's SPICE session on purpose: messages cut, turned, lost or late; ACKs kept; a wrong ticket."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING, Any

from robot.api import logger
from robot.api.deco import keyword
from robot.api.types import Secret

from ATPLibrary.errors import InputError, VerificationError
from ATPLibrary.keywords.component import Component, in_seconds, named
from ATPLibrary.keywords.spice_words import Sender, kind_of, speaking

if TYPE_CHECKING:
    from ATPLibrary.protocol.spice.errors import SpiceLinkError
    from ATPLibrary.protocol.spice.seam import Harm

_LATER = timedelta(seconds=1)
# The channels on which QEMU's server asks for acknowledgements.
_ACKNOWLEDGED = ("DISPLAY", "CURSOR")


class SpiceFaultKeywords(Component):
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
        with an error that names the field. Whether it has happened says `Get SPICE Statistics` (``faults``). One that has no more
        bytes than are left passes whole and isn't counted: the next that is longer is cut.

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
        if keep < 0:
            raise InputError.about("The bytes that are left of a message", wanted="be 0 or more", got=f"are {keep}")
        name = self._arm("TRUNCATE", channel, message, sender, vm=vm, timeout=timeout, keep=keep)
        logger.info(f"The next {name} on SPICE channel {channel} will have {keep} bytes; none has been cut yet.")

    @keyword(name="Corrupt Next Message", tags=["SPICE"])
    def corrupt_next_message(
        self,
        channel: str,
        message: str,
        at: int = 0,
        sender: Sender | None = None,
        *,
        vm: str | None = None,
        timeout: timedelta | None = None,
    ) -> None:
        """Turns one byte of the next message of a kind on a SPICE channel: each of its bits is the other then; its length stays.

        One of the client goes out so; one of the server is harmed when it has come, before this client reads it. Whether it has
        happened says `Get SPICE Statistics` (``faults``). One that has no bytes passes and isn't counted.

        - ``channel``: such as ``display``; it must be open.
        - ``message``: its name in the specification without prefix: ``DRAW_COPY``.
        - ``at``: which byte, from 0, the header not counted; the last one where there are fewer.
        - ``sender``: ``client`` or ``server``; needed where both have a message of that name.
        - ``vm``: the VM's name or UUID; by default the current VM.
        - ``timeout``: by default ``timeouts.command`` of the configuration (10 s).

        Example:
        | Connect To VM    win11
        | Open SPICE Channel    display
        | Corrupt Next Message    display    DRAW_COPY    at=0
        """
        if at < 0:
            raise InputError.about("The byte of a message that is turned", wanted="be 0 or more", got=f"is {at}")
        name = self._arm("CORRUPT", channel, message, sender, vm=vm, timeout=timeout, at=at)
        logger.info(f"Byte {at} of the next {name} on SPICE channel {channel} will be turned; none has been yet.")

    @keyword(name="Delay Next Message", tags=["SPICE"])
    def delay_next_message(
        self,
        channel: str,
        message: str,
        by: timedelta = _LATER,
        sender: Sender | None = None,
        *,
        vm: str | None = None,
        timeout: timedelta | None = None,
    ) -> None:
        """Holds up the next message of a kind on a SPICE channel, and all that is behind it in its direction.

        A keyword that sends such a message waits as long. Whether it has happened says `Get SPICE Statistics` (``faults``).

        - ``channel``: such as ``inputs``; it must be open.
        - ``message``: its name in the specification without prefix: ``KEY_UP``.
        - ``by``: how much later it comes.
        - ``sender``: ``client`` or ``server``; needed where both have a message of that name.
        - ``vm``: the VM's name or UUID; by default the current VM.
        - ``timeout``: by default ``timeouts.command`` of the configuration (10 s).

        Example:
        | Connect To VM    win11
        | Open SPICE Channel    inputs
        | Delay Next Message    inputs    KEY_UP    by=300 ms
        """
        seconds = in_seconds(by)
        if seconds <= 0:
            raise InputError.about(
                "The time that a message is held up", wanted="be more than 0 s", got=f"is {seconds:g} s"
            )
        name = self._arm("DELAY", channel, message, sender, vm=vm, timeout=timeout, seconds=seconds)
        logger.info(f"The next {name} on SPICE channel {channel} will come {seconds:g} s later; none has yet.")

    @keyword(name="Drop Next Message", tags=["SPICE"])
    def drop_next_message(
        self,
        channel: str,
        message: str,
        times: int = 1,
        sender: Sender | None = None,
        *,
        vm: str | None = None,
        timeout: timedelta | None = None,
    ) -> None:
        """Swallows the next message of a kind on a SPICE channel: one of the client isn't sent, one of the server isn't read.

        Whether it has happened says `Get SPICE Statistics` (``faults``).

        - ``channel``: such as ``main``; it must be open.
        - ``message``: its name in the specification without prefix: ``AGENT_TOKEN``.
        - ``times``: how many of them.
        - ``sender``: ``client`` or ``server``; needed where both have a message of that name.
        - ``vm``: the VM's name or UUID; by default the current VM.
        - ``timeout``: by default ``timeouts.command`` of the configuration (10 s).

        Example:
        | Connect To VM    win11
        | Connect To SPICE
        | Drop Next Message    main    AGENT_TOKEN    times=3    sender=client
        """
        if times < 1:
            raise InputError.about("The messages that are dropped", wanted="be 1 or more", got=f"are {times}")
        name = self._arm("DROP", channel, message, sender, vm=vm, timeout=timeout, times=times)
        logger.info(f"The next {name} on SPICE channel {channel} will be dropped, {times} in all; none has been yet.")

    @keyword(tags=["SPICE"])
    def withhold_acknowledgements(
        self, channel: str, withhold: bool = True, vm: str | None = None, timeout: timedelta | None = None
    ) -> None:
        """Acknowledges no more messages on a SPICE channel, so that its server stops sending; or sends what is owed and goes on.

        A server sends two windows (of 20 messages on a display), then nothing: `Get SPICE Statistics` counts it as ``ack_stalls``.
        It fails on a channel whose server asks for none (SET_ACK): QEMU does on ``display`` and ``cursor``, which is waited for.

        - ``channel``: ``display`` or ``cursor``; it must be open.
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
            found = speaking(self.workspace, await self.machine(vm, seconds), channel)
            if withhold and found.channel.type.name in _ACKNOWLEDGED:  # it may have been opened a moment ago
                wire = found.conversation.wire
                await found.wait_until(lambda: wire.is_acknowledged, seconds, "be asked for acknowledgements (SET_ACK)")
            return found.withhold_acks(withhold)

        owed = self.wait(hold(), seconds, f"Reaching SPICE channel {channel} of {named(vm)}")
        if not withhold:
            logger.info(
                f"SPICE channel {channel} acknowledges again; {owed} acknowledgements were owed and have been sent."
            )

    @keyword(tags=["SPICE"])
    def drop_channel(self, channel: str, vm: str | None = None, timeout: timedelta | None = None) -> None:
        """Breaks a SPICE channel's connection, as a network does: without a goodbye. It is ``failed`` then; the others go on.

        `Reconnect Channel` opens it anew.

        - ``channel``: such as ``display``; it must be open.
        - ``vm``: the VM's name or UUID; by default the current VM.
        - ``timeout``: by default ``timeouts.command`` of the configuration (10 s).

        Example:
        | Connect To VM    win11
        | Open SPICE Channel    display
        | Drop Channel    display
        | Reconnect Channel    display
        """
        seconds = self.seconds(timeout, "command")

        async def drop() -> None:
            speaking(self.workspace, await self.machine(vm, seconds), channel).drop("the test dropped it")

        self.wait(drop(), seconds, f"Reaching SPICE channel {channel} of {named(vm)}")

    @keyword(name="SPICE Ticket Should Be Refused", tags=["SPICE", "Assertion"])
    def spice_ticket_should_be_refused(
        self, ticket: Secret | None = None, vm: str | None = None, timeout: timedelta | None = None
    ) -> str:
        """Shows a VM's SPICE server a wrong ticket (password) and fails when it is taken. Returns the stage that refused it.

        A session that lives isn't touched: what is tried is a channel of a session that the server doesn't know, of which it
        complains only when the ticket was right.

        - ``ticket``: a secret variable; by default one that is made up.
        - ``vm``: the VM's name or UUID; by default the current VM.
        - ``timeout``: by default ``timeouts.connect`` of the configuration (30 s).

        Example:
        | Connect To VM    win11
        | ${stage} =    SPICE Ticket Should Be Refused
        """
        seconds = self.seconds(timeout, "connect")

        async def refusal() -> SpiceLinkError | None:
            from ATPLibrary.orchestrator.spice_probe import refusal_of
            from ATPLibrary.secrets import as_secret

            machine = await self.machine(vm, seconds)
            wrong = as_secret(ticket) if ticket is not None else None
            return await refusal_of(self.workspace, machine, wrong, seconds)

        error = self.wait(refusal(), seconds, f"Showing a wrong ticket to the SPICE server of {named(vm)}")
        if error is None:
            raise VerificationError.about(
                f"The SPICE server of {named(vm)}", wanted="refuse that ticket", got="took it",
                next_step="Is it one that wants no ticket (disable-ticketing)?",
            )  # fmt: skip
        stage = error.stage.name if error.stage is not None else ""
        logger.info(f"Refused in stage {stage}: {error}")
        return stage

    def _arm(
        self,
        harm: str,
        channel: str,
        message: str,
        sender: Sender | None,
        *,
        vm: str | None,
        timeout: timedelta | None,
        **how: Any,
    ) -> str:
        """Have the next message of that name harmed; returns its name as the specification has it."""
        seconds = self.seconds(timeout, "command")
        kind = kind_of(channel, message, sender)

        async def arm() -> None:
            from ATPLibrary.protocol.spice.seam import Fault, Harm

            found = speaking(self.workspace, await self.machine(vm, seconds), channel)
            kind_of_harm: Harm = Harm[harm]
            found.conversation.wire.seam.faults.append(Fault(kind_of_harm, kind.kind.sender, kind.kind.name, **how))

        self.wait(arm(), seconds, f"Reaching SPICE channel {channel} of {named(vm)}")
        return kind.kind.name
