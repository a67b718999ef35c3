"""What is wanted in the guest, and what was found there."""

from __future__ import annotations

import hmac
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from ATPLibrary.agent_package import AgentPackage
from ATPLibrary.errors import AgentError, InputError
from ATPLibrary.orchestrator.agent_opening import own_token
from ATPLibrary.orchestrator.deployment.dialled_address import check_dialled
from ATPLibrary.orchestrator.served_agents import NEEDS_SERVICE, identity
from ATPLibrary.secrets import Secret, as_secret
from ATPLibrary.transport.remaining import remaining

if TYPE_CHECKING:
    from ATPLibrary.orchestrator.machine import Machine
    from ATPLibrary.orchestrator.served_agents import ServedAgents


@dataclass(frozen=True, slots=True)
class Wish:
    """The agent that a guest should run.

    `port` is the virtio-serial port that it speaks on, or a path; `arguments` are its command line's besides that and the token,
    which goes into a file of its own; `python` is the path of the guest's Python where it is none of the usual places. `force`:
    whatever is there already.
    """

    package: AgentPackage
    port: str
    arguments: tuple[str, ...] = ()
    token: Secret | None = None
    python: str | None = None
    force: bool = False


@dataclass(frozen=True, slots=True)
class GuestPython:
    """A Python of the guest. `version` is "" where it didn't say, or lacks what the agent needs."""

    path: str
    version: str

    @classmethod
    def parse(cls, words: str) -> GuestPython:
        """Of "/usr/bin/python3 3.11.2"; "?" is no version."""
        path, _, version = words.rpartition(" ")
        return cls(path, version if version != "?" else "")

    def __str__(self) -> str:
        return f"{self.path} ({self.version or 'which does not run'})"


@dataclass(frozen=True, slots=True)
class Survey:
    """A guest before anything is changed.

    `directory`: where the agent is, or can go. `tried`: each Python that is there; `python`: the first that will do. `keeper`: who
    starts the agent with the guest ("systemd", "service"), "" where nobody does. `version` is what the installed agent says, ""
    where it can't. `holder` is the process, not ours, that has the agent's port open, in words; `busy` who else is deploying just
    now. `obstacle` says why no agent can run there at all.
    """

    directory: str
    tried: tuple[GuestPython, ...]
    python: GuestPython | None
    keeper: str
    is_installed: bool = False
    is_running: bool = False
    version: str = ""
    holder: str = ""
    busy: str = ""
    obstacle: str = ""


async def wish_for(
    machine: Machine,
    package: AgentPackage,
    timeout: float,
    *,
    channel: str | None = None,
    connect: str | None = None,
    served: ServedAgents | None = None,
    token: Any = None,
    python: str | None = None,
    force: bool = False,
) -> Wish:
    """The agent with which the verifier's session with this VM can be open. `InputError` for a token or address that it won't take.

    With `connect`, an address of the service as the guest reaches it, the agent dials `served`, which must run.
    """
    if connect is not None:
        check_dialled(connect)
    left = remaining(timeout)
    expected = await own_token(machine, left())
    given = None if token is None else as_secret(token)
    if given is not None and not given.reveal():
        raise InputError("A token can't be empty: whoever has none would have it.")
    is_known = given is None or expected is None or _same(given, expected)
    if not is_known:
        raise InputError.about(
            f"The token for the agent of VM '{machine.name}'",
            wanted="be the VM's",
            got="isn't the one of the configuration (agent: token) or of the VM's SMBIOS",
            next_step="Leave token= out, or give the configuration the same",
        )
    # What the VM's SMBIOS says the agent reads by itself.
    written = given or machine.config.agent.token
    port = channel or machine.config.agent.channel
    if connect is None:
        return Wish(package, port, (), written, python, force)
    if served is None or served.service is None:
        raise AgentError.about(
            f"The agent of VM '{machine.name}'", wanted=f"dial {connect}", got="nobody of us listens", next_step=NEEDS_SERVICE
        )  # fmt: skip
    vm = await identity(machine, left())
    if (kept := given or expected) is not None:
        served.tokens.issue(vm, kept)
    else:
        kept = served.tokens.rotate(vm) if served.tokens.knows(vm.key) else served.tokens.issue(vm)
    if channel is None and port not in (await machine.description(left())).channels:
        port = "none"
    return Wish(package, port, ("--connect", connect, "--vm-id", machine.uuid), kept, python, force)


def _same(one: Secret, other: Secret) -> bool:
    return hmac.compare_digest(one.reveal().encode(), other.reveal().encode())
