"""vncdotool (PyPI), its own command with its own defaults: one process, one text."""

from __future__ import annotations

import asyncio
import sys
from pathlib import Path

from ..world import BenchVm
from .vnc_address import vnc_address

SECONDS = 120.0


async def type_text(vm: BenchVm, text: str) -> None:
    host, port = await vnc_address(vm)
    command = Path(sys.executable).with_name("vncdo")
    process = await asyncio.create_subprocess_exec(command, "-s", f"{host}::{port}", "type", text)
    try:
        async with asyncio.timeout(SECONDS):
            code = await process.wait()
    except BaseException:
        process.kill()
        await process.wait()
        raise
    if code:
        sys.exit(f"vncdo ended with {code}")
