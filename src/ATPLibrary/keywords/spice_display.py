"""Keywords about a SPICE display channel: its monitors, and the compression of its pictures."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING, Any, Literal

from robot.api import logger
from robot.api.deco import keyword

from ATPLibrary.errors import InputError
from ATPLibrary.keywords.assertions import Operator, check
from ATPLibrary.keywords.component import Component, named
from ATPLibrary.keywords.spice_words import doubt_for, speaking, warn_of

if TYPE_CHECKING:
    from ATPLibrary.orchestrator import Machine
    from ATPLibrary.protocol.spice.channels import DisplayConversation
    from ATPLibrary.protocol.spice.client import SpeakingChannel

Compression = Literal["off", "auto_glz", "auto_lz", "quic", "glz", "lz", "lz4"]


class SpiceDisplayKeywords(Component):
    @keyword(name="Get SPICE Monitors", tags=["SPICE", "Getter", "Assertion"])
    def get_spice_monitors(
        self,
        channel: str = "display",
        operator: Operator | None = None,
        expected: str | None = None,
        vm: str | None = None,
        timeout: timedelta | None = None,
    ) -> list[str]:
        """Returns the monitors that a SPICE display shows, as its server tells them: ``1024x768+0+0`` in pixels.

        Where a fault on purpose (`Drop Next Message` and the like) has harmed the channel's messages, or acknowledgements are
        withheld, they are those that were told last: a warning says so, and an assertion fails.

        - ``channel``: such as ``display`` or ``display:1``; it must be open.
        - ``operator``, ``expected``: an assertion about the list, such as ``==    1024x768+0+0`` or ``contains    1024x768+0+0``.
        - ``vm``: the VM's name or UUID; by default the current VM.
        - ``timeout``: how long the server may take to tell them; by default ``timeouts.command`` of the configuration (10 s).

        Example:
        | Connect To VM    win11
        | Open SPICE Channel    display
        | ${monitors} =    Get SPICE Monitors
        | Get SPICE Monitors    display    contains    1024x768+0+0
        """
        seconds = self.seconds(timeout, "command")

        subject = f"The monitors of SPICE channel {channel} of {named(vm)}"

        async def ask() -> tuple[list[str], str]:
            from ATPLibrary.protocol.screen.monitors import MonitorPlace

            found, display = self._display(await self.machine(vm, seconds), channel)
            await found.wait_until(lambda: bool(display.monitors), seconds, "tell its monitors")
            why = doubt_for(found, subject, operator)
            return [str(MonitorPlace(each.width, each.height, each.x, each.y)) for each in display.monitors], why

        monitors, why = self.wait(ask(), seconds, f"Asking for the monitors of SPICE channel {channel} of {named(vm)}")
        wanted: Any = (
            [each.strip() for each in expected.split(",")] if operator in ("==", "!=") and expected else expected
        )
        warn_of(subject, why)
        check(subject, monitors, operator, wanted)
        return monitors

    @keyword(name="Prefer SPICE Compression", tags=["SPICE"])
    def prefer_spice_compression(
        self, channel: str, compression: Compression, vm: str | None = None, timeout: timedelta | None = None
    ) -> None:
        """Asks a VM's SPICE server to pack what it draws from now on in another way. By default this client asks for ``lz4``.

        The server may still send another one where that packs better; what came is counted by `Get SPICE Statistics`
        (``images``). The picture is the same in each, byte for byte; where it isn't, `Take Screenshot` warns.

        - ``channel``: such as ``display`` or ``display:1``; it must be open.
        - ``compression``: ``off``, ``lz4``, ``lz``, ``glz``, ``quic``, ``auto_lz`` or ``auto_glz`` (by what the picture is like).
          ``quic`` and the last two need ``pip install 'robotframework-atp[spice-quic]'``.
        - ``vm``: the VM's name or UUID; by default the current VM.
        - ``timeout``: by default ``timeouts.command`` of the configuration (10 s).

        Example:
        | Connect To VM    win11
        | Open SPICE Channel    display
        | Prefer SPICE Compression    display    glz
        """
        seconds = self.seconds(timeout, "command")

        async def prefer() -> None:
            from ATPLibrary.protocol.spice.display.quic import can_unpack
            from ATPLibrary.protocol.spice.enums import DisplayCap, ImageCompression
            from ATPLibrary.protocol.spice.messages.display import PreferredCompression

            if compression in ("quic", "auto_lz", "auto_glz") and not can_unpack():
                raise InputError.about(
                    f"The compression {compression}", wanted="be one that this client unpacks", got="needs numba for QUIC",
                    next_step="Say pip install 'robotframework-atp[spice-quic]'",
                )  # fmt: skip
            found, display = self._display(await self.machine(vm, seconds), channel)
            if not display.linked.channel_caps >> DisplayCap.PREF_COMPRESSION & 1:
                raise InputError.about(
                    found.channel.subject, wanted=f"be asked for {compression}", got="its server can't be asked",
                    next_step="Set QEMU's -spice image-compression",
                )  # fmt: skip
            await found.send(PreferredCompression(ImageCompression[compression.upper()]), seconds)

        self.wait(prefer(), seconds, f"Asking for {compression} on SPICE channel {channel} of {named(vm)}")
        logger.info(f"The server was asked to pack its pictures on {channel} as {compression}.")

    def _display(self, machine: Machine, channel: str) -> tuple[SpeakingChannel, DisplayConversation]:
        from ATPLibrary.protocol.spice.channels import DisplayConversation

        found = speaking(self.workspace, machine, channel)
        if not isinstance(found.conversation, DisplayConversation):
            raise InputError.about(
                found.channel.subject, wanted="be a display", got="is not", next_step="Such as display:1"
            )
        return found, found.conversation
