"""What a Windows is told when it gets the agent. A fake, as no Windows is at hand: it answers as qemu-ga and the script do."""

from __future__ import annotations

import base64
import hashlib
import json
import re
from collections.abc import AsyncIterator, Awaitable, Callable
from pathlib import Path
from typing import Any

import pytest
import pytest_asyncio
from tests.integration.protocol.qga.deployed_guest import PATIENCE, Guest
from tests.integration.verifier.dialling_agent import DiallingAgent

from ATPLibrary import agent_package
from ATPLibrary.errors import AgentError
from ATPLibrary.orchestrator.deployment import deploy, deploying, remove
from ATPLibrary.orchestrator.deployment.windows import WindowsGuest
from ATPLibrary.protocol.qga import Qga

pytestmark = pytest.mark.integration

OURS = "0.1"  # what the agent that dials says
PACKAGE = agent_package.AgentPackage(agent_package.build().content, OURS)
DIRECTORY = r"C:\ProgramData\ATP\agent"
PYTHON = r"C:\Program Files\Python312\python.exe"
STAGE = rf"{DIRECTORY}\.new-test"


class Windows:
    """Files by their paths, and what each script was asked. `survey` is what the script finds; `fails` has verbs that fail."""

    def __init__(self) -> None:
        self.files: dict[str, bytearray] = {}
        self.started: list[list[str]] = []
        self.verbs: list[str] = []
        self.survey = [f"directory={DIRECTORY}", "administrator=True", f"python={PYTHON} 3.12.4"]
        self.fails: dict[str, str] = {}
        self._outputs: list[tuple[int, str, str]] = []

    async def __call__(self, command: dict[str, Any], carry_out: Callable[[], Awaitable[str]]) -> str:
        given = command.get("arguments", {})
        match command["execute"]:
            case "guest-get-osinfo":
                answer: Any = {"id": "mswindows", "name": "Microsoft Windows"}
            case "guest-file-open":
                if given["mode"].startswith("w"):
                    self.files[given["path"]] = bytearray()
                answer = [*self.files].index(given["path"])
            case "guest-file-write":
                data = base64.b64decode(given["buf-b64"])
                self.files[[*self.files][given["handle"]]] += data
                answer = {"count": len(data), "eof": False}
            case "guest-file-close":
                answer = {}
            case "guest-exec":
                self.started.append([given["path"], *given["arg"]])
                self._outputs.append(self._run([given["path"], *given["arg"]]))
                answer = {"pid": len(self._outputs)}
            case "guest-exec-status":
                code, out, err = self._outputs[given["pid"] - 1]
                texts = {
                    "out-data": base64.b64encode(out.encode()).decode(),
                    "err-data": base64.b64encode(err.encode()).decode(),
                }
                answer = {"exited": True, "exitcode": code, **texts}
            case _:
                return await carry_out()
        return json.dumps({"return": answer})

    def _run(self, words: list[str]) -> tuple[int, str, str]:
        if words[0] == "certutil.exe":
            return 0, f"{hashlib.sha256(self.files[words[2]]).hexdigest()}\r\n", ""
        if words[0] == PYTHON:
            assert words == [PYTHON, "-I", "-S", rf"{STAGE}\agent.pyz", "--version"]
            return 0, f"atp-guest-agent {OURS}\r\n", ""
        script = script_of(words)
        if script.startswith("$ProgressPreference = 'SilentlyContinue'\nif (Test-Path"):
            return 0, "yes" if any(f"'{path}'" in script for path in self.files) else "", ""
        found = re.search(r"^\$verb = '(\w+)'$", script, re.MULTILINE)
        assert found is not None, script
        self.verbs.append(found[1])
        if found[1] in self.fails:
            return 1, "", self.fails[found[1]]
        if found[1] == "switch":
            for path in [each for each in self.files if each.startswith(STAGE)]:
                self.files[path.replace(r"\.new-test", "")] = self.files[path]
        if found[1] in ("switch", "undo", "finish"):
            # The handles are numbers in this dictionary: an empty file keeps its place.
            for path in [each for each in self.files if each.startswith(STAGE)]:
                self.files[path] = bytearray()
        told = {"survey": self.survey, "remove": [f"removed={DIRECTORY}"], "why": ["service ATPGuestAgent is Stopped"]}
        return 0, "\r\n".join(told.get(found[1], [])), ""


def script_of(words: list[str]) -> str:
    assert words[0] == "powershell.exe"
    return base64.b64decode(words[words.index("-EncodedCommand") + 1]).decode("utf-16-le")


@pytest.fixture
def windows() -> Windows:
    return Windows()


@pytest_asyncio.fixture
async def guest(domain: Any, tmp_path: Path, windows: Windows) -> AsyncIterator[Guest]:
    made = Guest(domain, tmp_path)
    made.fault = windows
    await made.start()
    yield made
    await made.machine.close()
    await made.served.stop()


