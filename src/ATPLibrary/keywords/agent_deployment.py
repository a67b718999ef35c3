"""Keywords that bring the verifier's agent into a guest, and take it away."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta
from pathlib import Path
from typing import TYPE_CHECKING

from robot.api import logger
from robot.api.deco import keyword
from robot.api.types import Secret

from ATPLibrary.keywords.assertions import Operator, check
from ATPLibrary.keywords.component import in_seconds, named
from ATPLibrary.keywords.telling import Telling

if TYPE_CHECKING:
    from ATPLibrary.orchestrator.deployment import Deployed


class AgentDeploymentKeywords(Telling):
    @keyword(tags=["Verification"])
    def deploy_agent(
        self,
        vm: str | None = None,
        *,
        channel: str | None = None,
        connect: str | None = None,
        token: Secret | None = None,
        force: bool = False,
        pyz: Path | None = None,
        python: str | None = None,
        timeout: timedelta = timedelta(minutes=2),
    ) -> str:
        """Brings the verifier's agent into a guest through QEMU's guest agent, starts it, and waits until it answers.

        The guest needs qemu-ga as root, a Python 3.8 or later, and no network. The agent is copied beside its place, proved there
        by its SHA-256, and tried; then it takes the place of an older one. When it doesn't answer, or anything else goes wrong, the
        guest is as it was before: the old one runs again. Where systemd runs, it starts the agent with the guest; elsewhere it runs
        until the guest stops, and the log says so. A guest that runs the same agent is left alone. Returns the version that runs.

        - ``vm``: the VM's name or UUID; by default the current VM.
        - ``channel``: the virtio-serial port on which the agent speaks, or a path in the guest; by default ``agent: channel`` of
          the configuration.
        - ``connect``: for a VM without that port: the verification service as the guest reaches it, such as
          ``tcp://192.0.2.7:8766``: ``ws://``, ``wss://``, ``tcp://``, ``tcp+tls://`` or ``unix:///PATH``; anything else is refused
          before anything is sent. `Start Verification Service` must have been used; the token is made.
        - ``token``: what the agent shows to be this VM's; by default ``agent: token`` of the configuration, else the agent finds
          it in the VM's SMBIOS. It goes into a file that only the guest's root can read.
        - ``force``: ``True`` also puts an older version in the place of a newer one, and the same one anew.
        - ``pyz``: an agent of another version, as ``atp agent build`` writes it; by default the one of this library.
        - ``python``: the path of the guest's Python, where it is in no usual place.
        - ``timeout``: for all of it.

        Example:
        | Connect To VM    win11
        | ${version} =    Deploy Agent
        | Type Text    Hello from ATP!
        | Remove Agent
        """
        seconds = in_seconds(timeout)

        async def deploy(say: Callable[[str], None]) -> tuple[str, Deployed]:
            from ATPLibrary import agent_package
            from ATPLibrary.orchestrator.deployment import deploy, wish_for

            machine = await self.machine(vm, seconds)
            package = agent_package.build() if pyz is None else agent_package.read(pyz)
            wish = await wish_for(
                machine,
                package,
                seconds,
                channel=channel,
                connect=connect,
                served=self.workspace.served_agents,
                token=token,
                python=python,
                force=force,
            )
            return machine.name, await deploy(machine, wish, seconds, say)

        name, deployed = self.wait_telling(deploy, seconds, f"Deploying the agent to {named(vm)}")
        logger.info(_sentence(name, deployed))
        return deployed.version

    @keyword(tags=["Verification"])
    def remove_agent(self, vm: str | None = None, timeout: timedelta | None = None) -> None:
        """Ends the agent that `Deploy Agent` has put into a guest, and takes away all that belongs to it: files, token, service.

        Harmless when there is none. An agent that the guest's image brought, or that was started by hand, stays.

        - ``vm``: the VM's name or UUID; by default the current VM.
        - ``timeout``: by default ``timeouts.agent`` of the configuration (60 s).

        Example:
        | Connect To VM    win11
        | Deploy Agent
        | Remove Agent
        """
        seconds = self.seconds(timeout, "agent")

        async def take_away() -> tuple[str, str]:
            from ATPLibrary.orchestrator.deployment import remove

            machine = await self.machine(vm, seconds)
            return machine.name, await remove(machine, seconds)

        name, directory = self.wait(take_away(), seconds, f"Removing the agent of {named(vm)}")
        if directory:
            logger.info(f"The agent is gone from VM '{name}': it was in {directory}.")
        else:
            logger.info(f"'Deploy Agent' has put no agent into VM '{name}': nothing was removed.")

    @keyword(tags=["Verification", "Getter"])
    def get_agent_version(
        self,
        vm: str | None = None,
        operator: Operator | None = None,
        expected: str | None = None,
        timeout: timedelta | None = None,
    ) -> str:
        """Returns the version of the agent that answers in a guest, such as ``0.1.0``. Fails when none answers.

        - ``vm``: the VM's name or UUID; by default the current VM.
        - ``operator`` and ``expected``: an assertion, such as ``==  0.1.0``.
        - ``timeout``: by default ``timeouts.command`` of the configuration (10 s).

        Example:
        | Connect To VM    win11
        | ${version} =    Get Agent Version
        | Get Agent Version    win11    matches    ^0\\\\.
        """
        seconds = self.seconds(timeout, "command")

        async def ask() -> tuple[str, str]:
            machine = await self.machine(vm, seconds)
            session = await machine.agent(seconds)
            await session.ensure_watching(seconds)
            return machine.name, session.hello.version if session.hello is not None else ""

        name, version = self.wait(ask(), seconds, f"Asking the agent of {named(vm)} for its version")
        logger.info(f"Agent {version} answers in VM '{name}'.")
        check(f"The version of the agent in VM '{name}'", version, operator, expected)
        return version


def _sentence(name: str, deployed: Deployed) -> str:
    if not deployed.directory:
        return f"VM '{name}' runs agent {deployed.version} already. 'Deploy Agent' has not put it there, and leaves it alone."
    where = f"in {deployed.directory}, under {deployed.python}"
    if not deployed.is_new:
        return f"VM '{name}' runs agent {deployed.version} already, {where}. Nothing was changed."
    kept = (
        f"{deployed.keeper} starts it with the guest"
        if deployed.keeper
        else "nobody starts it again when the guest has stopped: this guest has no systemd"
    )
    before = f" in place of {deployed.before}" if deployed.before else ""
    return f"VM '{name}' runs agent {deployed.version}{before}, {where}; {kept}."
