"""SASL's part of a client: PLAIN (RFC 4616) and SCRAM (RFC 5802, RFC 7677, without channel binding). No I/O.

Not DIGEST-MD5, which a server without TLS offers: what follows it would have to be ciphered by it as well.
"""

from __future__ import annotations

import base64
import hashlib
import hmac
import secrets
from collections.abc import Sequence
from dataclasses import dataclass

from ATPLibrary.secrets import Secret

_SCRAM = {"SCRAM-SHA-512": "sha512", "SCRAM-SHA-256": "sha256", "SCRAM-SHA-1": "sha1"}
# The rounds that a server may ask for: as many as OWASP's highest advice tenfold, so that no server keeps the processor busy.
_MOST_ROUNDS = 6_000_000


class SaslError(ValueError):
    """What the server said can't be an answer of its mechanism."""


@dataclass(frozen=True, slots=True)
class Credentials:
    user: str
    password: Secret


def choose(offered: Sequence[str], over_tls: bool) -> str | None:
    """The best mechanism of both sides; PLAIN over TLS only."""
    ours = [*_SCRAM, *(["PLAIN"] if over_tls else [])]
    return next((each for each in ours if each in offered), None)


class Exchange:
    """One authentication: `first()` begins it, `answer(challenge)` goes on, `conclude(last)` ends it.

    SCRAM has the server prove that it knows the password too; `SaslError` when it says that all is well without.
    """

    def __init__(self, mechanism: str, credentials: Credentials) -> None:
        self.mechanism = mechanism
        self._credentials = credentials
        self._nonce = secrets.token_urlsafe(24)
        self._signature = b""
        self._is_proved = mechanism == "PLAIN"

    def first(self) -> bytes:
        if self.mechanism == "PLAIN":
            return f"\0{self._credentials.user}\0{self._credentials.password.reveal()}".encode()
        return b"n,," + self._bare()

    def answer(self, challenge: bytes) -> bytes:
        if self.mechanism == "PLAIN":
            raise SaslError("the server asks for more than PLAIN has")
        if self._signature:
            self._verify(challenge)
            return b""
        return self._proof(challenge)

    def conclude(self, last: bytes) -> None:
        """The server has said that it is complete, with `last`."""
        if last and self.mechanism != "PLAIN":
            self._verify(last)
        if not self._is_proved:
            raise SaslError("the server did not prove that it knows the password")

    def _verify(self, last: bytes) -> None:
        told = _decoded(_fields(last).get("v", ""))
        self._is_proved = bool(self._signature) and hmac.compare_digest(told, self._signature)
        if not self._is_proved:
            raise SaslError("the server did not prove that it knows the password")

    def _bare(self) -> bytes:
        user = self._credentials.user.replace("=", "=3D").replace(",", "=2C")
        return f"n={user},r={self._nonce}".encode()

    def _proof(self, challenge: bytes) -> bytes:
        fields = _fields(challenge)
        nonce, salt, rounds = fields.get("r", ""), _decoded(fields.get("s", "")), fields.get("i", "")
        if not nonce.startswith(self._nonce) or len(nonce) == len(self._nonce) or not salt or not rounds.isdecimal():
            raise SaslError("the server's challenge isn't one of SCRAM")
        if not 0 < int(rounds) <= _MOST_ROUNDS:
            raise SaslError(f"the server asks for {rounds} rounds")
        hash_name = _SCRAM[self.mechanism]
        salted = hashlib.pbkdf2_hmac(hash_name, self._credentials.password.reveal().encode(), salt, int(rounds))
        without_proof = f"c=biws,r={nonce}".encode()
        signed = b",".join((self._bare(), challenge, without_proof))
        client_key = hmac.digest(salted, b"Client Key", hash_name)
        signature = hmac.digest(hashlib.new(hash_name, client_key).digest(), signed, hash_name)
        proof = bytes(one ^ other for one, other in zip(client_key, signature, strict=True))
        self._signature = hmac.digest(hmac.digest(salted, b"Server Key", hash_name), signed, hash_name)
        return without_proof + b",p=" + base64.b64encode(proof)


def _fields(words: bytes) -> dict[str, str]:
    try:
        return dict(part.split("=", 1) for part in words.decode().split(",") if part[1:2] == "=")
    except UnicodeDecodeError as error:
        raise SaslError("the server's answer is no text") from error


def _decoded(text: str) -> bytes:
    try:
        return base64.b64decode(text, validate=True)
    except ValueError as error:
        raise SaslError("the server's answer has no base64 where it should") from error
