"""Keyboard and mouse by a SPICE session: its inputs channel, the mouse's mode, the screen that positions are of, the lock keys."""

from __future__ import annotations

import enum
from collections.abc import Mapping, Sequence

from ATPLibrary.errors import ATPError, ChannelError, InputError
from ATPLibrary.protocol.spice.channels import DisplayConversation, InputsConversation, MainConversation
from ATPLibrary.protocol.spice.channels.inputs import LOCKS, MOST_MOTIONS, LockName
from ATPLibrary.protocol.spice.client import SpeakingChannel, speaking
from ATPLibrary.protocol.spice.doubt import doubt, require_known
from ATPLibrary.protocol.spice.input_messages import ALL_BUTTONS_UP, Events, InputMessages
from ATPLibrary.protocol.spice.messages import inputs, main
from ATPLibrary.protocol.spice.scancodes import code_of
from ATPLibrary.protocol.spice.schema import Message
from ATPLibrary.transport.remaining import remaining
from ATPLibrary.transport.spice import SpiceChannelType as Type
from ATPLibrary.transport.spice_connection import SpiceChannel, SpiceVmConnection

# A guest that has just booted finds its tablet a moment later, and QEMU offers the mode then.
MODE_SECONDS = 5.0
_MOTIONS = (inputs.MouseMotion, inputs.MousePosition)
_OF_THE_MOUSE = (*_MOTIONS, inputs.MousePress, inputs.MouseRelease)
_TELLS_LOCKS = inputs.KeyModifiers.kind.name
_KEY_OF_LOCK: Mapping[LockName, str] = {"caps": "caps_lock", "num": "num_lock", "scroll": "scroll_lock"}


class MouseMode(enum.IntEnum):
    """SERVER: motions by counts. CLIENT: positions on the screen."""

    SERVER = 1
    CLIENT = 2


