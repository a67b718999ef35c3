"""Where SSH leads, as a libvirt URI says it: `qemu+ssh://user@host:port/system?keyfile=...&known_hosts=...`.

libvirt starts `ssh` for it. What libvirt has no word for in plain `qemu+ssh` is told to `ssh` by a script of one line in its place
(`command=`): another known_hosts file, and never to ask on the terminal or to wait for ever. `qemu+libssh` does that by itself.
"""

from __future__ import annotations

import shlex
import shutil
import tempfile
import weakref
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import parse_qsl, urlencode, urlsplit

TRANSPORTS = ("ssh", "libssh", "libssh2")
# ssh takes the first value that it is given of an option: these go before the user's own configuration.
_SSH_OPTIONS = ("BatchMode=yes", "ConnectTimeout=30", "ServerAliveInterval=5", "ServerAliveCountMax=4")


@dataclass(frozen=True, slots=True)
class SshTarget:
    """`user`, `port`, `key` and `known_hosts` are None where the user's own SSH configuration decides."""

    host: str
    user: str | None = None
    port: int | None = None
    key: Path | None = None
    known_hosts: Path | None = None
    verify: bool = True  # False: any host key is good
    command: str | None = None  # another program in the place of ssh

    def __str__(self) -> str:
        return f"{self.user}@{self.address}" if self.user else self.address

    @property
    def address(self) -> str:
        host = f"[{self.host}]" if ":" in self.host else self.host
        return f"{host}:{self.port}" if self.port else host


def ssh_target(uri: str) -> SshTarget | None:
    """What `uri` says of SSH; None when it goes another way. The URI has passed `check_uri`."""
    parts = urlsplit(uri)
    if _transport(uri) not in TRANSPORTS or not parts.hostname:
        return None
    given = dict(parse_qsl(parts.query))
    key, known_hosts = given.get("keyfile"), given.get("known_hosts")
    return SshTarget(
        host=parts.hostname,
        user=parts.username,
        port=parts.port,
        key=Path(key) if key else None,
        known_hosts=Path(known_hosts) if known_hosts else None,
        verify=given.get("no_verify", "0") == "0" and given.get("known_hosts_verify") != "ignore",
        command=given.get("command"),
    )


class LibvirtUri:
    """The URI as libvirt is to be given it. What it needs on disk is made at first use, and ends with the process at the latest."""

    def __init__(self, uri: str) -> None:
        self._uri = uri
        self._made = ""
        self._remove: weakref.finalize[..., LibvirtUri] | None = None

    def __call__(self) -> str:
        self._made = self._made or self._make()
        return self._made

    def forget(self) -> None:
        """Remove what was made; the next use makes it anew."""
        self._made = ""
        if self._remove is not None:
            self._remove()

    def _make(self) -> str:
        target = ssh_target(self._uri)
        if target is None or _transport(self._uri) != "ssh":
            return self._uri
        parts = urlsplit(self._uri)
        query = dict(parse_qsl(parts.query, keep_blank_values=True))
        query.pop("known_hosts", None)
        query["command"] = str(self._script(target))
        return parts._replace(query=urlencode(query, safe="/:")).geturl()

    def _script(self, target: SshTarget) -> Path:
        options = list(_SSH_OPTIONS)
        if target.known_hosts is not None:
            # In this option's value % starts a token, and a space a second file.
            file = str(target.known_hosts).replace("%", "%%").replace('"', '\\"')
            options.append(f'UserKnownHostsFile="{file}"')
        words = [target.command or "ssh", *(word for option in options for word in ("-o", option))]
        directory = Path(tempfile.mkdtemp(prefix="atp-ssh-"))
        self._remove = weakref.finalize(self, shutil.rmtree, directory, ignore_errors=True)
        script = directory / "ssh"
        script.write_text(f'#!/bin/sh\nexec {shlex.join(words)} "$@"\n')
        script.chmod(0o700)
        return script


def _transport(uri: str) -> str:
    return urlsplit(uri).scheme.partition("+")[2]
