"""Keywords about agents that dial in: the service that they reach, and the tokens that tell them apart."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta
from pathlib import Path
from typing import TYPE_CHECKING

from robot.api import logger
from robot.api.deco import keyword
from robot.api.types import Secret

from ATPLibrary.errors import ConfigError, InputError
from ATPLibrary.keywords.assertions import Operator, check
from ATPLibrary.keywords.component import Component, named

if TYPE_CHECKING:
    from ATPLibrary.config import ServiceSettings
    from ATPLibrary.orchestrator import Machine
    from ATPLibrary.secrets import Secret as OurSecret
    from ATPLibrary.verifier.service.tokens import VmIdentity

STOP_SECONDS = 5.0


class VerificationServiceKeywords(Component):
    @keyword(tags=["Verification"])
    def start_verification_service(
        self,
        host: str | None = None,
        *,
        websocket_port: int | None = None,
        tcp_port: int | None = None,
        unix_socket: Path | None = None,
        timeout: timedelta | None = None,
    ) -> dict[str, str]:
        """Listens for agents that dial in, for VMs without a virtio-serial port, or with ``agent: {via: service}``.

        Returns the addresses: ``tcp``, ``websocket``, ``unix``. It runs until `Stop Verification Service` or the end of the run.
        What isn't given is the configuration's (``service``). Only an agent with its VM's token is let in: `Create Agent Token`.

        - ``host``: the address of this machine to listen on; by default ``127.0.0.1``, which only this machine reaches. On
          others give a certificate and key in the configuration too: without them whoever is in between reads the tokens.
        - ``websocket_port``: by default 8765; ``0`` is any free one.
        - ``tcp_port``: by default 8766; ``0`` is any free one.
        - ``unix_socket``: a path of at most 107 bytes, for agents on this machine; by default none.
        - ``timeout``: by default ``timeouts.command`` of the configuration (10 s).

        Example:
        | &{addresses} =    Start Verification Service    websocket_port=0    tcp_port=0
        | Log    Agents dial ${addresses}[tcp]
        | Stop Verification Service
        """
        seconds = self.seconds(timeout, "command")
        given = {
            "host": host, "websocket_port": websocket_port, "tcp_port": tcp_port, "unix_socket": unix_socket,
        }  # fmt: skip
        settings = self._settings({name: value for name, value in given.items() if value is not None})

        async def start() -> dict[str, str]:
            return (await self.workspace.served_agents.start(settings, seconds)).addresses

        addresses = self.wait(start(), seconds, "Starting the verification service")

        from ATPLibrary.verifier.service.service import is_exposed

        logger.info(f"Agents can dial in at {', '.join(addresses.values())}.")
        if is_exposed(settings, addresses):
            logger.warn(
                f"Other machines reach the verification service on {settings.host}, unencrypted: whoever is in between reads the "
                "agents' tokens. Give 'service: certificate' and 'key' in the configuration."
            )
        return addresses

    @keyword(tags=["Verification"])
    def stop_verification_service(self) -> None:
        """Ends the service and the connections of all agents. Tokens stay valid for when it is started again.

        Harmless when it doesn't run.

        Example:
        | Start Verification Service    websocket_port=0    tcp_port=0
        | Stop Verification Service
        """
        self.wait(self.workspace.served_agents.stop(), STOP_SECONDS, "Stopping the verification service")
        logger.info("No agent can dial in any more.")

    @keyword(tags=["Verification"])
    def create_agent_token(
        self,
        vm: str | None = None,
        *,
        token: Secret | None = None,
        vm_id: str | None = None,
        file: Path | None = None,
        timeout: timedelta | None = None,
    ) -> Secret:
        """Makes the token with which a VM's agent is let in by the verification service, and returns it as a secret.

        A token that the VM had is no longer valid, and a connection that was made with it ends; `Rotate Agent Token` changes it
        without that. Tokens live until the end of the run.

        - ``vm``: the VM's name or UUID; by default the current VM.
        - ``token``: one that the guest has already; by default a new one of 43 random characters.
        - ``vm_id``: what the agent calls the VM, where that is none of its name, UUID and SMBIOS serial number.
        - ``file``: a file of this machine to write it to as well, which only you may read: for `Push File To Guest`.
        - ``timeout``: by default ``timeouts.command`` of the configuration (10 s).

        Example:
        | Connect To VM    win11
        | ${token} =    Create Agent Token    file=${TEMPDIR}/token
        """

        def new_token(machine: VmIdentity) -> Secret:
            given = None if token is None else _ours(token)
            agents = self.workspace.served_agents
            made = agents.tokens.issue(machine, given)
            if agents.service is not None:
                agents.service.drop(machine, "its token is no longer valid")
            return Secret(made.reveal())

        return self._token(new_token, vm, vm_id, file, timeout)

    @keyword(tags=["Verification"])
    def rotate_agent_token(
        self, vm: str | None = None, *, file: Path | None = None, timeout: timedelta | None = None
    ) -> Secret:
        """Makes a new token for a VM's agent and returns it as a secret. The old one is valid until the agent has used the new one.

        A connection that there is stays.

        - ``vm``: the VM's name or UUID; by default the current VM.
        - ``file``: a file of this machine to write it to as well, which only you may read.
        - ``timeout``: by default ``timeouts.command`` of the configuration (10 s).

        Example:
        | Connect To VM    win11
        | Create Agent Token
        | ${token} =    Rotate Agent Token    file=${TEMPDIR}/token
        """
        return self._token(
            lambda machine: Secret(self.workspace.served_agents.tokens.rotate(machine).reveal()),
            vm,
            None,
            file,
            timeout,
        )

    @keyword(tags=["Verification", "Getter"])
    def get_web_verifier_address(
        self,
        vm: str | None = None,
        *,
        host: str | None = None,
        file: Path | None = None,
        timeout: timedelta | None = None,
    ) -> Secret:
        """Returns the address of the web verifier's page for a VM, as a secret: the VM's token is in it, behind the ``#``.

        Opened in a browser of the guest, any guest, the page reports what the browser sees of keyboard, mouse, wheel and touch:
        `Start Watching Input`, `Text Should Have Arrived In Order` and their like then judge it as an agent's. A VM without a token
        gets one, as by `Create Agent Token`. The log has the address without the token: on that page VM and token can be typed.
        For a VM with a virtio-serial port for the agent say ``agent: {via: service}`` in the configuration.

        - ``vm``: the VM's name or UUID; by default the current VM.
        - ``host``: this machine as the guest's browser reaches it, such as ``192.0.2.7``; by default the address that the service
          listens on (``127.0.0.1``, which only this machine reaches; ``Start Verification Service    host=0.0.0.0``).
        - ``file``: a file of this machine to write it to as well, which only you may read: for `Push File To Guest`.
        - ``timeout``: by default ``timeouts.command`` of the configuration (10 s).

        Example:
        | Connect To VM    win11
        | Start Verification Service    websocket_port=0    tcp_port=0
        | ${address} =    Get Web Verifier Address    host=192.0.2.7    file=${TEMPDIR}/address
        | Stop Verification Service
        """
        seconds = self.seconds(timeout, "command")

        async def address() -> tuple[str, str, str]:
            from ATPLibrary.orchestrator.served_agents import identity
            from ATPLibrary.verifier.service.web import page_address, page_fragment

            page = page_address(self.workspace.served_agents.running().addresses, host)
            machine = await self.machine(vm, seconds)
            tokens, known = self.workspace.served_agents.tokens, await identity(machine, seconds)
            token = tokens.token_of(known.key) or tokens.issue(known)
            return machine.name, page, page + page_fragment(machine.name, token)

        name, page, whole = self.wait(address(), seconds, f"Making the address of the web verifier of {named(vm)}")
        made = Secret(whole)
        if file is not None:
            _write(file, made)
        logger.info(
            f"The web verifier is at {page}; the VM is '{name}'"
            + (f". The address with its token is in {file}." if file else ".")
        )
        return made

    @keyword(tags=["Verification", "Getter"])
    def get_connected_agents(
        self, operator: Operator | None = None, expected: list[str] | str | None = None
    ) -> list[str]:
        """Returns the names of the VMs whose agents have dialled in to the verification service, in the order in which they came.

        - ``operator`` and ``expected``: an assertion, such as ``contains    win11``.

        Example:
        | Start Verification Service    websocket_port=0    tcp_port=0
        | @{vms} =    Get Connected Agents
        | Stop Verification Service
        """

        async def look() -> list[str]:
            agents = self.workspace.served_agents.running().agents
            for agent in agents:
                peer = agent.channel.peer
                taken = "in use" if agent.is_taken else "not in use"
                told.append(f"{agent.vm.name}: agent {agent.version} from {peer.address} ({peer.way}), {taken}")
            return [agent.vm.name for agent in agents]

        told: list[str] = []
        names = self.wait(look(), STOP_SECONDS, "Looking who has dialled in")
        logger.info("\n".join(told) or "No agent has dialled in.")
        check("The VMs whose agents have dialled in", names, operator, expected)
        return names

    def _settings(self, given: dict[str, object]) -> ServiceSettings:
        from pydantic import ValidationError

        from ATPLibrary.config import ServiceSettings

        try:
            return ServiceSettings.model_validate({**dict(self.workspace.config.service), **given})
        except ValidationError as error:
            wrong = "; ".join(f"{'.'.join(map(str, each['loc']))}: {each['msg']}" for each in error.errors())
            raise ConfigError(f"The verification service's settings are wrong: {wrong}.") from None

    def _token(
        self,
        make: Callable[[VmIdentity], Secret],
        vm: str | None,
        vm_id: str | None,
        file: Path | None,
        timeout: timedelta | None,
    ) -> Secret:
        seconds = self.seconds(timeout, "command")

        async def made() -> tuple[str, Secret]:
            from ATPLibrary.orchestrator.served_agents import identity

            machine: Machine = await self.machine(vm, seconds)
            return machine.name, make(await identity(machine, seconds, () if vm_id is None else (vm_id,)))

        name, token = self.wait(made(), seconds, f"Making a token for the agent of {named(vm)}")
        if file is not None:
            _write(file, token)
        logger.info(f"The agent of VM '{name}' has a new token" + (f", which is in {file}." if file else "."))
        return token


def _ours(token: Secret) -> OurSecret:
    from ATPLibrary.secrets import as_secret

    return as_secret(token)


def _write(file: Path, token: Secret) -> None:
    from ATPLibrary.private_file import write_private

    try:
        write_private(file, token.value)
    except OSError as error:
        raise InputError.about(
            f"The token's file '{file}'", wanted="be written", got=f"can't be: {error.strerror}",
            next_step="The token is valid all the same; give another file to 'Rotate Agent Token'",
        ) from error  # fmt: skip
