"""What the emulated VMs are called, and where their sockets are: the peers, those who call them, and the domain XML agree here."""

from __future__ import annotations

from pathlib import Path

AGENT_CHANNEL = "com.vmagent.sock"


def name_of(number: int) -> str:
    return f"many-{number:04d}"


def uuid_of(number: int) -> str:
    return f"00000000-0000-4000-8000-{number:012d}"


def qmp_socket(directory: Path, number: int) -> Path:
    return directory / f"{number}.qmp"


def agent_socket(directory: Path, number: int) -> Path:
    return directory / f"{number}.agent"
