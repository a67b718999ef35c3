"""Keywords about what a SPICE session carries between this machine and the guest: clipboards, files."""

from __future__ import annotations

import time
from collections.abc import Callable
from datetime import timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Literal

from robot.api import logger
from robot.api.deco import keyword
from robot.api.types import Secret

from ATPLibrary.errors import InputError, VerificationError
from ATPLibrary.keywords import output
from ATPLibrary.keywords.assertions import Operator, check, shown
from ATPLibrary.keywords.component import named
from ATPLibrary.keywords.plain import plain
from ATPLibrary.keywords.spice_agent import SpiceAgents
from ATPLibrary.keywords.telling import Telling, progress_of

if TYPE_CHECKING:
    from ATPLibrary.protocol.spice.agent.enums import Selection
    from ATPLibrary.protocol.spice.agent.talk import AgentTalk, SentFile

Which = Literal["clipboard", "primary", "secondary"]
# What a slow guest takes through an emulated serial port; for what nobody gave a timeout.
_SECONDS_PER_MEGABYTE = 4.0


class SpiceClipboardKeywords(SpiceAgents, Telling):
    @keyword(tags=["SPICE"])
    def set_clipboard(
        self,
        text: str | Secret | None = None,
        image: Path | None = None,
        *,
        selection: Which = "clipboard",
        vm: str | None = None,
        timeout: timedelta | None = None,
    ) -> None:
        """Puts text or a picture on the guest's clipboard, as a viewer does when somebody copies on this side.

        The guest fetches it when something is pasted there; until then it is only told that there is something. What was pasted
        is proved in the guest. Needs the agent (`SPICE Agent Should Be Connected`).

        - ``text``: the text, with the line ends that the guest's system has; or a secret (``${PASSWORD: secret}``).
        - ``image``: a PNG file of this machine, of less than 16 MiB; instead of ``text``.
        - ``selection``: ``clipboard`` is what Ctrl-V pastes, ``primary`` what the middle button does (X11 only).
        - ``vm``: the VM's name or UUID; by default the current VM.
        - ``timeout``: by default ``timeouts.command`` of the configuration (10 s).

        Example:
        | Connect To VM    win11
        | Connect To SPICE
        | Set Clipboard    Hello from ATP!
        | Set Clipboard    image=${CURDIR}/logo.png
        """
        seconds = self.seconds(timeout, "command")
        _one_of(text, image)
        png = _png(image) if image is not None else b""
        said, is_secret = plain(text) if text is not None else ("", False)

        async def put() -> None:
            from ATPLibrary.protocol.spice.agent.enums import ClipboardType
            from ATPLibrary.secrets import as_secret

            talk = await self.talk(vm, seconds)
            if text is not None:
                await talk.put_text(_selection(selection), as_secret(said) if is_secret else said, seconds)
            else:
                await talk.put(_selection(selection), {ClipboardType.IMAGE_PNG: png}, seconds)

        self.wait(put(), seconds, f"Setting the clipboard of {named(vm)}")

    @keyword(tags=["SPICE"])
    def clear_clipboard(
        self, selection: Which = "clipboard", vm: str | None = None, timeout: timedelta | None = None
    ) -> None:
        """Takes back what `Set Clipboard` has put on the guest's clipboard.

        - ``selection``: ``clipboard``, ``primary`` or ``secondary``.
        - ``vm``: the VM's name or UUID; by default the current VM.
        - ``timeout``: by default ``timeouts.command`` of the configuration (10 s).

        Example:
        | Connect To VM    win11
        | Connect To SPICE
        | Set Clipboard    Hello from ATP!
        | Clear Clipboard
        """
        seconds = self.seconds(timeout, "command")

        async def clear() -> None:
            await (await self.talk(vm, seconds)).take_back(_selection(selection), seconds)

        self.wait(clear(), seconds, f"Clearing the clipboard of {named(vm)}")

    @keyword(tags=["SPICE", "Getter", "Assertion"])
    def get_clipboard(
        self,
        operator: Operator | None = None,
        expected: str | None = None,
        *,
        kind: Literal["text", "image"] = "text",
        selection: Which = "clipboard",
        vm: str | None = None,
        timeout: timedelta | None = None,
    ) -> str:
        """Returns what was copied in the guest: a text, or the path of a PNG file beside the log.

        Waits until something of that kind was copied there. What this side has put there (`Set Clipboard`) isn't the guest's.

        - ``operator``, ``expected``: an assertion about the text.
        - ``kind``: ``text``, or ``image`` for a picture.
        - ``selection``: ``clipboard``, ``primary`` (what is marked with the mouse) or ``secondary``.
        - ``vm``: the VM's name or UUID; by default the current VM.
        - ``timeout``: by default ``timeouts.command`` of the configuration (10 s).

        Example:
        | Connect To VM    win11
        | Connect To SPICE
        | ${text} =    Get Clipboard    contains    Hello
        | ${file} =    Get Clipboard    kind=image
        """
        seconds = self.seconds(timeout, "command")

        async def get() -> str | bytes:
            talk = await self.talk(vm, seconds)
            return await (_text if kind == "text" else _picture)(talk, selection, seconds)

        content = self.wait(get(), 2 * seconds, f"Getting the clipboard of {named(vm)}")
        if isinstance(content, bytes):
            path, link = output.write_beside_log("clipboard", vm or "picture", ".png", content)
            logger.info(f'The picture on the clipboard: <a href="{link}"><img src="{link}" width="320"></a>', html=True)
            content = str(path)
        else:
            logger.info(f"{len(content)} characters are on the clipboard ({selection}) of {named(vm)}.")
        check(f"The clipboard ({selection}) of {named(vm)}", content, operator, expected)
        return content

    @keyword(tags=["SPICE", "Assertion"])
    def clipboard_should_be(
        self,
        text: str | Secret | None = None,
        image: Path | None = None,
        *,
        selection: Which = "clipboard",
        vm: str | None = None,
        timeout: timedelta | None = None,
    ) -> None:
        """Waits until what was copied in the guest is this text, or this picture pixel by pixel.

        - ``text``: the text, with ``\\\\n`` between its lines whatever the guest's system has. Of a secret
          (``${PASSWORD: secret}``) the error tells neither it nor what is there instead.
        - ``image``: a PNG file of this machine, instead of ``text``.
        - ``selection``: ``clipboard``, ``primary`` or ``secondary``.
        - ``vm``: the VM's name or UUID; by default the current VM.
        - ``timeout``: by default ``timeouts.command`` of the configuration (10 s).

        Example:
        | Connect To VM    win11
        | Connect To SPICE
        | Clipboard Should Be    Hello from ATP!
        """
        seconds = self.seconds(timeout, "command")
        _one_of(text, image)
        said, is_secret = plain(text) if text is not None else ("", False)
        wanted = said if text is not None else _pixels(_png(image)) if image is not None else ""

        async def until() -> None:
            talk = await self.awake_talk(vm, seconds)
            which, ends = _selection(selection), time.monotonic() + seconds
            while True:
                seen = talk.copies(which)
                content = await (_text if text is not None else _picture)(talk, selection, ends - time.monotonic())
                if (_pixels(content) if isinstance(content, bytes) else content) == wanted:
                    return
                try:
                    await talk.wait_for_copy(which, seen, max(0.0, ends - time.monotonic()))
                except TimeoutError as error:
                    what = shown(said) if text is not None else f"the picture {image}"
                    raise _another(talk.clipboard(which), what, content, seconds, is_secret=is_secret) from error

        self.wait(until(), 2 * seconds, f"Waiting for the clipboard of {named(vm)}")

    @keyword(tags=["SPICE", "File"])
    def send_file(
        self, path: Path, saved_in: str | None = None, vm: str | None = None, timeout: timedelta | None = None
    ) -> SentFile:
        """Sends a file to the guest through its SPICE agent, as when it is dropped on a viewer's window. Returns ``name``, ``size``
        (bytes), ``seconds`` and ``sha256``.

        The agent saves it where it was told to when it was started (by default the user's download directory), and adds a
        number to a name that is taken. Each tenth is told in the log. A guest without space, with a locked session or with
        transfers disabled is told as that; when the keyword is stopped, the guest removes what it has.

        - ``path``: a file of this machine.
        - ``saved_in``: the directory in the guest where it will be: then the SHA-256 of the file that is new there, told by QEMU's
          guest agent, must be the one here, and ``name`` is the one that it has there. Without it only the SPICE agent's word is
          taken.
        - ``vm``: the VM's name or UUID; by default the current VM.
        - ``timeout``: for all of it; by default ``timeouts.command`` of the configuration and 4 s a megabyte.

        Example:
        | Connect To VM    win11
        | Connect To SPICE
        | Send File    ${CURDIR}/setup.sh    saved_in=/root/Downloads
        """
        size = path.stat().st_size if path.is_file() else 0
        extra = size / 1e6 * _SECONDS_PER_MEGABYTE if timeout is None else 0.0
        seconds = self.seconds(timeout, "command") + extra

        async def send(say: Callable[[str], None]) -> SentFile:
            from ATPLibrary.orchestrator.spice_files import free_name, proved

            talk = await self.awake_talk(vm, seconds)
            told = progress_of(f"'{path.name}'", say)
            if saved_in is None:
                return await talk.send_file(path, seconds, told)
            qga = await (await self.machine(vm, seconds)).qga(seconds)
            name = await free_name(qga, saved_in, path.name, seconds)
            return await proved(qga, saved_in, name, await talk.send_file(path, seconds, told), seconds)

        sent = self.wait_telling(send, seconds, f"Sending '{path}' to {named(vm)}")
        proof = f"with the same SHA-256 there, {sent.sha256}" if saved_in is not None else "as its SPICE agent says"
        proof += f" (the name '{path.name}' was taken)" if sent.name != path.name else ""
        logger.info(f"'{sent.name}' ({sent.size} bytes) is in the guest after {sent.seconds:.1f} s, {proof}.")
        return sent


