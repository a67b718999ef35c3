"""The clipboards that the guest and this client share: who has something on them, and what. No I/O.

A side says with a grab which types it has; the other asks for one of them when it wants it. With serials both sides see in the same
order who grabbed last: of two grabs at the same time the client's counts. What nobody asked for is not kept.
"""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from typing import TYPE_CHECKING

from ATPLibrary.errors import InputError
from ATPLibrary.protocol.spice.agent import messages
from ATPLibrary.protocol.spice.agent.enums import AgentCap, ClipboardType, Selection
from ATPLibrary.protocol.spice.errors import SpiceAgentError
from ATPLibrary.protocol.spice.messages.kinds import DATA

if TYPE_CHECKING:
    from collections.abc import Mapping

    from ATPLibrary.protocol.spice.agent.agent import Agent
    from ATPLibrary.secrets import Secret

# Bytes of one content, either way: the message that carries it has a limit, and a few fields.
CONTENT_LIMIT = DATA - 64
# Types of one content that are known of; there are some five.
_MOST_TYPES = 64
_RESERVED = bytes(3)
_SERIALS = 1 << 32

ClipboardMessage = messages.Clipboard | messages.ClipboardGrab | messages.ClipboardRequest | messages.ClipboardRelease


@dataclass
class Answer:
    """What the guest was asked for. `data` is None until it has answered; `type` is NONE when it has nothing of the kind."""

    selection: int
    type: int
    data: bytes | None = None


class Clipboards:
    """`guest` are the types that the guest has, by selection; `ours` the contents that this client has, by selection and type."""

    def __init__(self, agent: Agent) -> None:
        self.guest: dict[int, tuple[int, ...]] = {}
        self.ours: dict[int, dict[int, bytes]] = {}
        self.copies: Counter[int] = Counter()  # how often the guest has put something on one, by selection
        self.served = 0  # how often the guest has got a content of ours
        self._agent = agent
        self._asked: list[Answer] = []
        self._serials: dict[int, int] = {}
        self._secrets: dict[int, Secret | None] = {}  # kept, so that they are known while the guest may fetch them

    def reset(self) -> None:
        self.guest, self.ours, self._asked, self._serials, self._secrets = {}, {}, [], {}, {}

    def offer(
        self, selection: Selection, contents: Mapping[ClipboardType, bytes], secret: Secret | None = None
    ) -> None:
        """Tell the guest that this client has that, and in it maybe a secret; it fetches a type when something is pasted there."""
        self._require(selection)
        longest = max((len(data) for data in contents.values()), default=0)
        if longest > CONTENT_LIMIT:
            raise InputError.about(
                "What is put on a clipboard", wanted=f"have at most {CONTENT_LIMIT} bytes", got=f"has {longest}"
            )
        self.ours[selection] = {int(type): data for type, data in contents.items()}
        self._secrets[selection] = secret
        self.guest.pop(selection, None)
        serial = self._serials.get(selection, 0)
        self._serials[selection] = (serial + 1) % _SERIALS
        caps = self._agent.common_caps
        has_serial = caps & AgentCap.CLIPBOARD_GRAB_SERIAL.bit
        self._agent.post(
            messages.ClipboardGrab(
                caps, *self._which(selection), serial if has_serial else None, messages.packed(tuple(contents))
            )
        )

    def release(self, selection: Selection) -> None:
        """Take back what this client has offered."""
        self._require(selection)
        self.ours.pop(selection, None)
        number, reserved = self._which(selection)
        self._agent.post(messages.ClipboardRelease(self._agent.common_caps, number, reserved or b""))

    def ask(self, selection: Selection, type: ClipboardType) -> Answer:
        """Ask for what the guest has. Who asks gives it up with `forget` when it has waited long enough."""
        self._require(selection)
        answer = Answer(selection, type)
        self._asked.append(answer)
        self._agent.post(messages.ClipboardRequest(self._agent.common_caps, *self._which(selection), type))
        return answer

    def forget(self, answer: Answer) -> None:
        """Its asker waits no longer."""
        self._asked = [each for each in self._asked if each is not answer]

    def take(self, message: ClipboardMessage, subject: str) -> None:
        selection = message.selection or 0
        match message:
            case messages.ClipboardGrab():
                self._grabbed(message, selection, messages.words(message, "types", subject))
            case messages.ClipboardRequest():
                self._asked_for(message, selection)
            case messages.ClipboardRelease():
                if self.guest.pop(selection, None) is not None:
                    self._agent.tell("clipboard", {"selection": _name(selection), "types": []})
            case messages.Clipboard(_, _, _, type, data):
                fitting = [each for each in self._asked if each.selection == selection and type in (each.type, 0)]
                if not fitting:
                    self._agent.ignore(message.kind.name)
                for each in fitting:
                    each.type, each.data = type, bytes(data)
                    self._asked.remove(each)

    def _grabbed(self, message: messages.ClipboardGrab, selection: int, types: tuple[int, ...]) -> None:
        if message.serial is not None:
            ours = self._serials.get(selection, 0)
            if message.serial != ours:  # ours came first, or it is from before this session
                self._agent.ignore(message.kind.name)
                return
            self._serials[selection] = (ours + 1) % _SERIALS
        self.ours.pop(selection, None)
        types = types[:_MOST_TYPES]
        self.guest[selection] = types
        self.copies[selection] += 1
        names = {int(each): each.name for each in ClipboardType}
        told = [names.get(each, f"type {each}") for each in types]
        self._agent.tell("clipboard", {"selection": _name(selection), "types": told})

    def _asked_for(self, message: messages.ClipboardRequest, selection: int) -> None:
        data = self.ours.get(selection, {}).get(message.type)
        if data is not None and self._agent.unsent > CONTENT_LIMIT:
            self._agent.ignore(message.kind.name)  # a guest that asks faster than it takes
            return
        self.served += data is not None
        type = ClipboardType.NONE if data is None else message.type
        which = self._which(selection)
        self._agent.post(messages.Clipboard(self._agent.common_caps, *which, type, data or b""))

    def _which(self, selection: int) -> tuple[int | None, bytes | None]:
        """The fields that say which selection is meant, where both sides know of several."""
        has_selections = self._agent.common_caps & AgentCap.CLIPBOARD_SELECTION.bit
        return (selection, _RESERVED) if has_selections else (None, None)

    def _require(self, selection: Selection) -> None:
        self._agent.require(AgentCap.CLIPBOARD_BY_DEMAND, "share a clipboard")
        if selection is not Selection.CLIPBOARD and not self._agent.has(AgentCap.CLIPBOARD_SELECTION):
            raise SpiceAgentError.about(
                self._agent.subject, wanted=f"have the selection {selection.name}",
                got="knows one clipboard only (no CLIPBOARD_SELECTION)",
            )  # fmt: skip


def _name(selection: int) -> str:
    return next((each.name.lower() for each in Selection if each == selection), f"selection {selection}")