class SpiceInputs:
    """Input by one session. What has ended stays so until somebody opens it again: then `ChannelError` says why it ended."""

    def __init__(self, connection: SpiceVmConnection) -> None:
        self.connection = connection
        self._messages = InputMessages()
        self._channel: SpeakingChannel | None = None  # the one that `_messages` are of
        self._is_first_motion = True
        self._screen: tuple[int, int] | None = None

    async def open(self, timeout: float) -> None:
        """Open the inputs channel where it never was."""
        connection, offered = self.connection, self._main().channels
        if connection.channel(Type.INPUTS) is None:
            if not any(each.type == Type.INPUTS for each in offered):
                names = {int(each): each.name.lower() for each in Type}
                there = ", ".join(sorted({names.get(each.type, str(each.type)) for each in offered}))
                raise ChannelError.about(
                    f"The SPICE server of VM '{connection.vm}'",
                    wanted="take input",
                    got=f"offers no inputs channel: this session may only look (it has {there or 'no channel at all'})",
                    next_step="Send input through QEMU, with via=qmp",
                )
            await connection.open_channel(Type.INPUTS, timeout=timeout)
        self._speaking()

    @property
    def lights(self) -> Mapping[LockName, bool]:
        """The lock keys that the guest has on, as the server said last: "scroll", "num", "caps"."""
        return self._conversation().lights

    def doubt_of_lights(self) -> str:
        """Why they may be otherwise by now, by what a test has done to the channel; else ""."""
        return doubt(self._conversation().wire, _TELLS_LOCKS)

    def why_ended(self) -> ATPError | None:
        """Why nothing can be sent; None while it can."""
        try:
            self._speaking()
        except ChannelError as error:
            return error
        return None

    async def send(self, moments: Sequence[Events], timeout: float) -> None:
        """Send what happens at each of some moments, in order, as `input-send-event` has it.

        Never are more than two bunches of motions without the server's word.
        """
        channel, conversation = self._speaking(), self._conversation()
        if channel is not self._channel:
            self._channel, self._messages, self._is_first_motion = channel, InputMessages(), True
        messages = [message for events in moments for message in self._messages.of(events, self._screen)]
        if not any(isinstance(message, _OF_THE_MOUSE) for message in messages):
            await channel.send_all(messages, timeout)
            return
        left = remaining(timeout)
        if self._is_first_motion:
            self._is_first_motion = False
            await channel.send(ALL_BUTTONS_UP, left())
        for message in messages:
            if isinstance(message, _MOTIONS):
                await channel.wait_until(
                    lambda: conversation.motions_unacknowledged < MOST_MOTIONS, left(), "acknowledge motions"
                )
            await channel.send(message, left())

    async def be_absolute(self, timeout: float) -> tuple[int, int]:
        """Have the mouse be moved by positions from now on; the width and height of the screen that they are on, in pixels."""
        await self._be(MouseMode.CLIENT, timeout)
        self._screen = await self._screen_size(timeout)
        return self._screen

    async def be_relative(self, timeout: float) -> None:
        """Have the mouse be moved by counts from now on."""
        await self._be(MouseMode.SERVER, timeout)
        self._screen = None

    async def set_locks(self, wanted: Mapping[LockName, bool], timeout: float) -> list[LockName]:
        """Tell the server which lock keys are to be on, and wait until the guest has said so of its keyboard's lights.

        Those of `LOCKS` that aren't named stay as they are. Returns those that had to change. `DeadlineError` when they don't,
        `VerificationError` as for `until_locks`.
        """
        left = remaining(timeout)
        self._require_known_lights(_in_words(wanted))
        before = self.lights
        changed = [name for name, on in wanted.items() if before[name] is not on]
        if not changed:
            return []
        channel = self._speaking()
        bits = sum(LOCKS[name] for name, on in {**before, **wanted}.items() if on)
        await channel.send(inputs.ClientKeyModifiers(bits), left())
        await self.until_locks(wanted, left())
        # The server has pressed and released them; where the guest has lost a release while it set its lights, it gets another.
        releases: list[Message] = [inputs.KeyUp(code_of(_KEY_OF_LOCK[name], False)) for name in changed]
        await channel.send_all(releases, left())
        await self.until_locks(wanted, left())  # the guest may have set its lights otherwise meanwhile
        return changed

    async def until_locks(self, wanted: Mapping[LockName, bool], timeout: float) -> None:
        """Wait until the lock keys are so. `DeadlineError` that says how they are, `VerificationError` where a fault has harmed
        what the server told of them last.
        """
        conversation, words = self._conversation(), _in_words(wanted)
        await self._speaking().wait_until(
            lambda: bool(self.doubt_of_lights()) or all(conversation.lights[name] is on for name, on in wanted.items()),
            timeout,
            f"tell of lock keys that are {words}",
            lambda: _in_words(conversation.lights),
        )
        self._require_known_lights(words)

    # -- how it is done -------------------------------------------------------------------------------------------------------

    def _require_known_lights(self, words: str) -> None:
        require_known(self._speaking(), f"The lock keys of VM '{self.connection.vm}'", f"be {words}", _TELLS_LOCKS)

    async def _be(self, mode: MouseMode, timeout: float) -> None:
        channel, conversation = self._speak(Type.MAIN), self._main()
        left = remaining(timeout)
        if conversation.mouse_mode == mode:
            return
        if not conversation.mouse_modes & mode:
            try:
                await channel.wait_until(
                    lambda: bool(conversation.mouse_modes & mode), min(left(), MODE_SECONDS), f"allow {mode.name}"
                )
            except TimeoutError as error:
                raise InputError.about(
                    f"The SPICE server of VM '{self.connection.vm}'",
                    wanted=f"let the mouse be moved by {'positions' if mode is MouseMode.CLIENT else 'counts'}",
                    got=f"does not allow the mouse mode {mode.name.lower()}",
                    waited=min(timeout, MODE_SECONDS),
                    next_step="Give the VM a tablet (<input type='tablet' bus='usb'/>) and its guest the driver"
                    if mode is MouseMode.CLIENT
                    else "",
                ) from error
        await channel.send(main.MouseModeRequest(mode), left())
        await channel.wait_until(
            lambda: conversation.mouse_mode == mode, left(), f"go to the mouse mode {mode.name.lower()}"
        )

    async def _screen_size(self, timeout: float) -> tuple[int, int]:
        """QEMU scales positions to what the display channel says is the screen; it is opened where it never was."""
        left = remaining(timeout)
        if self.connection.channel(Type.DISPLAY) is None:
            await self.connection.open_channel(Type.DISPLAY, timeout=left())
        channel = self._speak(Type.DISPLAY)
        display = channel.conversation
        assert isinstance(display, DisplayConversation)
        await channel.wait_until(lambda: display.painter.screen is not None, left(), "have a picture to point at")
        screen = display.painter.screen
        assert screen is not None
        return screen.width, screen.height

    def _speaking(self) -> SpeakingChannel:
        self._speak(Type.MAIN)
        return self._speak(Type.INPUTS)

    def _speak(self, type: Type) -> SpeakingChannel:
        channel = self.connection.channel(type)
        if channel is None or not channel.state.is_open:
            raise self._ended(channel, type)
        return speaking(channel)

    def _ended(self, channel: SpiceChannel | None, type: Type) -> ChannelError:
        got = "was closed" if channel is None else f"is {channel.state.value}"
        if channel is not None and channel.failure:
            got += f" ({channel.failure})"
        again = "'Connect To SPICE' begins it anew"
        return ChannelError.about(
            f"The SPICE session with VM '{self.connection.vm}'"
            if type is Type.MAIN
            else f"SPICE channel {type.name.lower()}:0 of VM '{self.connection.vm}'",
            wanted="be open to take input",
            got=got,
            next_step=again if type is Type.MAIN else f"Open it again with 'Open SPICE Channel    {type.name.lower()}'",
        )

    def _main(self) -> MainConversation:
        conversation = self._speak(Type.MAIN).conversation
        assert isinstance(conversation, MainConversation)
        return conversation

    def _conversation(self) -> InputsConversation:
        conversation = self._speaking().conversation
        assert isinstance(conversation, InputsConversation)
        return conversation


def _in_words(lights: Mapping[LockName, bool]) -> str:
    return ", ".join(f"{name} {'on' if is_on else 'off'}" for name, is_on in lights.items())
