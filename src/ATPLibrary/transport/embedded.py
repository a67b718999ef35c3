"""`qemu:///embed?root=DIR`: libvirt's QEMU driver inside this process, with everything of its own below DIR (https://libvirt.org/drvqemu.html).

There is no daemon: a VM's definition, log and sockets are in DIR, and a VM runs on when the process ends; whoever opens DIR next
has it again. One process at a time can open a DIR, and a process one DIR; from then on libvirt lets it reach no daemon of its own
machine. See docs/decisions/0019-embedded-libvirt.md.
"""

from __future__ import annotations

from pathlib import Path
from urllib.parse import parse_qs, urlsplit

from ATPLibrary.errors import HostError

# QEMU's output goes to a file of its own. By default libvirt starts virtlogd for it, which nobody ends here.
_QEMU_CONF = """\
# Written by ATPLibrary, once: change it as you like. /etc/libvirt/qemu.conf explains what there is.
stdio_handler = "file"
"""
# As whom Debian's libvirt runs QEMU when it is root itself.
_QEMU_USER = "libvirt-qemu"
_NOT_STARTED = "state driver is not active"


def root_of(uri: str) -> Path | None:
    """The directory of an embedded libvirt; None for any other URI."""
    parts = urlsplit(uri)
    if parts.scheme != "qemu" or parts.path != "/embed":
        return None
    return Path(parse_qs(parts.query)["root"][0])


def prepare(host: str, root: Path) -> None:
    """Make the directory and its `etc/qemu.conf` where they aren't there. Blocks; `HostError` when it can't be."""
    file = root / "etc" / "qemu.conf"
    try:
        file.parent.mkdir(parents=True, exist_ok=True)
        if not file.exists():
            file.write_text(_QEMU_CONF, encoding="utf-8")
    except OSError as error:
        raise HostError.about(
            f"The directory '{root}' of host '{host}'", wanted="be made", got=f"was not: {error.strerror}",
            next_step="Give root= a directory that this user may write",
        ) from error  # fmt: skip


def advice(uri: str, said: str) -> str:
    """The next step when `uri` couldn't be opened for a reason of an embedded libvirt's; else empty."""
    if root_of(uri) is None:
        shadowed = ("missing uri parameter 'root'", "no connection driver available", _NOT_STARTED)
        if urlsplit(uri).hostname is None and any(words in said.lower() for words in shadowed):
            return (
                "A process that uses an embedded libvirt can't reach a daemon of its own machine: use either in a run"
            )
        return ""
    if f"Failed to parse user '{_QEMU_USER}'" in said:
        return (
            f"As root it runs QEMU as the user '{_QEMU_USER}', whom this machine hasn't: install Debian's "
            "libvirt-daemon-system, or run the test as an ordinary user"
        )
    if "pid file" in said:
        return "One process at a time can open that directory: end the other one, or give root= another, and run again"
    if "already open with path" in said:
        return "A process has one embedded libvirt: use one root="
    if _NOT_STARTED in said:
        return "It didn't start before in this process, and isn't tried again: mend that, and run again"
    return ""
