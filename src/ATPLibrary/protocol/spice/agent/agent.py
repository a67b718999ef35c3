"""The agent as the main channel knows it: whether it is there, what it can, and the tokens that each side may spend. No I/O.

A chunk costs a token. The server gives ours (AGENT_TOKEN), and nothing is sent without one; we give its, and return them half a
window at a time. An agent whose stream can't be has failed: the main channel goes on, and so does another agent.
"""

from __future__ import annotations

import enum
from collections import Counter, deque
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from ATPLibrary.errors import ChannelError
from ATPLibrary.protocol.spice.agent import messages
from ATPLibrary.protocol.spice.agent.clipboard import Clipboards
from ATPLibrary.protocol.spice.agent.enums import AgentCap, cap_names
from ATPLibrary.protocol.spice.agent.messages import AgentMessage
from ATPLibrary.protocol.spice.agent.stream import Stream, Whole, chunks
from ATPLibrary.protocol.spice.agent.transfers import Transfers
from ATPLibrary.protocol.spice.errors import SpiceAgentError, SpiceProtocolError
from ATPLibrary.protocol.spice.messages import main
from ATPLibrary.protocol.spice.messages.kinds import DATA
from ATPLibrary.protocol.spice.schema.fields import Bytes

if TYPE_CHECKING:
    from ATPLibrary.protocol.spice.channels.conversation import Conversation

# Chunks that the agent may send before it needs new tokens, as spice-server gives a client.
WINDOW = 10
_RETURNED = WINDOW // 2
# What may wait for tokens: an agent that takes nothing must not make it grow.
UNSENT_LIMIT = 32 << 20
_UNKNOWN = "unknown"

OUR_CAPS = sum(
    cap.bit
    for cap in (
        AgentCap.MONITORS_CONFIG, AgentCap.REPLY, AgentCap.CLIPBOARD_BY_DEMAND, AgentCap.CLIPBOARD_SELECTION,
        AgentCap.MONITORS_CONFIG_POSITION, AgentCap.FILE_XFER_DETAILED_ERRORS, AgentCap.CLIPBOARD_NO_RELEASE_ON_REGRAB,
        AgentCap.CLIPBOARD_GRAB_SERIAL,
    )
)  # fmt: skip


class AgentState(enum.Enum):
    """ABSENT -the server says that it is connected-> STARTING -its capabilities-> READY -nonsense-> FAILED.

    Each -disconnected-> ABSENT.
    """

    ABSENT = "absent"
    STARTING = "starting"
    READY = "ready"
    FAILED = "failed"


@dataclass
class AgentStatistics:
    """Since the main channel was linked. `token_stalls`: how often something was left to send and no token; `overdrawn`: chunks
    that the server had no token for; `ignored`: by name, messages that this client has no use for."""

    messages_received: int = 0
    messages_sent: int = 0
    chunks_received: int = 0
    chunks_sent: int = 0
    tokens_returned: int = 0
    tokens_withheld: int = 0
    token_stalls: int = 0
    overdrawn: int = 0
    by_name: Counter[str] = field(default_factory=Counter)
    ignored: Counter[str] = field(default_factory=Counter)

    def as_dict(self) -> dict[str, int | dict[str, int]]:
        counts = {name: value for name, value in vars(self).items() if isinstance(value, int)}
        return {**counts, "received": dict(self.by_name), "ignored": dict(self.ignored)}


