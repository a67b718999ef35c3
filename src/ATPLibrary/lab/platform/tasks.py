"""The processes of a Linux guest, read through QEMU's guest agent."""

from __future__ import annotations

import asyncio
import base64
import json
from typing import Any

from ATPLibrary.errors import ATPError
from ATPLibrary.lab.platform.codes import Refusal
from ATPLibrary.lab.platform.shapes.vms import DomainTaskVO
from ATPLibrary.runtime import deadline
from ATPLibrary.transport.domain import Domain

ASK_SECONDS = 8.0
_SHOW = "cat /proc/[0-9]*/stat 2>/dev/null; echo; cat /proc/uptime"
_TICKS = 100  # a second, in /proc (USER_HZ)
_PAGE_KIB = 4


async def tasks(domain: Domain) -> list[DomainTaskVO]:
    """`memory` is resident, in KiB; `cpu` per cent of one processor over the process's life; `handle` its threads."""
    try:
        async with deadline(ASK_SECONDS, f"VM '{domain.name}'", wanted="tell its processes", got="did not"):
            output = await _run(domain, _SHOW)
    except ATPError as error:
        raise Refusal(f"虚机代理没有应答: {error} (the guest's agent doesn't answer)") from error
    lines, _, rest = output.rpartition("\n\n")
    uptime = float((rest.split() or ["0"])[0])
    return [task for line in lines.splitlines() if (task := _task(line, uptime)) is not None]


def _task(line: str, uptime: float) -> DomainTaskVO | None:
    """A line of /proc/PID/stat (proc(5)); the name is in brackets and may have any character."""
    pid, _, rest = line.partition(" (")
    name, closed, numbers = rest.rpartition(") ")
    fields = numbers.split()
    if not closed or len(fields) < 22:
        return None
    used, age = (int(fields[11]) + int(fields[12])) / _TICKS, uptime - int(fields[19]) / _TICKS
    return {
        "pid": int(pid),
        "name": name,
        "cpu": round(100 * used / age) if age > 0 else 0,
        "memory": int(fields[21]) * _PAGE_KIB,
        "handle": int(fields[17]),
    }


async def _run(domain: Domain, script: str) -> str:
    arguments = {"path": "/bin/sh", "arg": ["-c", script], "capture-output": True}
    pid = (await _agent(domain, "guest-exec", arguments))["pid"]
    while True:
        status = await _agent(domain, "guest-exec-status", {"pid": pid})
        if status["exited"]:
            return base64.b64decode(status.get("out-data", "")).decode(errors="replace")
        await asyncio.sleep(0.05)  # the agent has no way to tell


async def _agent(domain: Domain, command: str, arguments: dict[str, Any]) -> Any:
    text = json.dumps({"execute": command, "arguments": arguments})
    return json.loads(await domain.agent_command(text, ASK_SECONDS))["return"]
