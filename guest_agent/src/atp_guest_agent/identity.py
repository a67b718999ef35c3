"""Which guest is this? DMI serial, DMI UUID or host name; the boot; and the token the host may ask for."""

from __future__ import annotations

import os

DMI = "/sys/class/dmi/id"
BOOT_ID = "/proc/sys/kernel/random/boot_id"
TOKEN_PREFIX = "atp-token:"

# What firmware writes when nobody gave a serial.
_PLACEHOLDERS = frozenset(
    (
        "",
        "0",
        "none",
        "n/a",
        "unknown",
        "default string",
        "not specified",
        "not applicable",
        "not available",
        "system serial number",
        "to be filled by o.e.m.",
        "0123456789",
        "123456789",
        "00000000-0000-0000-0000-000000000000",
        "ffffffff-ffff-ffff-ffff-ffffffffffff",
    )
)


class Identity:
    """vm_id and where it is from (`dmi_serial`, `dmi_uuid`, `hostname`, or `option` for --vm-id), boot_id, token (or None)."""

    def __init__(self, vm_id: str, vm_id_source: str, boot_id: str, token: str | None) -> None:
        self.vm_id = vm_id
        self.vm_id_source = vm_id_source
        self.boot_id = boot_id
        self.token = token


def find(vm_id: str | None = None, token_file: str | None = None, dmi: str = DMI) -> Identity:
    """Identity of this guest. `token_file` must be readable if given (OSError); everything else falls back to the next source."""
    serial, uuid, tag = (
        _first_line(f"{dmi}/{name}") for name in ("product_serial", "product_uuid", "chassis_asset_tag")
    )
    found = choose(vm_id, serial, uuid, os.uname().nodename)
    return Identity(*found, _first_line(BOOT_ID), token(token_file, tag))


def choose(vm_id: str | None, serial: str, uuid: str, host_name: str) -> tuple[str, str]:
    """vm_id and vm_id_source, from what was given and what the firmware says ("": nothing)."""
    if vm_id is not None:
        return vm_id, "option"
    for value, source in ((serial, "dmi_serial"), (uuid, "dmi_uuid")):
        if value.lower() not in _PLACEHOLDERS:
            return value, source
    return host_name, "hostname"


def token(token_file: str | None, asset_tag: str) -> str | None:
    """The token in the file, else the one in the chassis's asset tag. Raises OSError for a file that can't be read."""
    if token_file is not None:
        with open(token_file, encoding="utf-8") as file:
            return file.read(4096).strip() or None
    return asset_tag[len(TOKEN_PREFIX) :] or None if asset_tag.startswith(TOKEN_PREFIX) else None


def _first_line(path: str) -> str:
    try:
        with open(path, "rb") as file:
            return file.read(4096).decode("utf-8", "replace").split("\n", 1)[0].strip()
    except OSError:
        return ""
