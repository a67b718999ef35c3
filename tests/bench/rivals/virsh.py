"""A loop of `virsh send-key`: a process a key."""

from __future__ import annotations

import asyncio
import sys

from ..world import BenchVm


async def type_text(vm: BenchVm, text: str) -> None:
    for character in text:
        name = "KEY_SPACE" if character == " " else f"KEY_{character.upper()}"
        process = await asyncio.create_subprocess_exec(
            "virsh", "-q", "-c", vm.uri, "send-key", vm.domain.name, name, stdout=asyncio.subprocess.DEVNULL
        )
        if await process.wait():
            sys.exit(f"virsh send-key failed with {process.returncode}")
