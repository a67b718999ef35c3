"""The link that begins each channel: who we are, what both can, the password. No I/O: bytes go in, bytes to send come out.

Source: spice-protocol, `SpiceLinkMess` and `SpiceLinkReply`; SASL as spice-server 0.15 speaks it.
"""

from __future__ import annotations

import struct
from collections.abc import Generator
from dataclasses import dataclass, field

from ATPLibrary.protocol.spice.enums import CommonCap
from ATPLibrary.protocol.spice.errors import LinkCode, LinkStage, SpiceLinkError
from ATPLibrary.protocol.spice.sasl import Credentials, Exchange, SaslError, choose
from ATPLibrary.protocol.spice.ticket import encrypted
from ATPLibrary.secrets import Secret
from ATPLibrary.transport.spice import SpiceChannelType

MAGIC = b"REDQ"
VERSION = (2, 2)
HEADER = struct.Struct("<4sIII")
REQUEST = struct.Struct("<IBBIII")
REPLY = struct.Struct("<I162sIII")
_U32 = struct.Struct("<I")
_SPICE, _SASL = int(CommonCap.AUTH_SPICE), int(CommonCap.AUTH_SASL)
OUR_COMMON_CAPS = sum(1 << cap for cap in CommonCap)
# A reply has 178 bytes and a few words of capabilities; SASL's words are shorter than spice-server's own limits.
_LONGEST_REPLY, _LONGEST_SASL = 4096, 64 << 10