async def test_it_is_pushed_tried_and_made_a_service(guest: Guest, windows: Windows) -> None:
    wish = guest.wish(PACKAGE)
    async with DiallingAgent("unix", str(guest.place / "s"), "win11", guest.token.reveal()):
        deployed = await deploy(
            guest.machine, wish, PATIENCE, guest.said.append, WindowsGuest(Qga(guest.domain), "test")
        )
    assert (deployed.version, deployed.directory, deployed.python) == (OURS, DIRECTORY, PYTHON)
    assert deployed.keeper == "service ATPGuestAgent"
    assert windows.verbs == ["survey", "stage", "switch", "finish"]
    assert bytes(windows.files[rf"{DIRECTORY}\agent.pyz"]) == wish.package.content
    assert bytes(windows.files[rf"{DIRECTORY}\token"]).decode() == guest.token.reveal()
    assert windows.files[rf"{DIRECTORY}\run"].decode().split("\r\n") == [
        PYTHON, "--port", str(guest.place / "s"), "--vm-id", "win11", "--log", rf"{DIRECTORY}\log",
        "--token-file", rf"{DIRECTORY}\token", "",
    ]  # fmt: skip


async def test_the_token_is_in_no_command_line(guest: Guest, windows: Windows) -> None:
    async with DiallingAgent("unix", str(guest.place / "s"), "win11", guest.token.reveal()):
        await deploy(
            guest.machine, guest.wish(PACKAGE), PATIENCE, guest.said.append, WindowsGuest(Qga(guest.domain), "test")
        )
    said = [
        *(" ".join(words) for words in windows.started),
        *(script_of(w) for w in windows.started if w[0].startswith("power")),
    ]
    assert [each for each in said if guest.token.reveal() in each] == []


async def test_one_that_does_not_answer_is_taken_back_and_its_state_is_told(
    guest: Guest, windows: Windows, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(deploying, "ANSWER_SECONDS", 0.3)
    with pytest.raises(
        AgentError, match=r"Last seen: service ATPGuestAgent is Stopped\. Nothing of it is left in the guest"
    ):
        await deploy(
            guest.machine, guest.wish(PACKAGE), PATIENCE, guest.said.append, WindowsGuest(Qga(guest.domain), "test")
        )
    assert windows.verbs == ["survey", "stage", "switch", "why", "undo"]


async def test_a_second_deployment_at_the_same_time_is_refused(guest: Guest, windows: Windows) -> None:
    windows.survey.append("busy=process 4711 on ci-3")
    with pytest.raises(
        AgentError, match=r"one deployment at a time but is being changed by another: process 4711 on ci-3\."
    ):
        await deploy(
            guest.machine, guest.wish(PACKAGE), PATIENCE, guest.said.append, WindowsGuest(Qga(guest.domain), "test")
        )
    assert windows.verbs == ["survey"]


@pytest.mark.parametrize("verb", ["stage", "switch"])
async def test_what_windows_refuses_is_said_and_taken_back(guest: Guest, windows: Windows, verb: str) -> None:
    windows.fails[verb] = "Access to the path is denied."
    with pytest.raises(
        AgentError, match=rf"the step '{verb}' should succeed but failed with exit code 1\. Last seen: Access to"
    ):
        await deploy(
            guest.machine, guest.wish(PACKAGE), PATIENCE, guest.said.append, WindowsGuest(Qga(guest.domain), "test")
        )
    assert windows.verbs[-1] == "undo"


HERE = (f"directory={DIRECTORY}", "administrator=True")
NEWER = ("version=atp-guest-agent 99.1", "installed=yes")


@pytest.mark.parametrize(
    ("survey", "why"),
    [
        (
            [*HERE],
            r"a Python 3\.8 or later for the agent but has none\. Last seen: looked for the installations for all",
        ),
        ([HERE[0], "administrator=False"], "its qemu-ga is no administrator"),
        ([*HERE, f"python={PYTHON} ?"], r"has only C:\\.*which does not run"),
        ([*HERE, f"python={PYTHON} 3.12.4", *NEWER], r"The agent 99\.1 in VM 'win11' should give way"),
    ],
)
async def test_a_guest_that_can_not_have_it_is_told_why(
    guest: Guest, windows: Windows, survey: list[str], why: str
) -> None:
    windows.survey = survey
    with pytest.raises(AgentError, match=why):
        await deploy(
            guest.machine, guest.wish(PACKAGE), PATIENCE, guest.said.append, WindowsGuest(Qga(guest.domain), "test")
        )
    assert windows.verbs == ["survey"]


async def test_it_is_removed(guest: Guest, windows: Windows) -> None:
    assert await remove(guest.machine, PATIENCE, WindowsGuest(Qga(guest.domain), "test")) == DIRECTORY
    assert windows.verbs == ["survey", "remove"]
