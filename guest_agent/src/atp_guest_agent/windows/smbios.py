"""Which guest is this, on Windows: the firmware's table (SMBIOS), the computer's name, and the time of the boot."""

from __future__ import annotations

import ctypes
import os
import uuid
from ctypes import byref, sizeof

from atp_guest_agent.identity import Identity, choose, token
from atp_guest_agent.windows import structures, win32

_RSMB = 0x52534D42
_HEADER = 8  # of what Windows puts before the table: calling method, version, revision, length
_SYSTEM, _CHASSIS, _END = 1, 3, 127
_TIME_OF_DAY = 3  # SystemTimeOfDayInformation


def find(api: win32.Win32, vm_id: str | None = None, token_file: str | None = None) -> Identity:
    """Identity of this guest. `token_file` must be readable if given (OSError)."""
    serial, system_uuid, tag = parse(table(api))
    chosen = choose(vm_id, serial, system_uuid, os.environ.get("COMPUTERNAME", ""))
    return Identity(*chosen, boot_id(api), token(token_file, tag))


def table(api: win32.Win32) -> bytes:
    """SMBIOS structures, one after another; b"" where the firmware has none."""
    size = api.GetSystemFirmwareTable(_RSMB, 0, None, 0)
    if not size:
        return b""
    buffer = ctypes.create_string_buffer(size)
    got = api.GetSystemFirmwareTable(_RSMB, 0, buffer, size)
    return buffer.raw[_HEADER:got] if 0 < got <= size else b""


def parse(data: bytes) -> tuple[str, str, str]:
    """The system's serial and UUID, and the chassis's asset tag (SMBIOS 3.6, 7.2 and 7.4); "" for what isn't said."""
    serial = system_uuid = tag = ""
    at = 0
    while at + 4 <= len(data):
        kind, length = data[at], data[at + 1]
        formatted = data[at : at + length]
        end = data.find(b"\0\0", at + length)
        if kind == _END or length < 4 or end < 0:
            break
        strings = data[at + length : end].split(b"\0")
        if kind == _SYSTEM and not serial and not system_uuid:
            serial = _string(strings, formatted, 0x07)
            system_uuid = _uuid(formatted[0x08:0x18])
        elif kind == _CHASSIS and not tag:
            tag = _string(strings, formatted, 0x08)
        at = end + 2
    return serial, system_uuid, tag


def boot_id(api: win32.Win32) -> str:
    """Another one after each boot, and the same until then: when Windows booted, by the clock as it was then."""
    said = structures.TIMEOFDAY()
    if api.NtQuerySystemInformation(_TIME_OF_DAY, byref(said), sizeof(said), None):
        return ""
    return f"windows-{said.BootTime - said.BootTimeBias:x}"


def _string(strings: list[bytes], formatted: bytes, offset: int) -> str:
    number = formatted[offset] if offset < len(formatted) else 0
    return strings[number - 1].decode("utf-8", "replace").strip() if 0 < number <= len(strings) else ""


def _uuid(data: bytes) -> str:
    """As Linux and libvirt spell it: the first three fields are little-endian (SMBIOS 2.6 and later)."""
    return str(uuid.UUID(bytes_le=bytes(data))) if len(data) == 16 else ""
