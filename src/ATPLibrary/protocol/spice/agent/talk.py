"""What is asked of the SPICE agent, with a deadline: monitors, clipboards, files."""

from __future__ import annotations

import contextlib
import hashlib
import os
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from ATPLibrary.errors import ATPError, DeadlineError, InputError
from ATPLibrary.protocol.local_files import WORKERS, open_local
from ATPLibrary.protocol.screen.monitors import MonitorPlace, placed
from ATPLibrary.protocol.spice.agent import messages
from ATPLibrary.protocol.spice.agent.agent import Agent, AgentState
from ATPLibrary.protocol.spice.agent.enums import AgentCap, ClipboardType, MonitorsFlag, Selection, TransferStatus
from ATPLibrary.protocol.spice.agent.transfers import PIECE, Transfer
from ATPLibrary.protocol.spice.channels import MainConversation
from ATPLibrary.protocol.spice.client import SpeakingChannel
from ATPLibrary.protocol.spice.errors import SpiceAgentError
from ATPLibrary.runtime import deadline
from ATPLibrary.secrets import Secret

_DEPTH = 32
# How long a transfer that nobody waits for any more may take to say so to the guest.
_CANCEL_SECONDS = 1.0


@dataclass(frozen=True, slots=True)
class SentFile:
    """A file that the guest says it has whole. `sha256` is in hexadecimal, of what was read here."""

    name: str
    size: int
    seconds: float
    sha256: str


