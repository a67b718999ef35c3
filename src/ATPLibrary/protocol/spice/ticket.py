"""The ticket (password) as it goes to a server: RSA-OAEP with SHA-1, under the key of its link reply, ended by a zero byte."""

from __future__ import annotations

from ATPLibrary.errors import ConfigError, InputError
from ATPLibrary.secrets import Secret

# Source: spice-protocol, `SPICE_MAX_PASSWORD_LENGTH`.
LONGEST = 60


def encrypted(ticket: Secret | None, key: bytes) -> bytes:
    """The ticket's 128 bytes. Without one an empty ticket: a server without a password wants a well-formed one all the same.

    `key` is DER (SubjectPublicKeyInfo). `ValueError` for one that is none; `InputError` for a ticket that is too long.
    """
    try:
        from cryptography.hazmat.primitives import hashes, serialization
        from cryptography.hazmat.primitives.asymmetric import padding, rsa
    except ImportError as error:
        raise ConfigError.about(
            "A SPICE ticket", wanted="be encrypted by the Python package cryptography", got="it is not installed",
            next_step="pip install 'robotframework-atp[spice]'",
        ) from error  # fmt: skip
    words = (ticket.reveal() if ticket is not None else "").encode()
    if len(words) > LONGEST or b"\0" in words:
        raise InputError.about(
            "A SPICE ticket", wanted=f"have at most {LONGEST} bytes and no zero among them", got=f"has {len(words)}",
            next_step="Set a shorter one with QEMU or libvirt",
        )  # fmt: skip
    public = serialization.load_der_public_key(key)
    if not isinstance(public, rsa.RSAPublicKey):
        raise ValueError(f"is one of {type(public).__name__}")
    oaep = padding.OAEP(mgf=padding.MGF1(algorithm=hashes.SHA1()), algorithm=hashes.SHA1(), label=None)
    return public.encrypt(words + b"\0", oaep)
