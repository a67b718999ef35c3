"""A light check of a libvirt URI before it is used, so that a typing mistake gets a sentence at once."""

from __future__ import annotations

from difflib import get_close_matches
from urllib.parse import urlsplit

from ATPLibrary.errors import ConfigError

DRIVERS = ("qemu", "test", "xen", "lxc", "bhyve", "ch", "vbox", "vz", "esx", "vpx", "hyperv")
TRANSPORTS = ("unix", "tcp", "tls", "ssh", "libssh", "libssh2", "ext")
EXAMPLES = "Examples: qemu:///system, qemu:///session, qemu+ssh://root@10.0.0.5/system, qemu+tcp://host/system, test:///default"


def check_uri(host_name: str, uri: str) -> str:
    """Return `uri`, or raise `ConfigError` that names the wrong part. `host_name` is only for the sentence."""
    subject = f"The libvirt URI {uri!r} of host '{host_name}'"

    def wrong(wanted: str, got: str, near: str = "") -> ConfigError:
        hint = f"Did you mean {near!r}? " if near else ""
        return ConfigError.about(subject, wanted=wanted, got=got, next_step=hint + EXAMPLES)

    if not uri or uri != uri.strip() or any(character.isspace() for character in uri):
        raise wrong("be one word without spaces", "is empty" if not uri.strip() else "has a space in it")
    try:
        parts = urlsplit(uri)
        port = parts.port
    except ValueError as error:
        raise wrong("be a URI", f"is not ({error})") from error
    driver, _, transport = parts.scheme.partition("+")
    if not driver or "://" not in uri:
        raise wrong("start with DRIVER://", "does not")
    if driver not in DRIVERS:
        raise wrong(f"start with one of {', '.join(DRIVERS)}", f"starts with {driver!r}", _nearest(driver, DRIVERS))
    if transport and transport not in TRANSPORTS:
        got = f"has {transport!r}"
        raise wrong(f"have one of {', '.join(TRANSPORTS)} after '+'", got, _nearest(transport, TRANSPORTS))
    if transport in ("tcp", "tls", "ssh", "libssh", "libssh2") and not parts.hostname:
        raise wrong("name a host after '://'", f"names none, which '+{transport}' needs")
    if port == 0:
        raise wrong("have a port from 1 to 65535", "has 0")
    if driver == "qemu" and parts.path in ("", "/"):
        raise wrong("end with /system, /session or /embed", "has no path")
    return uri


def _nearest(word: str, words: tuple[str, ...]) -> str:
    return next(iter(get_close_matches(word, words, n=1)), "")
