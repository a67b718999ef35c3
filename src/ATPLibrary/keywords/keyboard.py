"""Keywords about the keyboard."""

from __future__ import annotations

from datetime import timedelta
from functools import partial
from typing import TYPE_CHECKING, Literal

from robot.api import logger
from robot.api.deco import keyword
from robot.api.types import Secret

from ATPLibrary.errors import InputError
from ATPLibrary.keywords.component import named
from ATPLibrary.keywords.plain import plain
from ATPLibrary.keywords.verified_input import SECONDS_PER_CHARACTER, How, VerifiedInput
from ATPLibrary.orchestrator.held_input import let_go_of_everything
from ATPLibrary.secrets import as_secret
from ATPLibrary.verifier.injector import Via

if TYPE_CHECKING:
    from ATPLibrary.verifier import InputReport, Layout, TypingEngine


class KeyboardKeywords(VerifiedInput):
    @keyword(tags=["Input", "Keyboard"])
    def type_text(
        self,
        text: str | Secret,
        *,
        layout: str | None = None,
        retries: int = 0,
        verify: bool = True,
        via: Via = "qmp",
        vm: str | None = None,
        timeout: timedelta | None = None,
    ) -> InputReport:
        r"""Types text on a VM's keyboard and proves inside the guest that every key arrived: in order, once, and how fast.

        The keys go down and up one by one, as a person types; ``\n`` is Enter and ``\t`` is Tab. The agent in the guest
        reports each key as the guest's kernel saw it. When one is lost, doubled, out of order or stuck the keyword fails;
        when no agent answers it fails too. One line in the log says how many characters, what was lost, and the latency.

        Where Caps Lock is on in the guest it is switched off for the text and on again, and the log says so. Where a key is down
        that no keyword holds, the keyword fails and sends nothing: with somebody else's Shift the guest would read other letters,
        with their Ctrl none. What `Key Down` holds stays down and counts.

        - ``text``: what to type. A character that the keyboard layout lacks is refused before anything is sent. Of a secret
          (``${PASSWORD: secret}``) no log, error or file names a character or a key, only positions.
        - ``layout``: the guest's keyboard layout for this text alone; by default that of `Set Keyboard Layout`.
        - ``retries``: how many times what was lost is typed again, from the first character that is missing. That is done only
          where nothing came after it: else the rest would stand behind the damage, and what a backspace would take away nobody
          knows from outside. The log says what was done, or why not; with ``0`` nothing is ever typed twice.
        - ``verify``: ``False`` types without an agent in the guest, slowly enough for the device; the log says "not verified".
        - ``via``: ``qmp`` sends through QEMU's monitor; ``spice`` as a SPICE client does, by the VM's SPICE session, which is begun
          where there is none, as `Connect To SPICE` does. One that has ended (another client has taken it, the channel was
          dropped) is not begun anew: the keyword fails and says why it ended.
        - ``vm``: the VM's name or UUID; by default the current VM.
        - ``timeout``: for all of it; by default it grows with the text, and an agent that doesn't answer is waited for no longer
          than ``timeouts.agent`` of the configuration (60 s).

        Example:
        | Connect To VM    win11
        | Type Text    Hello from ATP!
        | Type Text    echo done\n
        | Type Text    Où êtes-vous ?    layout=fr    retries=2
        | Type Text    no agent here    verify=False
        | Type Text    by the way of a viewer    via=spice
        """

        said, is_secret = plain(text)
        if not said:
            raise InputError("There is no text to type: it is empty. Nothing was sent, so nothing can be proved.")
        if retries < 0:
            raise InputError(f"What is lost can't be typed again {retries} times: give 0 or more.")
        if retries and not verify:
            raise InputError("Without the agent nobody knows what was lost: leave out retries, or verify.")
        return self.type_with(
            f"Typing {len(said)} characters",
            vm,
            How(verify, via),
            timeout,
            lambda engine, seconds: engine.type_text(
                said,
                seconds,
                layout=None if layout is None else _layout(layout),
                retries=retries,
                secret=not isinstance(text, str),
            ),
            text=as_secret(said) if is_secret else said,
            extra_seconds=len(said) * SECONDS_PER_CHARACTER,
        )

    @keyword(tags=["Input", "Keyboard", "Assertion"])
    def type_text_and_verify(
        self,
        text: str | Secret,
        *,
        layout: str | None = None,
        retries: int = 0,
        via: Via = "qmp",
        vm: str | None = None,
        timeout: timedelta | None = None,
    ) -> str:
        r"""Types text as `Type Text` does, never without the proof, and returns what is proved as a sentence.

        Fails unless the guest's kernel has seen every key go down and up, in order and once. The sentence says how many characters
        and edges were sent, what was lost, doubled or out of order, and the latency.

        - ``text``: what to type; ``\n`` is Enter and ``\t`` is Tab.
        - ``layout``, ``retries``, ``via``, ``vm``, ``timeout``: as for `Type Text`.

        Example:
        | Connect To VM    win11
        | ${proof} =    Type Text And Verify    Hello from ATP!
        | Should Contain    ${proof}    lost 0
        | Type Text And Verify    Où êtes-vous ?    layout=fr    retries=2
        """
        report: InputReport = self.type_text(text, layout=layout, retries=retries, via=via, vm=vm, timeout=timeout)
        return report.sentence()

    @keyword(tags=["Input", "Keyboard"])
    def press_keys(
        self,
        *combinations: str,
        verify: bool = True,
        via: Via = "qmp",
        vm: str | None = None,
        timeout: timedelta | None = None,
    ) -> None:
        """Presses keys or combinations of keys, one after the other, and verifies them like `Type Text`.

        - ``combinations``: each a key (``enter``, ``f5``, ``a``) or keys with ``+`` between (``ctrl+alt+delete``). All keys of a
          combination go down in order and up in the opposite order.
        - ``verify``, ``via``, ``vm``, ``timeout``: as for `Type Text`.

        Example:
        | Connect To VM    win11
        | Press Keys    ctrl+c
        | Press Keys    up    up    enter
        | Press Keys    ctrl+alt+delete    vm=win11
        """
        if not combinations:
            raise InputError("There is no key to press: name one, such as 'enter' or 'ctrl+c'.")
        for combination in combinations:
            press = partial(_press, combination)
            self.type_with(f"Pressing {combination}", vm, How(verify, via), timeout, press)

    @keyword(tags=["Input", "Keyboard"])
    def hold_key(
        self,
        key: str,
        duration: timedelta = timedelta(seconds=1),
        *,
        verify: bool = True,
        via: Via = "qmp",
        vm: str | None = None,
        timeout: timedelta | None = None,
    ) -> InputReport:
        """Holds a key down for a while, lets it go, and verifies that it went down once and up once.

        The guest repeats a held key by itself, as a real keyboard does; those repeats are not counted as doubled keys.

        - ``key``: a key or a combination, as for `Press Keys`.
        - ``duration``: how long it stays down.
        - ``verify``, ``via``, ``vm``, ``timeout``: as for `Type Text`.

        Example:
        | Connect To VM    win11
        | Hold Key    a    500 ms
        | Hold Key    shift    duration=2 s
        """
        held = duration.total_seconds()
        return self.type_with(
            f"Holding {key}",
            vm,
            How(verify, via),
            timeout,
            lambda engine, seconds: engine.hold(key, held, seconds),
            extra_seconds=held,
        )

    @keyword(tags=["Input", "Keyboard"])
    def key_down(
        self,
        key: str,
        *,
        verify: bool = True,
        via: Via = "qmp",
        vm: str | None = None,
        timeout: timedelta | None = None,
    ) -> InputReport:
        """Presses a key and leaves it down, until `Key Up`, `Release All Keys` or the end of the test lets it go.

        - ``key``: a key, such as ``shift`` or ``a``.
        - ``verify``, ``via``, ``vm``, ``timeout``: as for `Type Text`.

        Example:
        | Connect To VM    win11
        | Key Down    ctrl
        | Click
        | Key Up    ctrl
        """
        return self.type_with(
            f"Pressing {key} down", vm, How(verify, via), timeout, lambda engine, seconds: engine.key_down(key, seconds)
        )

    @keyword(tags=["Input", "Keyboard"])
    def key_up(
        self,
        key: str,
        *,
        verify: bool = True,
        via: Via = "qmp",
        vm: str | None = None,
        timeout: timedelta | None = None,
    ) -> InputReport:
        """Lets a key go that `Key Down` pressed.

        Fails, with the release sent all the same, where the guest has the key up already: somebody else let go of it (a console,
        another run), and nothing can prove this release.

        - ``key``: a key, such as ``shift`` or ``a``.
        - ``verify``, ``via``: as they were for `Key Down`.
        - ``vm``, ``timeout``: as for `Type Text`.

        Example:
        | Connect To VM    win11
        | Key Down    shift
        | Key Up    shift
        """
        return self.type_with(
            f"Letting {key} up", vm, How(verify, via), timeout, lambda engine, seconds: engine.key_up(key, seconds)
        )

    @keyword(tags=["Input", "Keyboard"])
    def set_keyboard_layout(
        self,
        layout: str | None = None,
        *,
        compose: str | None = None,
        unicode_entry: Literal["ctrl+shift+u", "alt+numpad"] | None = None,
        vm: str | None = None,
        timeout: timedelta | None = None,
    ) -> None:
        """Says which keyboard layout a VM's guest has, so that text is typed on the keys where that layout has it.

        It changes nothing in the guest. A character that the layout has no key or dead key for is refused by `Type Text`, unless
        the guest's Compose key or its Unicode entry is named here; the log then says which characters were written so. Their keys
        are proved as all are, but what the guest's program makes of them is not.

        - ``layout``: an XKB name: ``us``, ``de``, ``fr``, ``ch(fr)``, ``us(dvorak)``, ...; by default that of the configuration.
        - ``compose``: the key that is Compose in the guest, such as ``menu`` or ``alt_r``; by default there is none.
        - ``unicode_entry``: ``ctrl+shift+u`` (programs of GTK and IBus) or ``alt+numpad`` (Windows with EnableHexNumpad).
        - ``vm``: the VM's name or UUID; by default the current VM.
        - ``timeout``: by default ``timeouts.command`` of the configuration.

        Example:
        | Connect To VM    win11
        | Set Keyboard Layout    de
        | Type Text    Grüße aus Köln
        | Set Keyboard Layout    us    unicode_entry=ctrl+shift+u
        | Type Text    你好
        | Set Keyboard Layout
        """
        from ATPLibrary.config import TypingSettings

        seconds = self.seconds(timeout, "command")
        is_said = layout is not None or compose is not None or unicode_entry is not None
        name = self.workspace.config.typing.layout if layout is None else layout
        chosen = TypingSettings(layout=name, compose=compose, unicode_entry=unicode_entry) if is_said else None

        async def change() -> str:
            machine = await self.machine(vm, seconds)
            machine.use_layout(chosen)
            return f"VM '{machine.name}' is typed into on layout '{machine.layout().name}'."

        logger.info(self.wait(change(), seconds, f"Setting the keyboard layout of {named(vm)}"))

    @keyword(tags=["Input", "Keyboard"])
    def release_all_keys(self, vm: str | None = None, timeout: timedelta | None = None) -> None:
        """Lets go of every key and mouse button that is down in a VM, whoever holds it. Harmless when none is.

        The agent in the guest says what is down there: also what a run that was killed has left down, or somebody else holds. The
        log says what was let go of and whose it was. Fails where something stays down, also because the VM is paused or its QEMU
        hangs: that is let go of when it runs again. Where no agent answers, only what keywords of this run hold is known and let
        go of, and the log says that.

        - ``vm``: the VM's name or UUID; by default the current VM.
        - ``timeout``: by default ``timeouts.command`` of the configuration.

        Example:
        | Connect To VM    win11
        | Key Down    shift
        | Release All Keys
        """
        seconds = self.seconds(timeout, "command")

        async def release() -> str:
            machine = await self.machine(vm, seconds)
            return (await let_go_of_everything(machine, seconds)).sentence(machine.name)

        logger.info(self.wait(release(), seconds, f"Releasing all keys in {named(vm)}"))


def _layout(name: str) -> Layout:
    from ATPLibrary.verifier.layout import Layout

    return Layout(name)


async def _press(combination: str, engine: TypingEngine, seconds: float) -> InputReport:
    return await engine.press(combination, seconds)