@dataclass(frozen=True, slots=True)
class LinkRequest:
    """What the first message says. Capabilities are bits; `session_id` is 0 for the main channel."""

    type: SpiceChannelType
    id: int
    session_id: int = 0
    channel_caps: int = 0
    common_caps: int = OUR_COMMON_CAPS

    def packed(self) -> bytes:
        common, channel = _words(self.common_caps), _words(self.channel_caps)
        body = REQUEST.pack(self.session_id, self.type, self.id, len(common) // 4, len(channel) // 4, REQUEST.size)
        body += common + channel
        return HEADER.pack(MAGIC, *VERSION, len(body)) + body


@dataclass(frozen=True, slots=True)
class Identity:
    """Who connects. With a user SASL is spoken where the server can, its password being the ticket."""

    ticket: Secret | None = None
    user: str = ""
    over_tls: bool = False


@dataclass(frozen=True, slots=True)
class Linked:
    """What both sides can."""

    common_caps: int
    channel_caps: int
    mechanism: str = "ticket"

    @property
    def mini_header(self) -> bool:
        return bool(self.common_caps >> CommonCap.MINI_HEADER & 1)


@dataclass
class LinkMachine:
    """States are `LinkStage`s. `start()` and each `feed(data)` give what is to be sent; `linked` is there at the end.

    `SpiceLinkError` says which stage broke and why; bytes behind the link are in `rest`.
    """

    subject: str
    request: LinkRequest
    identity: Identity = field(repr=False, default_factory=Identity)
    stage: LinkStage = LinkStage.REPLY_HEADER
    linked: Linked | None = None
    round_trips: int = 0
    in_sasl: bool = False  # what this link speaks: a user alone doesn't tell, the server may know tickets only

    def __post_init__(self) -> None:
        self._steps = self._talk()
        self._buffer = bytearray()
        self._output = bytearray()
        self._wanted = 0

    @property
    def rest(self) -> bytes:
        return bytes(self._buffer)

    def start(self) -> bytes:
        """The first bytes to send."""
        self._wanted = next(self._steps)
        return self._take_output()

    def feed(self, data: bytes) -> bytes:
        """Take what has come; returns what is to be sent."""
        self._buffer += data
        while self.linked is None and len(self._buffer) >= self._wanted:
            taken = bytes(self._buffer[: self._wanted])
            del self._buffer[: self._wanted]
            try:
                self._wanted = self._steps.send(taken)
            except StopIteration:
                self.stage = LinkStage.LINKED
        return self._take_output()

    def ended(self, why: str = "the server closed the connection") -> SpiceLinkError:
        """The error for a connection that ends now."""
        come = f"after {len(self._buffer)} of its {self._wanted} bytes" if self._buffer else "before any of it"
        advice = _AT_END.get(self.stage, "")
        if self.stage is LinkStage.RESULT and self.in_sasl:
            advice = "Check user and password: a server that refuses them in SASL says nothing more"
        return self._broken(f"{why} in stage {self.stage.name} ({self.stage.value}), {come}", advice, is_end=True)

    def _talk(self) -> Generator[int, bytes, None]:
        self._output += self.request.packed()
        size = self._checked_header((yield HEADER.size))
        self.stage = LinkStage.REPLY
        common, channel, key = self._checked_reply((yield size))
        self.round_trips += 1
        mechanism = self._mechanism(common)
        if mechanism is not None:
            self._output += _U32.pack(mechanism)
        self.in_sasl = mechanism == _SASL
        if self.in_sasl:
            words = yield from self._sasl()
        else:
            words = "ticket"
            try:
                self._output += encrypted(self.identity.ticket, key)
            except ValueError as error:
                raise self._broken(f"its public key {error}", "Is it a SPICE server?") from error
        self.stage = LinkStage.RESULT
        self._check((yield _U32.size))
        self.round_trips += 1
        self.linked = Linked(common & self.request.common_caps, channel, words)

    def _checked_header(self, data: bytes) -> int:
        magic, major, minor, size = HEADER.unpack(data)
        if magic != MAGIC:
            raise self._broken(
                f"what answers begins with {magic!r}, not with {MAGIC!r}", "Is it a SPICE server, and in plain?"
            )
        if major != VERSION[0]:
            raise self._broken(
                f"the server speaks version {major}.{minor}", f"This client speaks {VERSION[0]}.{VERSION[1]}"
            )
        if not REPLY.size <= size <= _LONGEST_REPLY:
            raise self._broken(
                f"the link reply says it has {size} bytes, where {REPLY.size} to {_LONGEST_REPLY} are possible"
            )
        return int(size)

    def _checked_reply(self, data: bytes) -> tuple[int, int, bytes]:
        error, key, commons, channels, offset = REPLY.unpack_from(data)
        self._refuse(error)
        if offset + 4 * (commons + channels) > len(data):
            reason = f"the link reply says {commons} + {channels} words of capabilities at byte {offset} of {len(data)}"
            raise self._broken(reason)
        words = data[offset : offset + 4 * (commons + channels)]
        common, channel = words[: 4 * commons], words[4 * commons :]
        return int.from_bytes(common, "little"), int.from_bytes(channel, "little"), key

    def _mechanism(self, common: int) -> int | None:
        """The number to send; None where the server knows tickets only and asks for no choice."""
        if not common >> CommonCap.AUTH_SELECTION & 1:
            return None
        wants_sasl = bool(self.identity.user)
        if common >> _SASL & 1 and (wants_sasl or not common >> _SPICE & 1):
            if not wants_sasl:
                raise self._broken("the server asks for a user (SASL)", "Set 'spice: user:' in the configuration")
            return _SASL
        return _SPICE

    def _sasl(self) -> Generator[int, bytes, str]:
        self.stage = LinkStage.MECHANISMS
        offered = (yield from self._words()).rstrip(b"\0").decode("ascii", "replace").replace(" ", ",").split(",")
        mechanism = choose(offered, self.identity.over_tls)
        if mechanism is None or self.identity.ticket is None:
            got = (
                f"the server offers SASL's {', '.join(offered)}"
                if mechanism is None
                else "there is no password for SASL"
            )
            raise self._broken(got, "Connect by TLS" if mechanism is None else "Give the ticket: it is SASL's password")
        exchange = Exchange(mechanism, Credentials(self.identity.user, self.identity.ticket))
        self._output += _U32.pack(len(mechanism)) + mechanism.encode() + _ended(exchange.first())
        while True:
            self.stage = LinkStage.CHALLENGE
            challenge = (yield from self._words()).removesuffix(b"\0")
            is_complete = (yield 1) != b"\0"
            self.round_trips += 1
            try:
                if is_complete:
                    exchange.conclude(challenge)
                    break
                self._output += _ended(exchange.answer(challenge))
            except SaslError as error:
                raise self._broken(str(error), "Check the password") from error
        self.stage = LinkStage.RESULT
        self._check((yield _U32.size))
        return mechanism

    def _words(self) -> Generator[int, bytes, bytes]:
        (size,) = _U32.unpack((yield _U32.size))
        if size > _LONGEST_SASL:
            raise self._broken(f"{self.stage.value} says it has {size} bytes, more than {_LONGEST_SASL}")
        return (yield size) if size else b""

    def _check(self, data: bytes) -> None:
        (code,) = _U32.unpack(data)
        self._refuse(code)

    def _refuse(self, code: int) -> None:
        if code == LinkCode.OK:
            return
        known = next((each for each in LinkCode if each == code), None)
        got, next_step = _REFUSALS.get(code, ("the server refused", ""))
        name = known.name if known is not None else "unknown to the specification"
        raise self._broken(
            f"{got} (error {code}, {name}) in stage {self.stage.name}", next_step, known if known is not None else code
        )

    def _broken(
        self, got: str, next_step: str = "", code: LinkCode | int | None = None, *, is_end: bool = False
    ) -> SpiceLinkError:
        return SpiceLinkError.about(
            self.subject, wanted="be linked", got=got, next_step=next_step,
            stage=self.stage, code=code, is_end=is_end, in_sasl=self.in_sasl,
        )  # fmt: skip

    def _take_output(self) -> bytes:
        output = bytes(self._output)
        self._output.clear()
        return output


_REFUSALS: dict[int, tuple[str, str]] = {
    LinkCode.ERROR: ("the server has an error of its own", "Look into QEMU's log"),
    LinkCode.INVALID_MAGIC: ("the server does not know our magic", ""),
    LinkCode.INVALID_DATA: ("the server calls our link message wrong", ""),
    LinkCode.VERSION_MISMATCH: ("the server wants another version", ""),
    LinkCode.NEED_SECURED: ("the server takes this channel by TLS only", "Set 'spice: ca_file:' in the configuration"),
    LinkCode.NEED_UNSECURED: ("the server takes this channel without TLS only", "Leave 'spice: ca_file:' away"),
    LinkCode.PERMISSION_DENIED: (
        "the server refused the password", "Check the ticket: 'spice: ticket:', the platform's, or libvirt's",
    ),
    LinkCode.BAD_CONNECTION_ID: ("the server has no session of that number", "Connect the main channel anew"),
    LinkCode.CHANNEL_NOT_AVAILABLE: ("the server has no such channel", "See 'Get Spice Channels' for what it has"),
}  # fmt: skip
_AT_END = {
    LinkStage.REPLY_HEADER: "The VM may have no such channel, or another client is being served; see 'Get Spice Channels'",
    LinkStage.CHALLENGE: "Check user and password: a server that refuses them in SASL says nothing more",
}


def _words(bits: int) -> bytes:
    """Capabilities as 32-bit words, at least one."""
    return bits.to_bytes(max(1, (bits.bit_length() + 31) // 32) * 4, "little")


def _ended(data: bytes) -> bytes:
    """SASL's data as spice-server reads it: its length with the zero byte behind it; nothing at all is length 0."""
    return _U32.pack(len(data) + 1) + data + b"\0" if data else _U32.pack(0)
