"""Keywords about a VM's SPICE channels: begin a session, open and close its channels, see their states."""

from __future__ import annotations

import asyncio
from datetime import timedelta
from typing import TYPE_CHECKING, Any, Literal

from robot.api import logger
from robot.api.deco import keyword

from ATPLibrary.errors import VerificationError
from ATPLibrary.keywords.assertions import Operator, check
from ATPLibrary.keywords.component import Component, named
from ATPLibrary.keywords.spice_words import parsed, speaking

if TYPE_CHECKING:
    from ATPLibrary.protocol.spice.client import SpeakingChannel

State = Literal["closed", "connecting", "connected", "linked", "failed"]


class SpiceChannelKeywords(Component):
    @keyword(name="Connect To SPICE", tags=["SPICE"])
    def connect_to_spice(self, vm: str | None = None, timeout: timedelta | None = None) -> None:
        """Begins a SPICE session with a VM: links its main channel and has the server list the others.

        A session that lives already is kept. The server ends another client's session for it. The password is the configuration's
        (``spice.ticket``), else the platform's, else libvirt's; with ``spice.ca_file`` TLS is spoken. What fails is named with the
        stage that it failed in: the TLS handshake, the link reply, the authentication.

        - ``vm``: the VM's name or UUID; by default the current VM.
        - ``timeout``: by default ``timeouts.connect`` of the configuration (30 s).

        Example:
        | Connect To VM    win11
        | Connect To SPICE
        | SPICE Channel Should Be    main    linked
        """
        seconds = self.seconds(timeout, "connect")

        async def connect() -> str:
            machine = await self.machine(vm, seconds)
            await self.workspace.spice_sessions.connect(machine, seconds)
            offered = ", ".join(_offered(speaking(self.workspace, machine, "main")))
            return f"The SPICE session with VM '{machine.name}' has begun; its server offers {offered or 'no channel'}."

        logger.info(self.wait(connect(), seconds, f"Connecting to the SPICE server of {named(vm)}"))

    @keyword(name="Disconnect From SPICE", tags=["SPICE"])
    def disconnect_from_spice(self, vm: str | None = None, timeout: timedelta | None = None) -> None:
        """Closes every channel of a VM's SPICE session. The session ends with the VM's connection as well.

        - ``vm``: the VM's name or UUID; by default the current VM.
        - ``timeout``: by default ``timeouts.command`` of the configuration (10 s).

        Example:
        | Connect To VM    win11
        | Connect To SPICE
        | Disconnect From SPICE
        """
        seconds = self.seconds(timeout, "command")

        async def disconnect() -> None:
            machine = await self.machine(vm, seconds)
            await self.workspace.spice_sessions.close(machine.uuid)

        self.wait(disconnect(), seconds, f"Closing the SPICE session with {named(vm)}")

    @keyword(name="Open SPICE Channel", tags=["SPICE"])
    def open_spice_channel(self, channel: str, vm: str | None = None, timeout: timedelta | None = None) -> None:
        """Opens a channel of a VM's SPICE session, or opens anew one that has failed, while the others go on.

        Begins the session where there is none. It is open once the channel's first message is there, not only its link. One that
        the server doesn't have is told with those that it has (`Get SPICE Channels`).

        - ``channel``: ``main``, ``display``, ``inputs``, ``cursor``, ``playback``, ``record``, ``smartcard``, ``usbredir``,
          ``port`` or ``webdav``; where a VM has several of a kind with their number: ``display:1``.
        - ``vm``: the VM's name or UUID; by default the current VM.
        - ``timeout``: by default ``timeouts.connect`` of the configuration (30 s).

        Example:
        | Connect To VM    win11
        | Open SPICE Channel    display
        | Open SPICE Channel    inputs
        """
        seconds = self.seconds(timeout, "connect")
        type, id = parsed(channel)

        async def open_() -> None:
            machine = await self.machine(vm, seconds)
            connection = await self.workspace.spice_sessions.connect(machine, seconds)
            if type.name != "MAIN":
                await connection.open_channel(type, id, timeout=seconds)

        self.wait(open_(), seconds, f"Opening SPICE channel {channel} of {named(vm)}")

    @keyword(name="Close SPICE Channel", tags=["SPICE"])
    def close_spice_channel(self, channel: str, vm: str | None = None, timeout: timedelta | None = None) -> None:
        """Closes a channel of a VM's SPICE session. Closing ``main`` ends the session.

        - ``channel``: such as ``display`` or ``display:1``.
        - ``vm``: the VM's name or UUID; by default the current VM.
        - ``timeout``: by default ``timeouts.command`` of the configuration (10 s).

        Example:
        | Connect To VM    win11
        | Open SPICE Channel    cursor
        | Close SPICE Channel    cursor
        """
        seconds = self.seconds(timeout, "command")
        type, id = parsed(channel)

        async def close() -> None:
            machine = await self.machine(vm, seconds)
            await self.workspace.spice_sessions.of(machine).close_channel(type, id)

        self.wait(close(), seconds, f"Closing SPICE channel {channel} of {named(vm)}")

    @keyword(tags=["SPICE"])
    def reconnect_channel(self, channel: str, vm: str | None = None, timeout: timedelta | None = None) -> None:
        """Closes a SPICE channel, in whatever state it is, and opens it anew, while the others go on.

        Its counters, what it has drawn and what is expected of it begin anew.

        - ``channel``: such as ``display`` or ``display:1``; it must have been opened. Not ``main``, with which the session ends.
        - ``vm``: the VM's name or UUID; by default the current VM.
        - ``timeout``: by default ``timeouts.connect`` of the configuration (30 s).

        Example:
        | Connect To VM    win11
        | Open SPICE Channel    display
        | Reconnect Channel    display
        | Expect SPICE Message    display    MARK    within=5 s
        """
        seconds = self.seconds(timeout, "connect")
        type, id = parsed(channel)

        async def reconnect() -> None:
            machine = await self.machine(vm, seconds)
            await self.workspace.spice_sessions.of(machine).reconnect_channel(type, id, timeout=seconds)

        self.wait(reconnect(), seconds, f"Reconnecting SPICE channel {channel} of {named(vm)}")

    @keyword(name="Get SPICE Channels", tags=["SPICE", "Getter", "Assertion"])
    def get_spice_channels(
        self,
        operator: Operator | None = None,
        expected: str | None = None,
        vm: str | None = None,
        timeout: timedelta | None = None,
    ) -> list[str]:
        """Returns the channels that a VM's SPICE server offers: ``display:0``, ``inputs:0`` and so on.

        - ``operator``, ``expected``: an assertion about the list, such as ``contains    usbredir:0``.
        - ``vm``: the VM's name or UUID; by default the current VM.
        - ``timeout``: by default ``timeouts.command`` of the configuration (10 s).

        Example:
        | Connect To VM    win11
        | Connect To SPICE
        | ${channels} =    Get SPICE Channels    contains    display:0
        """
        seconds = self.seconds(timeout, "command")

        async def ask() -> list[str]:
            return _offered(speaking(self.workspace, await self.machine(vm, seconds), "main"))

        channels = self.wait(ask(), seconds, f"Listing the SPICE channels of {named(vm)}")
        wanted: Any = (
            [each.strip() for each in expected.split(",")] if operator in ("==", "!=") and expected else expected
        )
        check(f"The SPICE channels of {named(vm)}", channels, operator, wanted)
        return channels

    @keyword(name="SPICE Channel Should Be", tags=["SPICE", "Assertion"])
    def spice_channel_should_be(
        self, channel: str, state: State, vm: str | None = None, timeout: timedelta | None = None
    ) -> None:
        """Waits until a SPICE channel is in a state, and fails with the state that it is in and why.

        A channel stays ``linked`` as long as nobody ends it, also to a QEMU that is frozen: so for ``linked`` QEMU is asked
        (by QMP) whether it lives, and must answer within 5 s.

        - ``channel``: such as ``display`` or ``display:1``.
        - ``state``: ``linked`` is open and begun; ``failed`` ended, and says why; ``closed`` was never opened, or
          closed here.
        - ``vm``: the VM's name or UUID; by default the current VM.
        - ``timeout``: how long it may take to come there; by default ``timeouts.command`` of the configuration (10 s).

        Example:
        | Connect To VM    win11
        | Open SPICE Channel    display
        | SPICE Channel Should Be    display    linked
        | Drop Channel    display
        | SPICE Channel Should Be    display    failed
        """
        from ATPLibrary.orchestrator.spice_life import LIFE_SECONDS, require_alive

        seconds = self.seconds(timeout, "command")
        type, id = parsed(channel)

        async def until() -> None:
            machine = await self.machine(vm, seconds)
            subject = f"SPICE channel {type.name.lower()}:{id} of VM '{machine.name}'"
            sessions = self.workspace.spice_sessions

            def now() -> tuple[str, str]:
                known = sessions.known(machine)
                found = known.channel(type, id) if known is not None else None
                return (found.state.value, found.failure) if found is not None else ("closed", "")

            source = f"vm:{machine.name}"
            with self.workspace.bus.subscribe(lambda event: event.kind.startswith("spice.channel."), source) as news:
                try:
                    async with asyncio.timeout(seconds):
                        while now()[0] != state:
                            await anext(news)
                except TimeoutError:
                    got, failure = now()
                    raise VerificationError.about(
                        subject, wanted=f"be {state}", waited=seconds,
                        got=f"is {got}" + (f" ({failure})" if failure else ""),
                    ) from None  # fmt: skip
            if state == "linked":
                await require_alive(machine, subject, "be linked", seconds)

        patience = seconds + LIFE_SECONDS if state == "linked" else seconds
        self.wait(until(), patience, f"Waiting for SPICE channel {channel} of {named(vm)}")


def _offered(main: SpeakingChannel) -> list[str]:
    from ATPLibrary.protocol.spice.offered import names

    return names(main.channel.connection)
