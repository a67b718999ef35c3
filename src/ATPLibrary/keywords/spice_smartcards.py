"""Keywords about the smartcard in a VM's SPICE reader."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import timedelta
from typing import Any

from robot.api import logger
from robot.api.deco import keyword

from ATPLibrary.errors import InputError
from ATPLibrary.keywords.assertions import Operator, check
from ATPLibrary.keywords.component import Component, named


class SpiceSmartcardKeywords(Component):
    @keyword(name="Insert Smartcard", tags=["SPICE", "Smartcard"])
    def insert_smartcard(
        self,
        answers: Mapping[str, Any] | None = None,
        atr: str | None = None,
        *,
        vm: str | None = None,
        timeout: timedelta | None = None,
    ) -> None:
        """Puts a smartcard that is made here into a VM's reader, through its SPICE session, and waits until QEMU shows it.

        Begins the SPICE session where there is none. The first card brings the reader with it: a CCID device on the guest's USB
        bus. What the guest then asks the card is told by `Get Smartcard Commands`.

        - ``answers``: a dictionary of hexadecimal text: the beginning of a command, and the whole answer with its status words,
          such as ``00A40400=9000``. Of several that fit the longest is taken; a command that none fits is refused with ``6D00``.
        - ``atr``: the card's answer to reset in hexadecimal; by default that of a plain T=1 card.
        - ``vm``: the VM's name or UUID; by default the current VM.
        - ``timeout``: by default ``timeouts.connect`` of the configuration (30 s).

        Example:
        | Connect To VM    win11
        | ${answers} =    Create Dictionary    00A40400=9000    00B0=48656C6C6F9000
        | Insert Smartcard    ${answers}
        """
        from ATPLibrary.orchestrator.spice_smartcard import insert
        from ATPLibrary.protocol.spice.smartcard import DEFAULT_ATR, ScriptedCard

        seconds = self.seconds(timeout, "connect")
        known = {_bytes(begin): _bytes(str(answer)) for begin, answer in (answers or {}).items()}
        card = ScriptedCard(_bytes(atr) if atr is not None else DEFAULT_ATR, known)

        async def put_in() -> None:
            await insert(self.workspace, await self.machine(vm, seconds), card, seconds)

        self.wait(put_in(), seconds, f"Inserting a smartcard into the reader of {named(vm)}")
        logger.info(f"A smartcard is in the reader; its ATR is {card.atr.hex(' ').upper()}.")

    @keyword(name="Remove Smartcard", tags=["SPICE", "Smartcard"])
    def remove_smartcard(self, vm: str | None = None, timeout: timedelta | None = None) -> None:
        """Takes the card out of a VM's SPICE reader; the reader stays. Harmless where there is none.

        - ``vm``: the VM's name or UUID; by default the current VM.
        - ``timeout``: by default ``timeouts.command`` of the configuration (10 s).

        Example:
        | Connect To VM    win11
        | Insert Smartcard
        | Remove Smartcard
        """
        from ATPLibrary.orchestrator.spice_smartcard import reader_of

        seconds = self.seconds(timeout, "command")

        async def remove() -> None:
            speaking, reader = reader_of(self.workspace, await self.machine(vm, seconds))
            reader.remove()
            await speaking.pass_on("what is queued", seconds)

        self.wait(remove(), seconds, f"Removing the smartcard from the reader of {named(vm)}")

    @keyword(name="Get Smartcard Commands", tags=["SPICE", "Smartcard", "Getter", "Assertion"])
    def get_smartcard_commands(
        self,
        operator: Operator | None = None,
        expected: list[str] | str | None = None,
        vm: str | None = None,
        timeout: timedelta | None = None,
    ) -> list[str]:
        """Returns what the guest has asked of the card that is in its reader, and was answered: ``00A40400 -> 9000``.

        - ``operator``, ``expected``: an assertion about the list, such as ``contains    00A40400 -> 9000``.
        - ``vm``: the VM's name or UUID; by default the current VM.
        - ``timeout``: by default ``timeouts.command`` of the configuration (10 s).

        Example:
        | Connect To VM    win11
        | Insert Smartcard
        | @{commands} =    Get Smartcard Commands
        """
        from ATPLibrary.orchestrator.spice_smartcard import reader_of

        seconds = self.seconds(timeout, "command")

        async def ask() -> list[str]:
            card = reader_of(self.workspace, await self.machine(vm, seconds))[1].card
            commands = card.commands if card is not None else []
            return [f"{asked.hex().upper()} -> {answer.hex().upper()}" for asked, answer in commands]

        commands = self.wait(ask(), seconds, f"Asking for the commands to the smartcard of {named(vm)}")
        check(f"The commands to the smartcard of {named(vm)}", commands, operator, expected)
        return commands


def _bytes(text: str) -> bytes:
    try:
        return bytes.fromhex(text)
    except ValueError:
        raise InputError.about(
            "A smartcard's bytes", wanted="be hexadecimal, two digits a byte", got=f"are '{text}'"
        ) from None