class AgentTalk:
    """The agent behind a linked main channel. `timeout` is in seconds; where the channel ends meanwhile, its error is raised."""

    def __init__(self, channel: SpeakingChannel) -> None:
        assert isinstance(channel.conversation, MainConversation)
        self.agent: Agent = channel.conversation.agent
        self._channel = channel
        self._subject = f"The SPICE agent of VM '{channel.channel.connection.vm}'"

    async def ready(self, timeout: float) -> None:
        """Until it has said what it can. `SpiceAgentError` where there is none within that time."""
        try:
            await self._channel.wait_until(
                lambda: self.agent.state in (AgentState.READY, AgentState.FAILED),
                timeout,
                "bring the agent's capabilities",
            )
        except DeadlineError as error:
            raise self.agent.missing(timeout) from error
        self.agent.require_ready()

    async def set_monitors(self, monitors: Sequence[MonitorPlace], timeout: float) -> None:
        """Ask for these monitors. That it was asked proves nothing: look at the display's surface."""
        self.agent.require(AgentCap.MONITORS_CONFIG, "set monitors")
        self.agent.replies.pop(messages.MonitorsConfig.kind.number, None)
        flags = MonitorsFlag.USE_POSITION if self.agent.has(AgentCap.MONITORS_CONFIG_POSITION) else 0
        asked = tuple(
            messages.Monitor(each.height, each.width, _DEPTH, each.x or 0, each.y or 0) for each in placed(monitors)
        )
        self.agent.post(messages.MonitorsConfig(len(asked), flags, asked, None))
        await self._until_sent("MONITORS_CONFIG", timeout)

    def reply_about_monitors(self) -> str:
        """What the agent has answered, in words."""
        reply = self.agent.replies.get(messages.MonitorsConfig.kind.number)
        if reply is None:
            return "the agent has not replied"
        return "the agent replied success" if reply.error == 1 else f"the agent replied error {reply.error}"

    async def put(
        self,
        selection: Selection,
        contents: Mapping[ClipboardType, bytes],
        timeout: float,
        secret: Secret | None = None,
    ) -> None:
        """Put contents on the guest's clipboard. It fetches them when something is pasted there, also later; a `secret` in them
        stays known so long.
        """
        self.agent.clipboards.offer(selection, contents, secret)
        await self._until_sent("CLIPBOARD_GRAB", timeout)

    async def take_back(self, selection: Selection, timeout: float) -> None:
        """What this client has put on the guest's clipboard is gone from it."""
        self.agent.clipboards.release(selection)
        await self._until_sent("CLIPBOARD_RELEASE", timeout)

    async def put_text(self, selection: Selection, said: str | Secret, timeout: float) -> None:
        """As `put`, with the line ends that the guest's system has."""
        secret = said if isinstance(said, Secret) else None
        text = said.reveal() if isinstance(said, Secret) else said
        if self.agent.has(AgentCap.GUEST_LINEEND_CRLF):
            text = text.replace("\r\n", "\n").replace("\n", "\r\n")
        await self.put(selection, {ClipboardType.UTF8_TEXT: text.encode()}, timeout, secret)

    async def get(self, selection: Selection, type: ClipboardType, timeout: float) -> bytes:
        """What the guest has on its clipboard, once it has something of that type. `SpiceAgentError` says what it has instead."""
        self.agent.require(AgentCap.CLIPBOARD_BY_DEMAND, "share a clipboard")
        subject = self.clipboard(selection)

        def types() -> tuple[int, ...] | None:
            return self.agent.clipboards.guest.get(selection)

        try:
            await self._until(lambda: type in (types() or ()), timeout, f"bring {type.name}")
        except DeadlineError as error:
            there, known = types(), {int(each): each.name for each in ClipboardType}
            got = "nothing was copied in the guest" if there is None else "has only "
            got += ", ".join(known.get(each, f"type {each}") for each in there or ())
            raise SpiceAgentError.about(subject, wanted=f"have {type.name}", waited=timeout, got=got) from error
        answer = self.agent.clipboards.ask(selection, type)
        try:
            await self._until(
                lambda: answer.data is not None, timeout, f"bring the guest's clipboard ({selection.name.lower()})"
            )
        finally:
            self.agent.clipboards.forget(answer)
        if answer.type != type or answer.data is None:
            raise SpiceAgentError.about(
                subject, wanted=f"give {type.name}", got="the guest answered that it has none (any more)"
            )
        return answer.data

    async def get_text(self, selection: Selection, timeout: float) -> str:
        """The text that the guest has on its clipboard, its lines ended by "\\n"."""
        data = await self.get(selection, ClipboardType.UTF8_TEXT, timeout)
        try:
            text = data.decode()
        except UnicodeDecodeError as error:
            raise SpiceAgentError.about(
                self.clipboard(selection), wanted="have UTF-8 text", got=f"has not: {error}"
            ) from error
        return text.replace("\r\n", "\n") if self.agent.has(AgentCap.GUEST_LINEEND_CRLF) else text

    async def wait_for_copy(self, selection: Selection, seen: int, timeout: float) -> None:
        """Until the guest has put something new on its clipboard since it had done so `seen` times (`copies`)."""
        await self._until(lambda: self.copies(selection) != seen, timeout, "bring something else")

    def copies(self, selection: Selection) -> int:
        """How often the guest has put something on that clipboard."""
        return self.agent.clipboards.copies[selection]

    def clipboard(self, selection: Selection) -> str:
        """What starts a sentence about it."""
        return f"The guest's clipboard ({selection.name.lower()}) of VM '{self._channel.channel.connection.vm}'"

    async def send_file(
        self, path: Path, timeout: float, progress: Callable[[int, int], None] = lambda sent, size: None
    ) -> SentFile:
        """Send a file of this machine to the guest; its agent saves it where it was told to when it was started.

        `progress` is called with the bytes sent and the file's size. When it is cancelled or fails, the guest is told to remove
        what it has. `SpiceAgentError` says why the guest did not take it, `InputError` why it can't be read here.
        """
        self.agent.require_ready()
        stream = await open_local(path, "rb", timeout)
        size = os.fstat(stream.fileno()).st_size
        started, sha256 = time.monotonic(), hashlib.sha256()
        transfer = self.agent.transfers.begin(path.name, size)

        def last_seen() -> str:
            return f"{transfer.sent} of {size} bytes were sent, {self.agent.unsent} of them wait for the agent's tokens"

        try:
            async with deadline(
                timeout, f"Sending '{path}' to {self._subject[4:]}", got="was not", last_seen=last_seen
            ):
                await self._until(lambda: transfer.status is not None or transfer.is_gone, timeout, "answer")
                while not transfer.is_over and (transfer.sent < size or not size):
                    piece = await WORKERS.call(stream.read, PIECE, timeout=timeout, what=f"File '{path}'")
                    if not piece and size:
                        raise InputError(
                            f"File '{path}' became shorter while it was sent: {transfer.sent} of {size} bytes."
                        )
                    piece = piece[: size - transfer.sent]
                    sha256.update(piece)
                    self.agent.transfers.send(transfer, piece)
                    await self._until(lambda: self.agent.unsent < PIECE or transfer.is_over, timeout, "take the file")
                    progress(transfer.sent, size)
                    if not size:
                        break
                await self._until(lambda: transfer.is_over, timeout, "say that it has the file")
        finally:
            stream.close()
            await self._cancel(transfer)
        if transfer.status != TransferStatus.SUCCESS:
            raise transfer.error(self._subject)
        return SentFile(path.name, size, time.monotonic() - started, sha256.hexdigest())

    async def withhold_tokens(self, withheld: bool, timeout: float) -> int:
        """Give the agent no new tokens, or again and those owed, whose number is returned."""
        owed = self.agent.withhold_tokens(withheld)
        await self._channel.pass_on("AGENT_TOKEN", timeout)
        return owed

    async def _cancel(self, transfer: Transfer) -> None:
        if not transfer.is_over:
            with contextlib.suppress(ATPError):  # told is why it is cancelled, not this
                self.agent.transfers.cancel(transfer)
                await self._channel.pass_on("FILE_XFER_STATUS", _CANCEL_SECONDS)

    async def _until_sent(self, what: str, timeout: float) -> None:
        await self._until(lambda: self.agent.unsent == 0, timeout, f"give tokens for {what}")

    async def _until(self, holds: Callable[[], bool], timeout: float, wanted: str) -> None:
        """Until `holds()`, while there is the agent. What the conversation has to say is sent first."""
        session = self.agent.session

        def is_gone() -> bool:
            return self.agent.session != session or self.agent.state is not AgentState.READY

        await self._channel.pass_on(wanted, timeout)
        await self._channel.wait_until(lambda: holds() or is_gone(), timeout, wanted)
        if not holds():
            raise self.agent.missing() if self.agent.state is not AgentState.READY else self._replaced()

    def _replaced(self) -> SpiceAgentError:
        return SpiceAgentError.about(
            self._subject, wanted="stay", got="went, and another one came", next_step="Try again"
        )
