"""A check of a libvirt URI before it is used: a mistake gets a sentence that names the wrong part (https://libvirt.org/uri.html)."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable, Mapping
from difflib import get_close_matches
from pathlib import Path
from urllib.parse import SplitResult, parse_qsl, urlsplit

from ATPLibrary.errors import ConfigError

DRIVERS = ("qemu", "test", "xen", "lxc", "bhyve", "ch", "vbox", "vz", "esx", "vpx", "hyperv")
TRANSPORTS = ("unix", "tcp", "tls", "ssh", "libssh", "libssh2", "ext")
EXAMPLES = "Examples: qemu:///system, qemu:///session, qemu+ssh://root@10.0.0.5/system, qemu+tcp://host/system, test:///default"

_QEMU_PATHS = ("/system", "/session", "/embed")
_NEEDS_HOST = ("tcp", "tls", "ssh", "libssh", "libssh2")
# What each transport of the remote driver reads after '?', beside what all of them do.
_ANY = ("name", "mode")
_TUNNEL = ("command", "socket", "netcat", "keyfile", "proxy")
_PARAMETERS = {
    "unix": ("socket",),
    "tcp": (),
    "tls": ("no_verify", "pkipath", "tls_priority"),
    "ssh": (*_TUNNEL, "known_hosts", "no_verify", "no_tty"),  # known_hosts: see ssh_target
    "libssh": (*_TUNNEL, "known_hosts", "known_hosts_verify", "sshauth"),
    "libssh2": (*_TUNNEL, "known_hosts", "known_hosts_verify", "sshauth"),
    "ext": ("command",),
}
_VALUES = {
    "mode": ("auto", "direct", "legacy"),
    "proxy": ("auto", "netcat", "native"),
    "no_verify": ("0", "1"),
    "no_tty": ("0", "1"),
    "known_hosts_verify": ("normal", "auto", "ignore"),
}
# Paths on this machine or the peer: libvirt takes them as they are, so they have to be absolute.
_PATHS = ("socket", "keyfile", "known_hosts", "pkipath", "root")


def check_uri(host_name: str, uri: str) -> str:
    """Return `uri`, or raise `ConfigError` that names the wrong part. `host_name` is only for the sentence."""
    if not uri or any(character.isspace() for character in uri):
        got = "is empty" if not uri.strip() else "has a space in it"
        raise _Wrong(host_name, uri).part("be one word without spaces", got)
    wrong = _Wrong(host_name, uri)
    try:
        parts = urlsplit(uri)
    except ValueError as error:
        raise wrong.part("be a URI", f"is not ({error})") from error
    driver, plus, transport = parts.scheme.partition("+")
    if not driver or "://" not in uri:
        raise wrong.part("start with DRIVER://", "does not")
    if driver not in DRIVERS:
        raise wrong.word("start with", "starts with", driver, DRIVERS)
    if plus and transport not in TRANSPORTS:
        raise wrong.word("have after '+'", "has", transport, TRANSPORTS)
    if parts.password is not None:
        raise wrong.part("have no password in it", "has one", "Say it with 'username' and 'password' of the host.")
    if parts.fragment or "#" in uri:
        raise wrong.part("have no '#'", f"has '#{parts.fragment}'", "Write %23 where a path has one.")
    _check_port(wrong, parts)
    _check_host(wrong, parts, transport)
    _check_path(wrong, driver, parts)
    _check_parameters(wrong, driver, transport, parts)
    return uri


def check_local_files(host_name: str, uri: str) -> None:
    """Raise `ConfigError` where `uri` names a file of this machine that isn't there.

    Apart from `check_uri`, which every host of a configuration has to pass: a key that is missing for one must not stop the others.
    """
    parts = urlsplit(check_uri(host_name, uri))
    given = dict(parse_qsl(parts.query))
    wrong = _Wrong(host_name, uri)
    if "command" not in given:  # another program in the place of ssh may read it somewhere else
        _check_there(wrong, given, "keyfile", "a private key on this machine", os.path.isfile)
    _check_there(wrong, given, "pkipath", "a directory of certificates on this machine", os.path.isdir)
    # Where any key is taken nobody reads it, and libssh makes it itself for `auto`.
    if given.get("no_verify", "0") == "0" and given.get("known_hosts_verify", "normal") == "normal":
        _check_there(wrong, given, "known_hosts", "a file with the host's key on this machine", os.path.isfile)


def _check_there(
    wrong: _Wrong, given: Mapping[str, str], name: str, what: str, is_there: Callable[[str], bool]
) -> None:
    path = given.get(name)
    if path is not None and not is_there(path):
        raise wrong.part(f"name in '{name}=' {what}", f"{path!r} can't be found there", "Check the path.")


def _check_port(wrong: _Wrong, parts: SplitResult) -> None:
    try:
        port = parts.port
    except ValueError:
        port = 0
    if port == 0:
        raise wrong.part("have a port from 1 to 65535", f"has {parts.netloc.rpartition(':')[2]!r}")


def _check_host(wrong: _Wrong, parts: SplitResult, transport: str) -> None:
    # ssh would take it for an option; no host is named so (RFC 1123).
    if any((name or "").startswith("-") for name in (parts.hostname, parts.username)):
        raise wrong.part("name a host and user that don't begin with '-'", f"names {parts.netloc!r}")
    if transport in _NEEDS_HOST and not parts.hostname:
        raise wrong.part("name a host after '://'", f"names none, which '+{transport}' needs")
    if transport == "unix" and parts.netloc:
        got = f"names {parts.hostname!r}, though '+unix' stays on this machine"
        raise wrong.part("have no host after '://'", got, "Use +ssh, +tls or +tcp to go there.")
    if transport in ("unix", "tcp", "tls") and parts.username:
        got = f"names user {parts.username!r}, which '+{transport}' doesn't use"
        raise wrong.part("have no user before '@'", got, "Say it with 'username' of the host.")


def _check_path(wrong: _Wrong, driver: str, parts: SplitResult) -> None:
    if driver == "qemu":
        if parts.path in ("", "/"):
            raise wrong.part("end with /system, /session or /embed", "has no path")
        if parts.path not in _QEMU_PATHS:
            raise wrong.word("have as its path", "has", parts.path, _QEMU_PATHS)
        if parts.path == "/embed" and (parts.netloc or "+" in parts.scheme):
            got = "wants /embed through a connection"
            raise wrong.part("be qemu:///embed?root=/dir, a libvirt inside this process", got)
    if driver == "test" and "+" not in parts.scheme:
        if parts.path in ("", "/"):
            raise wrong.part("end with /default or the path of an XML file", "has no path")
        if parts.path != "/default" and not Path(parts.path).is_file():
            raise wrong.part("end with /default or the path of an XML file", f"has {parts.path!r}, which is no file")


def _check_parameters(wrong: _Wrong, driver: str, transport: str, parts: SplitResult) -> None:
    embedded = driver == "qemu" and parts.path == "/embed"
    if driver not in ("qemu", "test") or (driver == "test" and not transport):
        return  # other drivers have parameters of their own
    # Without '+', libvirt takes a host to mean TLS, and none to mean the UNIX socket.
    effective = transport or ("tls" if parts.netloc else "unix")
    known = ("root",) if embedded else (*_ANY, *_PARAMETERS[effective])
    given = parse_qsl(parts.query, keep_blank_values=True)
    names = [name for name, _ in given]
    for name, value in given:
        if name not in known:
            raise wrong.word("have after '?'", "has", name, known)
        if name in _PATHS and not value.startswith("/"):
            raise wrong.part(f"have an absolute path in '{name}='", f"has {value!r}")
        if name in _VALUES and value not in _VALUES[name]:
            raise wrong.word(f"have in '{name}='", "has", value, _VALUES[name])
        if names.count(name) > 1:
            raise wrong.part(f"say '{name}=' once", f"says it {names.count(name)} times")
    if embedded and "root" not in names:
        raise wrong.part("say in 'root=' which directory the embedded libvirt keeps its files in", "does not")


class _Wrong:
    def __init__(self, host_name: str, uri: str) -> None:
        # What stands between ':' and '@' is a password that somebody has written where it doesn't belong.
        self._subject = f"The libvirt URI {without_password(uri)!r} of host '{host_name}'"

    def part(self, wanted: str, got: str, hint: str = "") -> ConfigError:
        return ConfigError.about(self._subject, wanted=wanted, got=got, next_step=f"{hint} {EXAMPLES}".strip())

    def word(self, wanted: str, got: str, word: str, words: Iterable[str]) -> ConfigError:
        words = tuple(words)
        near = next(iter(get_close_matches(word, words, n=1)), "")
        hint = f"Did you mean {near!r}?" if near else ""
        return self.part(f"{wanted} one of {', '.join(words)}", f"{got} {word!r}", hint)


def without_password(uri: str) -> str:
    """`uri` as it may be shown: asterisks stand where a password does."""
    before, at, after = uri.rpartition("@")
    scheme, slashes, user = before.partition("://")
    if not at or not slashes or ":" not in user:
        return uri
    return f"{scheme}://{user.partition(':')[0]}:**********@{after}"
