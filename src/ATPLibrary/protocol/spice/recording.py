"""A session written down: a line of JSON for each message, both ways, with its time. docs/spice-recordings.md has the format.

The link isn't recorded, so no ticket is. Of what this client sends only the display's and the pointer's messages are recorded in
full, and those that every channel has: keys, the clipboard, cards and USB devices spell passwords. So do what the server asks
of cards and USB devices, and what the guest's agent says. Known secrets are masked wherever they stand.
"""

from __future__ import annotations

import base64
import gzip
import json
import time
from dataclasses import dataclass, field
from pathlib import Path
from typing import IO, TYPE_CHECKING, Any, cast

from ATPLibrary import secrets
from ATPLibrary.errors import ATPError
from ATPLibrary.protocol.spice.messages.main import AgentData
from ATPLibrary.protocol.spice.schema import Sender
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
_BUFFER = 1 << 20


@dataclass
class SessionRecorder:
    """Writes one session to `path` (gzip where it ends in ".gz"), from its first message on; runs on the loop.

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
    _file: IO[bytes] | gzip.GzipFile | None = field(default=None, repr=False)
    _under: IO[bytes] | None = field(default=None, repr=False)

    def open(self) -> None:
        """Make the file. `OSError` when that can't be done."""
        file: IO[bytes] = self.path.open("wb", buffering=_BUFFER)
        self._file = gzip.GzipFile(fileobj=file, mode="wb", compresslevel=1) if self.path.suffix == ".gz" else file
        self._under = file
        self._began = time.time()
        began = time.strftime("%Y-%m-%dT%H:%M:%S%z", time.localtime(self._began))
        self._write({"schema": SCHEMA, "version": VERSION, "vm": secrets.redact(self.vm), "began": began})

    def follow(self, connection: SpiceVmConnection) -> None:
        """Record all channels of a session that has none yet."""
        connection.when_linked.append(self._linked)

    def close(self) -> None:
        """A second time does nothing."""
        file, self._file = self._file, None
        if file is not None:
            try:
                file.close()
                if self._under is not None:  # gzip leaves it open
                    self._under.close()
            except OSError as error:
                self.problem = self.problem or f"The recording {self.path} ends early: {error}"

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
        speaker.when_ended.append(lambda error: self._ended(channel, error, speaker.ended_by, wire))

    def _passed(self, channel: SpiceChannel, record: Record, frame: Frame | None) -> None:
        line: dict[str, Any] = {
            "time": self._now(), "channel": channel.name, "from": record.sender.value,
            "name": record.name, "size": record.size,
        }  # fmt: skip
        if record.harm is not None:
            line["harm"] = record.harm.value
        if frame is not None:
            line["number"] = frame.number
            if self._tells(channel.type, record.sender, frame.number):
                line["body"] = base64.b64encode(secrets.mask_bytes(frame.body)).decode()
        self.messages += 1
        self._taken += record.size
        if self._taken > self.limit:
            self.problem = self.problem or f"The recording {self.path} ends here: it has {self.limit} bytes of messages"
        self._write(line)

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

    def _write(self, line: dict[str, Any]) -> None:
        if self._file is None or self.problem:
            return
        try:
            self._file.write(json.dumps(line, ensure_ascii=False).encode("utf-8", "backslashreplace") + b"\n")
        except OSError as error:
            self.problem = f"The recording {self.path} ends here: {error}"
