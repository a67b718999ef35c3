"""The VMs of many hosts: a host that can't be asked is an error or is named, and never looks like a host without VMs."""

from __future__ import annotations

import asyncio
import fnmatch
from collections.abc import Sequence
from typing import TYPE_CHECKING

from ATPLibrary.errors import ATPError, HostError, InputError
from ATPLibrary.transport.remaining import remaining

if TYPE_CHECKING:
    from ATPLibrary.orchestrator.workspace import Workspace
    from ATPLibrary.transport import Domain, VmState


def tagged(workspace: Workspace, tag: str | None, hosts: Sequence[str]) -> list[str]:
    """Those of `hosts` with that tag in the configuration, all where it is None. `InputError` where none has it."""
    found = [each for each in hosts if tag is None or tag in workspace.known_host(each).tags]
    if not found and tag is not None:
        tags = sorted({each for host in hosts for each in workspace.known_host(host).tags})
        who = "No host has" if len(hosts) == len(workspace.known_hosts()) else f"Host {' or '.join(hosts)} has not"
        raise InputError(f"{who} the tag '{tag}'. The tags there are: {', '.join(tags) or 'none'}.")
    return found


async def vms(
    workspace: Workspace,
    hosts: Sequence[str],
    timeout: float,
    *,
    pattern: str = "*",
    state: VmState | None = None,
    problems: list[ATPError] | None = None,
) -> list[Domain]:
    """The VMs on those hosts. `pattern` is a name with * and ? for any text and any character.

    A host that can't be asked is an error; with `problems` its error is added there and the others are listed, unless no host
    at all answers. Where several hosts were to be asked, the error is a `HostError` with each one's sentence.
    """

    async def of(host: str) -> list[Domain] | ATPError:
        left = remaining(timeout)
        try:
            listed = await (await workspace.host(host, timeout)).list_domains(left())
            there = [each for each in listed if fnmatch.fnmatchcase(each.name, pattern)]
            return await in_state(there, state, left())
        except ATPError as error:
            return error

    answers = await asyncio.gather(*map(of, hosts))
    failed = [answer for answer in answers if isinstance(answer, ATPError)]
    if failed and len(hosts) == 1:
        raise failed[0]
    if failed and (problems is None or len(failed) == len(hosts)):
        sentences = " ".join(map(str, failed))
        step = " Name a host with host=, or list what the others have with unreachable=skip."
        raise HostError(
            f"The VMs of {len(failed)} of {len(hosts)} hosts can't be listed: {sentences}"
            f"{step if len(failed) < len(hosts) else ''}"
        )
    if problems is not None:
        problems += failed
    return [domain for answer in answers if not isinstance(answer, ATPError) for domain in answer]


async def in_state(domains: list[Domain], state: VmState | None, timeout: float) -> list[Domain]:
    """Those of `domains` that are in `state` now; without one all of them, and nobody is asked."""
    if state is None:
        return domains
    states = await asyncio.gather(*(domain.state(timeout) for domain in domains))
    return [domain for domain, now in zip(domains, states, strict=True) if now.state is state]
