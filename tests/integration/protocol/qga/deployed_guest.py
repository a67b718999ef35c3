"""A VM whose guest is this machine: a real qemu-ga, the real agent as a process, and the verification service that it dials."""

from __future__ import annotations

import contextlib
import json
import os
import shutil
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any

from ATPLibrary import agent_package
from ATPLibrary.agent_package import AgentPackage
from ATPLibrary.config import Config
from ATPLibrary.orchestrator.deployment import Deployed, Wish, deploy
from ATPLibrary.orchestrator.deployment.posix import PosixGuest
from ATPLibrary.orchestrator.machine import Machine
from ATPLibrary.orchestrator.served_agents import ServedAgents, identity
from ATPLibrary.protocol.qga import Qga
from ATPLibrary.protocol.qga.agent import PORT
from ATPLibrary.secrets import Secret
from ATPLibrary.transport.description import DomainDescription, parse_description
from ATPLibrary.transport.domain_state import DomainState, VmState

PATIENCE = 60.0
XML = f"""<domain><name>win11</name><devices>
<channel type='unix'><target type='virtio' name='{PORT}' state='connected'/></channel></devices></domain>"""


def variant(directory: Path, version: str, main: str | None = None) -> AgentPackage:
    """The agent, but of this version; with `main` that is what it does when it is to run."""
    source = agent_package.source()
    assert source is not None
    package = directory / version / "atp_guest_agent"
    shutil.copytree(source, package, ignore=shutil.ignore_patterns("__pycache__"))
    init = package / "__init__.py"
    ours = agent_package.build().version
    init.write_text(init.read_text().replace(f'__version__ = "{ours}"', f'__version__ = "{version}"'))
    if main is not None:
        (package / "__main__.py").rename(package / "ours.py")
        told = "if {'--version', '--systemd-unit'} & {*sys.argv}:\n    from atp_guest_agent.ours import main\n"
        (package / "__main__.py").write_text(f"import sys\n\n{told}else:\n    {main}\n")
    return agent_package.build(package)


class Guest:
    """`machine` is the VM, `directory` where its agent goes, `told` all that its qemu-ga was told, as JSON."""

    def __init__(self, domain: Any, place: Path) -> None:
        self.domain = domain
        self.place = place
        self.directory = place / "lib" / "atp-agent"
        self.unit = place / "units" / "atp-agent.service"
        self.unit.parent.mkdir()
        self.told: list[dict[str, Any]] = []
        self.said: list[str] = []
        self.fault: Callable[[dict[str, Any], Callable[[], Awaitable[str]]], Awaitable[str]] | None = None
        self.sides = 0
        self.token = Secret("a-token-of-forty-characters-and-some-more")
        domain.fault = self._carry_out

        async def description(timeout: float, refresh: bool = False) -> DomainDescription:
            return parse_description(XML)

        async def state(timeout: float) -> DomainState:
            return DomainState(VmState.RUNNING, "")

        domain.description, domain.state = description, state
        config = Config.model_validate(
            {"agent": {"via": "service", "token": self.token.reveal()},
             "service": {"tcp_port": None, "websocket_port": None, "unix_socket": place / "s"}}
        )  # fmt: skip
        self.served = ServedAgents(domain.host.bus)
        self.machine = Machine(domain, config, domain.host.bus, self.served)

    async def start(self) -> None:
        await self.served.start(self.machine.config.service, PATIENCE)
        self.served.tokens.issue(await identity(self.machine, PATIENCE), self.token)

    async def close(self) -> None:
        self.fault = None
        await self.side().remove(PATIENCE)
        await self.machine.close()
        await self.served.stop()

    def side(self, name: str = "test") -> PosixGuest:
        side = PosixGuest(Qga(self.domain), name, (str(self.directory),), str(self.unit))
        return side

    def wish(self, package: AgentPackage | None = None, **more: Any) -> Wish:
        return Wish(package or agent_package.build(), str(self.place / "s"), ("--vm-id", "win11"), self.token, **more)

    async def deploy(self, package: AgentPackage | None = None, timeout: float = PATIENCE, **more: Any) -> Deployed:
        self.sides += 1
        side = self.side(f"test{self.sides}")
        return await deploy(self.machine, self.wish(package, **more), timeout, self.said.append, side)

    async def version(self) -> str:
        """Of the agent that answers."""
        session = await self.machine.agent(PATIENCE)
        await session.ensure_watching(PATIENCE)
        assert session.hello is not None
        return session.hello.version

    @property
    def pid(self) -> int:
        return int((self.directory / "pid").read_text())

    def files(self) -> dict[str, int]:
        """Names and permissions of what there is in the agent's directory; none where there is none."""
        there = {}
        with contextlib.suppress(FileNotFoundError):  # While they are taken back, a name that was listed may be gone.
            for path in self.directory.iterdir():
                with contextlib.suppress(FileNotFoundError):
                    there[path.name] = path.stat().st_mode & 0o777
        return there

    def runs(self, pid: int) -> bool:
        try:
            return str(self.directory).encode() in Path(f"/proc/{pid}/cmdline").read_bytes()
        except OSError:
            return False

    def processes(self) -> list[int]:
        """Of agents out of this directory. (A process that has ended and that nobody has waited for has no command line.)"""
        return [int(name) for name in os.listdir("/proc") if name.isdecimal() and self.runs(int(name))]

    async def _carry_out(self, command: dict[str, Any], carry_out: Callable[[], Awaitable[str]]) -> str:
        self.told.append(json.loads(json.dumps(command)))
        return await (carry_out() if self.fault is None else self.fault(command, carry_out))
