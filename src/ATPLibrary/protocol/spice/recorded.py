"""A recorded session, read again: what its server said on each channel, when, and how that ended."""

from __future__ import annotations

import base64
import binascii
import gzip
import json
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from ATPLibrary.errors import InputError
from ATPLibrary.protocol.spice.client import EndedBy
from ATPLibrary.protocol.spice.recording import SCHEMA, VERSION
from ATPLibrary.transport.spice import SpiceChannelType as Type


@dataclass(frozen=True, slots=True)
class Said:
    """A message of the server's: `time` in seconds since the recording began."""

    time: float
    number: int
    name: str
    body: bytes


@dataclass
class Opening:
    """A channel from its link to its end: `ended_by` what (None: it lived when the recording ended), with `reason`.

    `left_out` counts messages of the server whose content isn't recorded; `unread` is what had come of a message that wasn't
    whole, or can't be.
    """

    type: Type
    id: int
    time: float
    common_caps: int
    channel_caps: int
    said: list[Said] = field(default_factory=list)
    left_out: int = 0
    ended: float = 0.0
    ended_by: EndedBy | None = None
    reason: str = ""
    unread: bytes = b""

    @property
    def name(self) -> str:
        return f"{self.type.name.lower()}:{self.id}"


@dataclass
class Recording:
    """`openings` in their order; the first is the main channel's."""

    path: Path
    vm: str
    began: str
    openings: list[Opening]

    @property
    def messages(self) -> int:
        return sum(len(opening.said) for opening in self.openings)

    @property
    def seconds(self) -> float:
        """How long it took, from the main channel's link to the last thing that is recorded."""
        ends = [each.ended for each in self.openings] + [each.said[-1].time for each in self.openings if each.said]
        return max(0.0, max(ends) - self.openings[0].time)

    @classmethod
    def read(cls, path: Path) -> Recording:
        """`InputError` names the line that is none. Blocking; the whole recording is in memory then."""
        lines = _lines(path)
        _, head = next(lines, (0, {}))
        if head.get("schema") != SCHEMA or head.get("version") != VERSION:
            raise InputError.about(
                f"The file {path}", wanted=f"be a recording of a SPICE session ({SCHEMA}, version {VERSION})",
                got=f"begins with schema {head.get('schema')!r}, version {head.get('version')!r}",
                next_step="Make one with 'Start Session Recording'",
            )  # fmt: skip
        recording = cls(path, str(head.get("vm", "")), str(head.get("began", "")), [])
        current: dict[str, Opening] = {}
        for number, line in lines:
            try:
                recording._take(line, current)
            except (KeyError, TypeError, ValueError, binascii.Error) as error:
                raise _wrong(path, number, f"{type(error).__name__}: {error}") from error
        if not recording.openings or recording.openings[0].type is not Type.MAIN:
            raise InputError.about(
                f"The recording {path}", wanted="begin with its session's main channel", got="does not",
                next_step="Record the session from its beginning, as 'Start Session Recording' does",
            )  # fmt: skip
        return recording

    def _take(self, line: dict[str, Any], current: dict[str, Opening]) -> None:
        channel, time = str(line["channel"]), float(line["time"])
        match line.get("event"):
            case "linked":
                kind, _, id = channel.partition(":")
                made = Opening(
                    Type[kind.upper()], int(id), time, int(line["common_caps"]), int(line["channel_caps"])
                )  # fmt: skip
                self.openings.append(made)
                current[channel] = made
            case "ended":
                opening = current[channel]
                opening.ended, opening.ended_by = time, EndedBy(line["by"])
                opening.reason = str(line["reason"])
                opening.unread = base64.b64decode(line["unread"], validate=True)
            case None if line["from"] == "server":
                if "body" in line:
                    body = base64.b64decode(line["body"], validate=True)
                    current[channel].said.append(Said(time, int(line["number"]), str(line["name"]), body))
                else:
                    current[channel].left_out += 1


def described(path: Path) -> Iterator[str]:
    """The recording for a reader, a line each: time, channel, who said what, how long. `InputError` as `Recording.read` has it."""
    for number, line in _lines(path):
        try:
            yield _described(line)
        except (KeyError, TypeError, ValueError) as error:
            raise _wrong(path, number, f"{type(error).__name__}: {error}") from error


def _described(line: dict[str, Any]) -> str:
    if "schema" in line:
        return f"VM '{line['vm']}', recorded {line['began']}"
    where = f"{float(line['time']):10.6f}  {line['channel']:<12}"
    match line.get("event"):
        case "ended":
            return f"{where} ended: {line['reason']}"
        case str(event):
            return f"{where} {event}"
    harm = f", {line['harm']}" if "harm" in line else ""
    hidden = ", not recorded" if "body" not in line and harm != ", drop" else ""
    return f"{where} {'<-' if line['from'] == 'server' else '->'} {line['name']} ({line['size']} bytes{harm}{hidden})"


def _lines(path: Path) -> Iterator[tuple[int, dict[str, Any]]]:
    """Number and content of each; a last one that a kill has cut is left out."""
    try:
        with gzip.open(path) if path.suffix == ".gz" else path.open("rb") as file:
            for number, text in enumerate(file, 1):
                try:
                    line = json.loads(text)
                except ValueError as error:
                    if not text.endswith(b"\n"):
                        return
                    raise _wrong(path, number, str(error)) from error
                if not isinstance(line, dict):
                    raise _wrong(path, number, f"it is a {type(line).__name__}")
                yield number, line
    except EOFError:  # of gzip: cut as well
        return
    except OSError as error:
        raise InputError.about(
            f"The recording {path}", wanted="be readable", got=f"is not: {error.strerror or error}"
        ) from error


def _wrong(path: Path, number: int, reason: str) -> InputError:
    return InputError.about(
        f"Line {number} of the recording {path}", wanted="be one of a SPICE recording", got=f"is not: {reason}"
    )
