"""A smartcard that is made here: the reader and card that a VM's CCID device shows to its guest. No I/O.

Source: libcacard's `vscard_common.h` (VSC messages), ISO 7816-3 (ATR) and 7816-4 (commands).
"""

from __future__ import annotations

import enum
from collections.abc import Callable
from dataclasses import dataclass, field

from ATPLibrary.errors import InputError

# A card of protocol T=1, whose historical bytes say ATP.
DEFAULT_ATR = bytes.fromhex("3b 83 81 01 41 54 50 46")
LONGEST_ATR = 33
_LONGEST_APDU = 65544
_KEPT = 1000


class VscMessage(enum.IntEnum):
    INIT = 1
    ERROR = 2
    READER_ADD = 3
    READER_REMOVE = 4
    ATR = 5
    CARD_REMOVE = 6
    APDU = 7
    FLUSH = 8
    FLUSH_COMPLETE = 9


class VscCode(enum.IntEnum):
    SUCCESS = 0
    GENERAL_ERROR = 1
    CANNOT_ADD_MORE_READERS = 2
    CARD_ALREADY_INSERTED = 3


class CardState(enum.Enum):
    """OUT -insert-> READER_ASKED_FOR -its success-> CARD_SHOWN -its success-> IN -remove-> OUT; both waits -an error-> REFUSED."""

    OUT = "out"
    READER_ASKED_FOR = "reader asked for"
    CARD_SHOWN = "card shown"
    IN = "in"
    REFUSED = "refused"


OK, UNKNOWN_INSTRUCTION, NOT_FOUND = b"\x90\x00", b"\x6d\x00", b"\x6a\x82"


@dataclass
class ScriptedCard:
    """Answers by `answers`: the beginning of a command (bytes) to its whole answer, status words included; the longest that fits.

    SELECT (00 A4) of anything and GET CHALLENGE-like commands are a matter of those answers; what none fits is refused with 6D 00.
    `commands` are what the guest asked, with what it was answered: the last 1000.
    """

    atr: bytes = DEFAULT_ATR
    answers: dict[bytes, bytes] = field(default_factory=dict)
    commands: list[tuple[bytes, bytes]] = field(default_factory=list)

    def __post_init__(self) -> None:
        if not 2 <= len(self.atr) <= LONGEST_ATR or self.atr[0] not in (0x3B, 0x3F):
            raise InputError.about(
                "A smartcard's ATR",
                wanted=f"have 2 to {LONGEST_ATR} bytes and begin with 3B or 3F",
                got=f"is {self.atr.hex(' ')}",
            )

    def command(self, apdu: bytes) -> bytes:
        fitting = [begin for begin in self.answers if apdu.startswith(begin)]
        answer = self.answers[max(fitting, key=len)] if fitting else UNKNOWN_INSTRUCTION
        self.commands.append((apdu, answer))
        del self.commands[:-_KEPT]
        return answer


class CardReader:
    """The client's half of the smartcard channel. `say(type, reader, data)` sends; `take` is given what came."""

    def __init__(self, say: Callable[[VscMessage, int, bytes], None]) -> None:
        self.state = CardState.OUT
        self.card: ScriptedCard | None = None
        self.refusal = 0
        self._say = say
        self._reader = 0
        self._has_reader = False

    def insert(self, card: ScriptedCard) -> None:
        """Put a card in; the reader is plugged in before, the first time."""
        if self.card is not None:
            raise InputError.about(
                "The smartcard reader", wanted="be empty", got="has a card", next_step="Remove it first"
            )
        self.card = card
        if self._has_reader:
            self._show()
        else:
            self._move(CardState.READER_ASKED_FOR)
            self._say(VscMessage.READER_ADD, _NO_READER, b"ATP reader")

    def remove(self) -> None:
        """Take the card out; nothing where there is none."""
        if self.card is not None and self.state is CardState.IN:
            self._say(VscMessage.CARD_REMOVE, self._reader, b"")
        self.card = None
        self._move(CardState.OUT)

    def take(self, type: int, reader: int, data: bytes) -> None:
        match type:
            case VscMessage.ERROR:
                # From the device in network order, from the server itself in its own; 0, success, is the same in both.
                self._answered(reader, int.from_bytes(data[:4], "big"))
            case VscMessage.APDU if self.card is not None:
                self._say(VscMessage.APDU, reader, self.card.command(data[:_LONGEST_APDU]))
            case VscMessage.FLUSH:
                self._say(VscMessage.FLUSH_COMPLETE, reader, b"")

    def _answered(self, reader: int, code: int) -> None:
        if self.state not in (CardState.READER_ASKED_FOR, CardState.CARD_SHOWN):
            return
        if code != VscCode.SUCCESS:
            self.refusal = code if code < 1 << 16 else int.from_bytes(code.to_bytes(4, "big"), "little")
            self.card = None
            self._move(CardState.REFUSED)
        elif self.state is CardState.READER_ASKED_FOR:
            self._reader, self._has_reader = reader, True
            self._show()
        else:
            self._move(CardState.IN)

    def _show(self) -> None:
        assert self.card is not None
        self._move(CardState.CARD_SHOWN)
        self._say(VscMessage.ATR, self._reader, self.card.atr)

    def _move(self, state: CardState) -> None:
        self.state = state


_NO_READER = 0xFFFFFFFF
