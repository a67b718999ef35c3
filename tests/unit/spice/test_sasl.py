"""SASL's mechanisms, held against the examples of their RFCs."""

from __future__ import annotations

import struct

import pytest

from ATPLibrary.protocol.spice.errors import LinkStage, SpiceLinkError
from ATPLibrary.protocol.spice.link import Identity, LinkMachine, LinkRequest
from ATPLibrary.protocol.spice.sasl import Credentials, Exchange, SaslError, choose
from ATPLibrary.secrets import Secret
from ATPLibrary.transport.spice import SpiceChannelType as Type

pytestmark = pytest.mark.unit
# RFC 5802, section 5, and RFC 7677, section 3: user "user", password "pencil".
RFC_5802 = (
    "SCRAM-SHA-1", "fyko+d2lbbFgONRv9qkxdawL",
    b"r=fyko+d2lbbFgONRv9qkxdawL3rfcNHYJY1ZVvWVs7j,s=QSXCR+Q6sek8bf92,i=4096",
    b"c=biws,r=fyko+d2lbbFgONRv9qkxdawL3rfcNHYJY1ZVvWVs7j,p=v0X8v3Bz2T0CJGbJQyF0X+HI4Ts=",
    b"v=rmF9pqV8S7suAoZWja4dJRkFsKQ=",
)  # fmt: skip
RFC_7677 = (
    "SCRAM-SHA-256", "rOprNGfwEbeRWgbNEkqO",
    b"r=rOprNGfwEbeRWgbNEkqO%hvYDpWUa2RaTCAfuxFIlj)hNlF$k0,s=W22ZaJ0SNY7soEsUEjb6gQ==,i=4096",
    b"c=biws,r=rOprNGfwEbeRWgbNEkqO%hvYDpWUa2RaTCAfuxFIlj)hNlF$k0,p=dHzbZapWIk4jUhN+Ute9ytag9zjfMHgsqmmiz7AndVQ=",
    b"v=6rriTRBi23WpRR/wtup+mMhUZUn/dB5nLTJRsjl95G4=",
)  # fmt: skip


def exchange(mechanism: str, nonce: str, monkeypatch: pytest.MonkeyPatch) -> Exchange:
    monkeypatch.setattr("secrets.token_urlsafe", lambda _: nonce)
    return Exchange(mechanism, Credentials("user", Secret("pencil")))


@pytest.mark.parametrize(("mechanism", "nonce", "challenge", "answer", "last"), [RFC_5802, RFC_7677])
def test_scram_speaks_as_its_rfc_does(
    *, mechanism: str, nonce: str, challenge: bytes, answer: bytes, last: bytes, monkeypatch: pytest.MonkeyPatch
) -> None:
    scram = exchange(mechanism, nonce, monkeypatch)
    assert scram.first() == f"n,,n=user,r={nonce}".encode()
    assert scram.answer(challenge) == answer
    assert scram.answer(last) == b""
    scram.conclude(b"")


