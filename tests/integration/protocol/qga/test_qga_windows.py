"""What an agent in a Windows is told. It is a fake, since no Windows is at hand: it answers as qemu-ga documents for Windows."""

# ruff: noqa: ASYNC110 - the fake has no event

from __future__ import annotations

import asyncio
import base64
import hashlib
import json
from collections.abc import Awaitable, Callable
from typing import Any

import pytest

from ATPLibrary.protocol.qga import GuestFiles, Qga

pytestmark = pytest.mark.integration

CERTUTIL = """SHA256 hash of C:\\file:
{}
CertUtil: -hashfile command completed successfully.
"""


class Windows:
    """Commands by their process id; what each prints is `outputs`, by the program's name. One without goes on for ever."""

    def __init__(self) -> None:
        self.started: list[dict[str, Any]] = []
        self.ended: set[int] = set()
        self.outputs: dict[str, bytes] = {"taskkill.exe": b""}

    async def __call__(self, command: dict[str, Any], carry_out: Callable[[], Awaitable[str]]) -> str:
        arguments = command.get("arguments", {})
        match command["execute"]:
            case "guest-get-osinfo":
                answer: Any = {"id": "mswindows", "name": "Microsoft Windows"}
            case "guest-exec":
                self.started.append(arguments)
                if arguments["path"] == "taskkill.exe":
                    self.ended.add(int(arguments["arg"][1]))
                answer = {"pid": len(self.started)}
            case "guest-exec-status":
                pid = arguments["pid"]
                output = self.outputs.get(self.started[pid - 1]["path"])
                answer = {"exited": output is not None or pid in self.ended}
                if output is not None:
                    answer |= {"exitcode": 0, "out-data": base64.b64encode(output).decode()}
            case _:
                return await carry_out()
        return json.dumps({"return": answer})


@pytest.fixture
def windows(domain: Any) -> Windows:
    domain.fault = Windows()
    return domain.fault  # type: ignore[no-any-return]


async def test_a_line_is_cmd_s_and_its_output_is_decoded_as_that_windows_writes(qga: Qga, windows: Windows) -> None:
    windows.outputs["cmd.exe"] = "你好\r\n".encode("gbk")
    result = await qga.exec("echo 你好", encoding="gbk", timeout=5)
    assert result.stdout == "你好\r\n"
    assert windows.started[0]["arg"] == ["/d", "/s", "/c", "echo 你好"]


async def test_streamed_output_comes_at_the_end(qga: Qga, windows: Windows) -> None:
    windows.outputs["cmd.exe"] = b"done\r\n"
    told: list[tuple[str, str]] = []
    await qga.exec("ver", timeout=5, on_output=lambda stream, text: told.append((stream, text)))
    assert told == [("stdout", "done\r\n")]


async def test_a_cancelled_command_is_ended_by_taskkill_with_its_children(qga: Qga, windows: Windows) -> None:
    running = asyncio.create_task(qga.exec(["ping.exe", "-t", "localhost"], timeout=60))
    while not windows.started:
        await asyncio.sleep(0)
    running.cancel()
    with pytest.raises(asyncio.CancelledError):
        await running
    assert windows.started[1]["arg"] == ["/PID", "1", "/T", "/F"]


async def test_an_environment_replaces_a_variable_whatever_its_upper_and_lower_case(qga: Qga, windows: Windows) -> None:
    windows.outputs |= {"cmd.exe": "Path=C:\\Windows\r\nNAME=盘\r\n".encode("utf-16-le"), "tool.exe": b""}
    await qga.exec(["tool.exe"], environment={"PATH": "D:\\"}, timeout=5)
    assert windows.started[-1]["env"] == ["NAME=盘", "PATH=D:\\"]


@pytest.mark.parametrize("spaced", [False, True])  # old ones print the bytes apart
async def test_a_checksum_is_certutil_s(qga: Qga, windows: Windows, spaced: bool) -> None:
    sha256 = hashlib.sha256(b"content").hexdigest()
    printed = " ".join(sha256[i : i + 2] for i in range(0, 64, 2)) if spaced else sha256
    windows.outputs["certutil.exe"] = CERTUTIL.format(printed).encode()
    checksum = await GuestFiles(qga).checksum("C:\\file", 5)
    assert (checksum.sha256, checksum.made_by) == (sha256, "a command in the guest")
