"""The journal of a long run: a line of JSON a stretch, written and flushed when the stretch is done.

The first line says what the run is; each later one has a stretch's tally, and how many taps that makes in all. A line that was cut
off by a kill is no line. Its size is bounded by the number of stretches.
"""

from __future__ import annotations

import json
import sys
import time
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from ..taps import PIECE, WORDS, Tally
from .memory import Sample

SCHEMA = "atp.bench.taps"
VERSION = 1


@dataclass
class Journal:
    """`keyboard` and `taps` are what the run is to be; a journal of another run is none of its."""

    path: Path
    keyboard: str
    taps: int
    done: Tally = field(default_factory=Tally)  # of the stretches written so far, by whichever process
    first_rate: float = 0.0  # characters a second in its first stretch
    ended: str = ""  # why the last process that wrote here stopped, if it could say so

    @property
    def header(self) -> dict[str, Any]:
        return {
            **{"schema": SCHEMA, "version": VERSION, "keyboard": self.keyboard, "taps": self.taps},
            **{"words": WORDS, "piece": PIECE},
        }

    @property
    def is_finished(self) -> bool:
        return self.done.taps >= self.taps

    def open(self, *, anew: bool) -> None:
        """Read what an earlier process has done of this run; without that, with `anew`, and after a finished one, begin anew."""
        if not anew:
            self._read()
        if anew or self.is_finished or not self.done.taps:
            self.done, self.first_rate, self.ended = Tally(), 0.0, ""
            self.path.parent.mkdir(parents=True, exist_ok=True)
            self.path.write_text(json.dumps(self.header) + "\n", encoding="utf-8")
        else:
            # What a kill has left of a line is cut off, or the next line would be part of it.
            text = self.path.read_text(encoding="utf-8")
            self.path.write_text(text[: text.rfind("\n") + 1], encoding="utf-8")

    def write(self, stretch: Tally, sample: Sample | None, ended: str = "") -> None:
        self.done.merge(stretch)
        self.first_rate = self.first_rate or stretch.rate
        line: dict[str, Any] = {"at": round(time.time(), 3), "done": self.done.taps, "stretch": stretch.as_json()}
        if sample is not None:
            line["memory_kib"] = sample.as_json()
        if ended:
            line["ended"] = self.ended = ended
        with self.path.open("a", encoding="utf-8") as file:
            file.write(json.dumps(line, ensure_ascii=False) + "\n")

    def _read(self) -> None:
        try:
            header, *lines = self.path.read_text(encoding="utf-8").split("\n")[:-1]
        except (OSError, ValueError):
            return
        try:
            if json.loads(header) != self.header:
                return
            for text in lines:
                line = json.loads(text)
                stretch = Tally.from_json(line["stretch"])
                self.done.merge(stretch)
                self.first_rate = self.first_rate or stretch.rate
                self.ended = line.get("ended", "")
        except (ValueError, KeyError, TypeError, AttributeError) as error:
            sys.exit(f"{self.path} can't be read as a journal ({error!r}): --anew begins a new one in its place")