def test_a_server_that_does_not_prove_that_it_knows_the_password_is_not_believed(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    mechanism, nonce, challenge, *_ = RFC_5802
    scram = exchange(mechanism, nonce, monkeypatch)
    scram.answer(challenge)
    with pytest.raises(SaslError, match="did not prove"):
        scram.conclude(b"")
    with pytest.raises(SaslError, match="did not prove"):
        scram.conclude(b"v=AAAA")


@pytest.mark.parametrize(
    ("challenge", "reason"),
    [
        (b"r=other,s=QSXCR+Q6sek8bf92,i=4096", "isn't one of SCRAM"),
        (b"r=fyko+d2lbbFgONRv9qkxdawL,s=QSXCR+Q6sek8bf92,i=4096", "isn't one of SCRAM"),
        (b"r=fyko+d2lbbFgONRv9qkxdawLx,s=QSXCR+Q6sek8bf92,i=99999999999", "asks for 99999999999 rounds"),
        (b"r=fyko+d2lbbFgONRv9qkxdawLx,s=%%%,i=1", "no base64"),
        (b"\xff\xfe", "no text"),
    ],
)
def test_a_challenge_that_can_not_be_is_refused(challenge: bytes, reason: str, monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(SaslError, match=reason):
        exchange("SCRAM-SHA-1", "fyko+d2lbbFgONRv9qkxdawL", monkeypatch).answer(challenge)


def test_plain_is_spoken_over_tls_only() -> None:
    assert choose(["DIGEST-MD5", "PLAIN"], over_tls=False) is None
    assert choose(["DIGEST-MD5", "PLAIN"], over_tls=True) == "PLAIN"
    assert choose(["PLAIN", "SCRAM-SHA-1", "SCRAM-SHA-256"], over_tls=False) == "SCRAM-SHA-256"
    plain = Exchange("PLAIN", Credentials("user", Secret("pencil")))
    assert plain.first() == b"\0user\0pencil"
    plain.conclude(b"")


def _at_mechanisms(offered: bytes, over_tls: bool = True) -> LinkMachine:
    """A link whose server offers SASL, up to its list."""
    identity = Identity(Secret("pencil"), user="user", over_tls=over_tls)
    machine = LinkMachine("A channel", LinkRequest(Type.MAIN, 0), identity)
    machine.start()
    reply = struct.pack("<I162sIII", 0, bytes(162), 1, 1, 178) + struct.pack("<II", 0xF, 0)
    sent = machine.feed(struct.pack("<4sIII", b"REDQ", 2, 2, len(reply)) + reply)
    assert sent == struct.pack("<I", 2)
    machine.feed(struct.pack("<I", len(offered)) + offered)
    return machine


def test_the_whole_of_plain_is_on_the_wire_as_spice_server_reads_it() -> None:
    """Lengths count the zero byte that ends what the client says; two results end it."""
    identity = Identity(Secret("pencil"), user="user", over_tls=True)
    machine = LinkMachine("A channel", LinkRequest(Type.MAIN, 0), identity)
    machine.start()
    reply = struct.pack("<I162sIII", 0, bytes(162), 1, 1, 178) + struct.pack("<II", 0xF, 0)
    machine.feed(struct.pack("<4sIII", b"REDQ", 2, 2, len(reply)) + reply)
    sent = machine.feed(bytes.fromhex("10000000") + b"DIGEST-MD5,PLAIN")
    assert sent == bytes.fromhex("05000000") + b"PLAIN" + bytes.fromhex("0d000000") + b"\0user\0pencil\0"
    assert machine.stage is LinkStage.CHALLENGE
    machine.feed(bytes.fromhex("00000000 01"))
    assert machine.stage is LinkStage.RESULT
    machine.feed(bytes(4))
    assert machine.linked is None
    machine.feed(bytes(4))
    assert machine.linked is not None
    assert machine.linked.mechanism == "PLAIN"


def test_a_server_with_no_mechanism_of_ours_is_told_of_with_those_that_it_has() -> None:
    with pytest.raises(SpiceLinkError, match=r"the server offers SASL's DIGEST-MD5, GSSAPI\. Connect by TLS") as told:
        _at_mechanisms(b"DIGEST-MD5,GSSAPI", over_tls=False)
    assert told.value.stage is LinkStage.MECHANISMS


def test_a_list_of_mechanisms_that_lies_about_its_length_is_refused() -> None:
    machine = LinkMachine("A channel", LinkRequest(Type.MAIN, 0), Identity(Secret("x"), user="user"))
    machine.start()
    reply = struct.pack("<I162sIII", 0, bytes(162), 1, 1, 178) + struct.pack("<II", 0xF, 0)
    machine.feed(struct.pack("<4sIII", b"REDQ", 2, 2, len(reply)) + reply)
    with pytest.raises(SpiceLinkError, match="the list of SASL mechanisms says it has 2147483647 bytes"):
        machine.feed(struct.pack("<I", 0x7FFFFFFF))


def test_a_server_that_goes_after_a_wrong_password_is_told_with_that_as_a_reason() -> None:
    machine = _at_mechanisms(b"PLAIN")
    assert "Check user and password" in str(machine.ended())
    assert machine.ended().stage is LinkStage.CHALLENGE


def test_a_server_that_wants_a_user_is_told_of() -> None:
    machine = LinkMachine("A channel", LinkRequest(Type.MAIN, 0), Identity(Secret("x")))
    machine.start()
    reply = struct.pack("<I162sIII", 0, bytes(162), 1, 1, 178) + struct.pack("<II", 0xD, 0)
    with pytest.raises(SpiceLinkError, match="the server asks for a user"):
        machine.feed(struct.pack("<4sIII", b"REDQ", 2, 2, len(reply)) + reply)
