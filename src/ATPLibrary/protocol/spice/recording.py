"""A session written down: a line of JSON for each message, both ways, with its time. docs/spice-recordings.md has the format.

The link isn't recorded, so no ticket is. Of what this client sends only the display's and the pointer's messages are recorded in
full, and those that every channel has: keys, the clipboard, cards and USB devices spell passwords. So do what the server asks
of cards and USB devices, and what the guest's agent says. Known secrets are masked wherever they stand.
"""

from __future__ import annotations

import base64
import time
from collections.abc import Awaitable
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any, cast

from ATPLibrary import secrets
from ATPLibrary.errors import ATPError
from ATPLibrary.protocol.spice.line_file import LineFile
from ATPLibrary.protocol.spice.messages.main import AgentData
from ATPLibrary.protocol.spice.schema import Sender
from ATPLibrary.runtime import Workers
from ATPLibrary.transport.spice import SpiceChannelType as Type

if TYPE_CHECKING:
    from ATPLibrary.protocol.spice.client import EndedBy, SpeakingChannel
    from ATPLibrary.protocol.spice.frames import Frame
    from ATPLibrary.protocol.spice.seam import Record
    from ATPLibrary.protocol.spice.wire import Wire
    from ATPLibrary.transport.spice_connection import SpiceChannel, SpiceVmConnection

SCHEMA, VERSION = "atp.spice-recording", 1
# Numbers below are those that every channel has.
_OF_ALL_CHANNELS = 100
# They only wait, each for a file, which gives up earlier by itself.
_CLOSERS, _CLOSE_SECONDS = Workers("atp-recordings", 32), 30.0


@dataclass
class SessionRecorder:
    """Writes one session to `path` (gzip where it ends in ".gz"), from its first message on; called on the loop, written on a
    thread. A channel whose messages come faster than the disk takes them waits, so its server does.

    `keeps_agent_data`: the guest's agent too, in full: its clipboard is in there. `limit` in bytes of messages. `problem` says why
    nothing is written any more: a full disk must not break the session.
    """

    path: Path
    vm: str
    keeps_agent_data: bool = False
    limit: int = 1 << 30
    messages: int = 0
    problem: str = ""
    _taken: int = 0
    _began: float = 0.0
    _file: LineFile | None = field(default=None, repr=False)

    def open(self) -> None:
        """Make the file. `OSError` when that can't be done."""
        self._file = LineFile(self.path)
        self._began = time.time()
        began = time.strftime("%Y-%m-%dT%H:%M:%S%z", time.localtime(self._began))
        self._write({"schema": SCHEMA, "version": VERSION, "vm": secrets.redact(self.vm), "began": began})

    def follow(self, connection: SpiceVmConnection) -> None:
        """Record all channels of a session that has none yet."""
        connection.when_linked.append(self._linked)

    def close(self) -> None:
        """Once all is written. A second time does nothing."""
        file, self._file = self._file, None
        if file is not None:
            file.close()
            self._note(file)

    async def close_aside(self) -> None:
        """As `close`, on the loop, which goes on meanwhile: packing what waits takes a second, a stuck disk many."""
        file, self._file = self._file, None
        if file is not None:
            file.end()
            await _CLOSERS.call(
                file.wait_closed, timeout=_CLOSE_SECONDS, what=f"Closing the recording {self.path}"
            )  # fmt: skip
            self._note(file)

    def _linked(self, channel: SpiceChannel) -> None:
        speaker = cast("SpeakingChannel", channel.speaker)  # what links a channel has set it
        linked, wire = speaker.conversation.linked, speaker.conversation.wire
        self._write(
            {
                "time": self._now(), "channel": channel.name, "event": "linked",
                "common_caps": linked.common_caps, "channel_caps": linked.channel_caps,
            }
        )  # fmt: skip
        wire.seam.taps.append(lambda record, frame: self._passed(channel, record, frame))
        wire.seam.brakes.append(self._brake)
        speaker.when_ended.append(lambda error: self._ended(channel, error, speaker.ended_by, wire))

    def _passed(self, channel: SpiceChannel, record: Record, frame: Frame | None) -> None:
        line: dict[str, Any] = {
            "time": self._now(), "channel": channel.name, "from": record.sender.value,
            "name": record.name, "size": record.size,
        }  # fmt: skip
        if record.harm is not None:
            line["harm"] = record.harm.value
        body = None
        if frame is not None:
            line["number"] = frame.number
            if self._tells(channel.type, record.sender, frame.number):
                body = frame.body
        self.messages += 1
        self._taken += record.size
        if self._taken > self.limit:
            self.problem = self.problem or f"The recording {self.path} ends here: it has {self.limit} bytes of messages"
        self._write(line, body)

    def _brake(self) -> Awaitable[None] | None:
        return self._until_room(self._file) if self._file is not None and self._file.is_full else None

    async def _until_room(self, file: LineFile) -> None:
        await file.until_room()
        self._note(file)

    def _ended(self, channel: SpiceChannel, error: ATPError, by: EndedBy, wire: Wire) -> None:
        unread = wire.unread(lambda number: self._tells(channel.type, Sender.SERVER, number))
        told = {"reason": secrets.redact(str(error)), "unread": base64.b64encode(secrets.mask_bytes(unread)).decode()}
        self._write({"time": self._now(), "channel": channel.name, "event": "ended", "by": by.value, **told})

    def _tells(self, type: Type, sender: Sender, number: int) -> bool:
        if number < _OF_ALL_CHANNELS:
            return True
        if sender is Sender.CLIENT:
            return type in (Type.DISPLAY, Type.CURSOR)
        return type not in (Type.SMARTCARD, Type.USBREDIR) and (
            self.keeps_agent_data or (type, number) != (Type.MAIN, AgentData.kind.number)
        )

    def _now(self) -> float:
        return round(time.time() - self._began, 6)

    def _write(self, line: dict[str, Any], body: bytes | None = None) -> None:
        """`body` stands in the line as "body", with the secrets masked that are known now."""
        if self._file is None or self.problem:
            return
        self._file.write(line, body, secrets.masking() if body is not None else bytes)
        self._note(self._file)

    def _note(self, file: LineFile) -> None:
        if file.failure:
            self.problem = self.problem or f"The recording {self.path} ends early: {file.failure}"
