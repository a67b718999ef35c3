"""Files on their way to the guest. No I/O: who reads the file feeds `send`.

START -CAN_SEND_DATA-> the data, then SUCCESS; any other status ends it.
"""

from __future__ import annotations

import struct
from dataclasses import dataclass
from typing import TYPE_CHECKING

from ATPLibrary.protocol.spice.agent import messages
from ATPLibrary.protocol.spice.agent.enums import AgentCap, TransferStatus
from ATPLibrary.protocol.spice.errors import SpiceAgentError

if TYPE_CHECKING:
    from ATPLibrary.protocol.spice.agent.agent import Agent

# Bytes of a file in one message.
PIECE = 64 << 10
_FREE = struct.Struct("<Q")
_GLIB_IO = struct.Struct("<BI")
# What a status means, and what to do.
_SENTENCES: dict[int, tuple[str, str]] = {
    TransferStatus.CANCELLED: ("the guest cancelled it", "Send it again"),
    TransferStatus.ERROR: ("the guest could not write it", "Look at spice-vdagent's log in the guest, and at its disk"),
    TransferStatus.NOT_ENOUGH_SPACE: ("the guest has not enough space", "Make space in the directory that the agent saves to"),
    TransferStatus.SESSION_LOCKED: ("the guest's session is locked", "Unlock it first"),
    TransferStatus.VDAGENT_NOT_CONNECTED: (
        "no agent runs in the guest's session",
        "Start spice-vdagent in the guest's session; the daemon spice-vdagentd alone takes no files",
    ),
    TransferStatus.DISABLED: (
        "file transfer is disabled in the guest",
        "Start spice-vdagent with a directory to save to (--file-xfer-save-dir), or a user with a download directory",
    ),
}  # fmt: skip


@dataclass
class Transfer:
    """`status` is the guest's last word, None before any; `sent` counts the bytes that were given to the channel."""

    id: int
    name: str
    size: int
    sent: int = 0
    status: int | None = None
    detail: str = ""
    is_gone: bool = False  # the agent has gone meanwhile

    @property
    def is_over(self) -> bool:
        return self.is_gone or self.status not in (None, TransferStatus.CAN_SEND_DATA)

    def error(self, subject: str) -> SpiceAgentError:
        """Why it did not succeed."""
        got, next_step = "the agent has gone", "See whether the guest still runs"
        if not self.is_gone:
            got, next_step = _SENTENCES.get(self.status or 0, (f"the guest answered status {self.status}", ""))
        where = f", after {self.sent} of {self.size} bytes were sent" if self.sent else ""
        return SpiceAgentError.about(
            f"File '{self.name}', sent by {subject[0].lower()}{subject[1:]},", wanted="arrive",
            got=f"{got}{self.detail}{where}", next_step=next_step,
        )  # fmt: skip


class Transfers:
    """Those that are not over, by id."""

    def __init__(self, agent: Agent) -> None:
        self.open: dict[int, Transfer] = {}
        self._agent = agent
        self._last = 0

    def reset(self) -> None:
        for each in self.open.values():
            each.is_gone = True
        self.open = {}

    def begin(self, name: str, size: int) -> Transfer:
        """Ask whether a file of that name and so many bytes may be sent."""
        self._agent.require_ready()
        self._last += 1
        transfer = Transfer(self._last, name, size)
        if self._agent.has(AgentCap.FILE_XFER_DISABLED):
            transfer.status = TransferStatus.DISABLED
            return transfer
        self.open[transfer.id] = transfer
        keyfile = f"[vdagent-file-xfer]\nname={_escaped(name)}\nsize={size}\n"
        self._agent.post(messages.FileXferStart(transfer.id, keyfile.encode() + b"\0"))
        return transfer

    def send(self, transfer: Transfer, data: bytes) -> None:
        """The next piece of the file; one without bytes for a file without any."""
        transfer.sent += len(data)
        self._agent.post(messages.FileXferData(transfer.id, len(data), data))

    def cancel(self, transfer: Transfer) -> None:
        """Nobody waits for it any more: the guest removes what it has of it."""
        if self.open.pop(transfer.id, None) is not None:
            transfer.status = TransferStatus.CANCELLED
            self._agent.post(messages.FileXferStatus(transfer.id, TransferStatus.CANCELLED, b""))

    def take(self, message: messages.FileXferStatus) -> None:
        transfer = self.open.get(message.id)
        if transfer is None:
            self._agent.ignore(message.kind.name)
            return
        transfer.status = message.result
        data = bytes(message.data)
        if message.result == TransferStatus.NOT_ENOUGH_SPACE and len(data) >= _FREE.size:
            transfer.detail = f": {_FREE.unpack_from(data)[0]} bytes are free, {transfer.size} are needed"
        elif message.result == TransferStatus.ERROR and len(data) >= _GLIB_IO.size:
            transfer.detail = " (error {1} of kind {0})".format(*_GLIB_IO.unpack_from(data))
        if transfer.is_over:
            del self.open[transfer.id]
        self._agent.tell("file", {"id": transfer.id, "name": transfer.name, "status": _status(message.result)})


def _status(result: int) -> str:
    return next((each.name for each in TransferStatus if each == result), f"status {result}")


def _escaped(name: str) -> str:
    """A GKeyFile's value: backslashes and white space that would be lost are written as escapes."""
    for plain, escaped in (("\\", "\\\\"), ("\n", "\\n"), ("\r", "\\r"), ("\t", "\\t")):
        name = name.replace(plain, escaped)
    return "\\s" + name[1:] if name.startswith(" ") else name