async def _text(talk: AgentTalk, selection: Which, timeout: float) -> str:
    return await talk.get_text(_selection(selection), timeout)


async def _picture(talk: AgentTalk, selection: Which, timeout: float) -> bytes:
    from ATPLibrary.protocol.spice.agent.enums import ClipboardType

    return await talk.get(_selection(selection), ClipboardType.IMAGE_PNG, timeout)


def _another(clipboard: str, what: str, content: str | bytes, seconds: float, *, is_secret: bool) -> VerificationError:
    """The clipboard has `content`, which isn't `what`. Of a secret neither is told: what is there may be nearly it."""
    if is_secret:
        what, got = "a text that is a secret", "another text, which isn't told either"
    else:
        got = shown(content) if isinstance(content, str) else "another picture"
    return VerificationError.about(clipboard, wanted=f"be {what}", waited=seconds, got=f"is {got}")


def _selection(name: Which) -> Selection:
    from ATPLibrary.protocol.spice.agent.enums import Selection

    return Selection[name.upper()]


def _one_of(text: str | Secret | None, image: Path | None) -> None:
    if (text is None) is (image is None):
        raise InputError.about(
            "A clipboard's content", wanted="be either a text or a picture",
            got="neither was given" if text is None else "both were given",
        )  # fmt: skip


def _png(file: Path) -> bytes:
    try:
        data = file.read_bytes()
    except OSError as error:
        raise InputError(f"File '{file}' of this machine can't be read: {error.strerror}.") from error
    if not data.startswith(b"\x89PNG\r\n\x1a\n"):
        raise InputError.about(f"File '{file}'", wanted="be a PNG picture", got="is not")
    return data


def _pixels(png: bytes) -> tuple[tuple[int, int], bytes]:
    """Size, and RGBA bytes. `InputError` for what is no picture."""
    import io

    from PIL import Image, UnidentifiedImageError

    try:
        with Image.open(io.BytesIO(png)) as picture:
            return picture.size, picture.convert("RGBA").tobytes()
    except (UnidentifiedImageError, OSError) as error:
        raise InputError.about(
            "The picture on a clipboard", wanted="be a PNG", got=f"can't be read: {error}"
        ) from error