class Agent:
    """`caps` are the agent's, 0 until it has said them; `failure` says why it is FAILED; `replies` its last answer by message."""

    def __init__(self, conversation: Conversation) -> None:
        self.subject = f"The SPICE agent ({conversation.subject})"
        self.state = AgentState.ABSENT
        self.caps = 0
        self.tokens = 0
        self.failure = ""
        self.session = 0  # counts those that connected
        self.replies: dict[int, messages.Reply] = {}
        self.statistics = AgentStatistics()
        self.clipboards = Clipboards(self)
        self.transfers = Transfers(self)
        self._conversation = conversation
        self._stream = Stream(f"the agent's stream of {conversation.subject}")
        self._unsent: deque[bytes] = deque()
        self._unsent_bytes = 0
        self._credit = 0  # chunks that the server may still send
        self._used = 0  # tokens that came back to us and were not returned
        self._withholds = False

    @property
    def unsent(self) -> int:
        """Bytes that wait for tokens."""
        return self._unsent_bytes

    @property
    def common_caps(self) -> int:
        """What both sides have."""
        return self.caps & OUR_CAPS

    def has(self, cap: AgentCap) -> bool:
        return bool(self.caps & cap.bit)

    def require_ready(self) -> None:
        """`SpiceAgentError` unless it is READY."""
        if self.state is not AgentState.READY:
            raise self.missing()

    def require(self, cap: AgentCap, what: str) -> None:
        """`SpiceAgentError` unless it is READY and can do that."""
        self.require_ready()
        if not self.has(cap):
            there = ", ".join(cap_names(self.caps)) or "nothing"
            raise SpiceAgentError.about(
                self.subject, wanted=f"be able to {what} ({cap.name})", got=f"can only {there}",
                next_step="Use a newer spice-vdagent in the guest",
            )  # fmt: skip

    def missing(self, waited: float | None = None) -> SpiceAgentError:
        """The error for an agent that isn't READY, nor became so in the seconds that were waited."""
        got = {
            AgentState.ABSENT: "the server says that there is none",
            AgentState.STARTING: "has not said yet what it can",
            AgentState.FAILED: f"has failed: {self.failure}",
            AgentState.READY: "is",
        }[self.state]
        return SpiceAgentError.about(
            self.subject, wanted="be connected", got=got, waited=waited,
            next_step="Check that spice-vdagentd runs in the guest, and spice-vdagent in its session, and that the VM has the "
            "channel com.redhat.spice.0",
        )  # fmt: skip

    def connected(self, tokens: int) -> None:
        """The server says that it is there, and how many chunks it may be sent."""
        self._forget()
        self.session += 1
        self.state, self.tokens = AgentState.STARTING, tokens
        self._credit, self._used = WINDOW, 0
        self._conversation.tell("agent.connected", {"tokens": tokens})
        self._conversation.wire.send(main.AgentStart(WINDOW))
        self._announce(request=True)

    def disconnected(self, error: int) -> None:
        self._forget()
        self.state = AgentState.ABSENT
        self._conversation.tell("agent.disconnected", {"error": error})

    def more_tokens(self, count: int) -> None:
        self.tokens += count
        self._pump()

    def received(self, data: Bytes) -> None:
        """One AGENT_DATA."""
        self._count_chunk()
        if self.state in (AgentState.ABSENT, AgentState.FAILED):
            self.statistics.ignored["AGENT_DATA"] += 1
            return
        try:
            for whole in self._stream.feed(data):
                self._take(whole)
        except SpiceProtocolError as error:
            self._fail(str(error))

    def post(self, message: AgentMessage) -> None:
        """Send a message, as far as there are tokens; the rest follows by itself. `ChannelError` where too much waits already."""
        if self._unsent_bytes > UNSENT_LIMIT:
            raise ChannelError.about(
                self.subject, wanted="take what it is sent", got=f"gives no tokens for {self._unsent_bytes} bytes that wait",
                next_step="Check that the guest still runs",
            )  # fmt: skip
        self.statistics.messages_sent += 1
        for chunk in chunks(message):
            self._unsent.append(chunk)
            self._unsent_bytes += len(chunk)
        self._pump()

    def tell(self, kind: str, data: dict[str, Any]) -> None:
        self._conversation.tell(f"agent.{kind}", data)

    def ignore(self, name: str) -> None:
        """A message that this client has no use for."""
        self.statistics.ignored[name] += 1

    def withhold_tokens(self, withheld: bool) -> int:
        """Return no token from now on, or again, with those that are owed. Returns how many were owed."""
        self._withholds = withheld
        owed = self._used
        if not withheld and owed:
            self._return()
        return owed

    def _take(self, whole: Whole) -> None:
        self.statistics.messages_received += 1
        kind = AgentMessage.kinds.get(whole.number)
        # The guest chooses from 2^32 numbers: those without a name are counted together, and only the first is warned of.
        name = kind.kind.name if kind is not None else _UNKNOWN
        self.statistics.by_name[name] += 1
        if kind is None:
            self.ignore(name)
            if self.statistics.ignored[name] == 1:
                which = messages.name_of(whole.number)
                notice = f"{self.subject} sent {which}, which the specification does not have; it is left alone"
                self._conversation.warn("agent.unknown-message", {"number": whole.number}, notice)
            return
        if self.state is AgentState.STARTING and kind is not messages.AnnounceCapabilities:
            self.ignore(name)  # meant for another client, with other capabilities
            return
        message = kind.read(whole.body, self._stream.subject, self.common_caps)
        match message:
            case messages.AnnounceCapabilities():
                self._learn(message)
            case messages.Reply(type):
                if type in AgentMessage.kinds:
                    self.replies[type] = message
                self.tell("reply", {"to": messages.name_of(type), "error": message.error})
            case (
                messages.Clipboard()
                | messages.ClipboardGrab()
                | messages.ClipboardRequest()
                | messages.ClipboardRelease()
            ):
                self.clipboards.take(message, self._stream.subject)
            case messages.FileXferStatus():
                self.transfers.take(message)
            case _:
                self.ignore(name)

    def _learn(self, message: messages.AnnounceCapabilities) -> None:
        numbers = messages.words(message, "words", self._stream.subject)
        self.caps = sum(word << 32 * place for place, word in enumerate(numbers))
        was_starting, self.state = self.state is AgentState.STARTING, AgentState.READY
        if message.request:
            self._announce(request=False)
        if was_starting:
            if self.has(AgentCap.MAX_CLIPBOARD):
                self.post(messages.MaxClipboard(DATA - 64))
            self.tell("ready", {"capabilities": cap_names(self.caps)})

    def _announce(self, *, request: bool) -> None:
        self.post(messages.AnnounceCapabilities(int(request), messages.packed((OUR_CAPS,))))

    def _pump(self) -> None:
        while self._unsent and self.tokens:
            self.tokens -= 1
            chunk = self._unsent.popleft()
            self._unsent_bytes -= len(chunk)
            self.statistics.chunks_sent += 1
            self._conversation.wire.send(main.ClientAgentData(chunk))
            if self._unsent and not self.tokens:
                self.statistics.token_stalls += 1

    def _count_chunk(self) -> None:
        self.statistics.chunks_received += 1
        if self._credit:
            self._credit -= 1
            self._used += 1
        else:
            self.statistics.overdrawn += 1
        if self._used >= _RETURNED:
            if self._withholds:
                self.statistics.tokens_withheld = self._used
            else:
                self._return()

    def _return(self) -> None:
        self._conversation.wire.send(main.ClientAgentToken(self._used))
        self.statistics.tokens_returned += self._used
        self._credit += self._used
        self._used = 0

    def _fail(self, reason: str) -> None:
        self._forget()
        self.state, self.failure = AgentState.FAILED, reason
        notice = f"{self.subject} has failed, and is left alone until another one connects: {reason}"
        self._conversation.warn("agent.failed", {"reason": reason}, notice)

    def _forget(self) -> None:
        """Nothing of the agent that was holds for the next."""
        self.caps, self.failure, self.replies = 0, "", {}
        self._stream.clear()
        self._unsent.clear()
        self._unsent_bytes = 0
        self.clipboards.reset()
        self.transfers.reset()
