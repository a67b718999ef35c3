"""What an agent can dial, judged before anything is sent to its guest: as the agent itself judges it (its links/address.py)."""

from __future__ import annotations

from ATPLibrary.errors import InputError

SCHEMES = ("ws", "wss", "tcp", "tcp+tls", "unix")

_EXAMPLES = "Give it as ws://HOST:8765, wss://HOST:8765, tcp://HOST:8766, tcp+tls://HOST:8766 or unix:///PATH"


def check_dialled(address: str) -> None:
    """`InputError` for what the agent in the guest wouldn't dial."""
    if wrong := _wrong(address):
        raise InputError.about(
            f"The address {address[:200]!r}", wanted="be one that the agent can dial", got=wrong, next_step=_EXAMPLES
        )


def _wrong(address: str) -> str:
    """ "" where nothing is."""
    scheme, separator, rest = address.partition("://")
    place, _, target = rest.partition("/")
    if not address.isascii() or not address.isprintable() or " " in address:
        return "has characters that an address can't have"
    if not separator:
        return "has no scheme"
    if scheme not in SCHEMES:
        return f"begins with {scheme[:40]}://"
    if scheme == "unix":
        return "" if rest.startswith("/") else "has no absolute path"
    if "#" in rest or "?" in place or "@" in place:
        return "has a user, a password or a #"
    if target and not scheme.startswith("ws"):
        return "goes on behind the port"
    return _wrong_place(place)


def _wrong_place(place: str) -> str:
    host, colon, port = place.partition(":")
    if place.startswith("["):
        host, bracket, after = place[1:].partition("]")
        colon, port = after[:1], after[1:]
        if not bracket or colon not in ("", ":"):
            return "has an IPv6 address that isn't [ADDRESS]"
    if not host:
        return "names no host"
    if port and not (port.isdigit() and 0 < int(port) < 65536):
        return "has a port that is none from 1 to 65535"
    return ""
