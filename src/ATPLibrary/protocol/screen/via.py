"""Through what a screen is looked at, as testers write it."""

from __future__ import annotations

import re
from dataclasses import dataclass

from ATPLibrary.errors import InputError

_TEXT = re.compile(r"(qmp|spice)(?::(\d{1,3}))?", re.IGNORECASE)


@dataclass(frozen=True, slots=True)
class Via:
    """QMP, or what the SPICE client has drawn on the channel of that number."""

    display: int | None = None

    @classmethod
    def parse(cls, text: str) -> Via:
        """``qmp`` asks QEMU; ``spice`` takes what the SPICE client draws, ``spice:1`` on its second display."""
        match = _TEXT.fullmatch(text.strip())
        if match is None or (match[1].lower() == "qmp" and match[2]):
            raise InputError.about(
                "Through what a screen is looked at", wanted="be qmp, spice or the number of a display such as spice:1",
                got=f"is '{text}'",
            )  # fmt: skip
        return cls() if match[1].lower() == "qmp" else cls(int(match[2] or 0))

    @property
    def is_spice(self) -> bool:
        return self.display is not None

    def __str__(self) -> str:
        return "qmp" if self.display is None else f"spice:{self.display}"


QMP = Via()
