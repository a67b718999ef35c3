"""Another configuration while a run goes on: what is different, and making it so without losing what is under way.

A new configuration is taken whole or not at all. Hosts that it lacks, and the old ends of hosts that it describes otherwise, are
retired: they serve the VMs that are connected through them and take no new work, and are closed when the last of those VMs is
disconnected and no call is under way.
"""

from __future__ import annotations

import asyncio
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING

from ATPLibrary import runtime
from ATPLibrary.errors import ConfigError
from ATPLibrary.events import Event
from ATPLibrary.secrets import Secret

if TYPE_CHECKING:
    from ATPLibrary.config import Config, HostSettings
    from ATPLibrary.orchestrator.workspace import Workspace
    from ATPLibrary.transport import HostConnection

# Nothing tells when a host's last call has ended, so a retired one is looked at again this often, for ten minutes at most: what
# isn't answered by then never will be.
_LOOK_SECONDS = 0.1
_LOOKS = 6000
_CLOSE_SECONDS = 5.0


@dataclass(frozen=True, slots=True)
class Changes:
    """What is different, by the names of hosts; `settings` names the other parts that changed ("timeouts", "typing").

    A `changed` host has another URI or user, or other pool settings, and is connected anew; a `described` one has other tags or
    another ip.
    """

    added: tuple[str, ...] = ()
    removed: tuple[str, ...] = ()
    changed: tuple[str, ...] = ()
    drained: tuple[str, ...] = ()
    returned: tuple[str, ...] = ()
    described: tuple[str, ...] = ()
    settings: tuple[str, ...] = ()

    def __str__(self) -> str:
        words = [
            f"{what} {', '.join(names)}"
            for what, names in (
                ("hosts added:", self.added),
                ("hosts removed:", self.removed),
                ("hosts changed:", self.changed),
                ("hosts drained:", self.drained),
                ("hosts back in service:", self.returned),
                ("hosts with other tags or ip:", self.described),
                ("other settings changed:", self.settings),
            )
            if names
        ]
        return "; ".join(words) or "nothing changed"


def compare(old: Config, new: Config) -> Changes:
    both = [name for name in new.hosts if name in old.hosts]
    parts = [name for name in type(new).model_fields if name not in ("hosts", "origin")]
    return Changes(
        added=tuple(name for name in new.hosts if name not in old.hosts),
        removed=tuple(name for name in old.hosts if name not in new.hosts),
        changed=tuple(n for n in both if _way(old.hosts[n]) != _way(new.hosts[n]) or old.pool != new.pool),
        drained=tuple(name for name in both if new.hosts[name].drained and not old.hosts[name].drained),
        returned=tuple(name for name in both if old.hosts[name].drained and not new.hosts[name].drained),
        described=tuple(n for n in both if _labels(old.hosts[n]) != _labels(new.hosts[n])),
        settings=tuple(name for name in parts if _plain(getattr(old, name)) != _plain(getattr(new, name))),
    )


async def reload(workspace: Workspace, new: Config, followed: str = "") -> Changes:
    """Let `workspace` follow `new` from now on. `ConfigError` when it can't be; then all stays as it was.

    `followed` is the file that was read without anybody asking for it: the tester is told what changed.
    VMs that are connected use the new settings from their next keyword on; channels that are open stay open.
    """
    old = workspace.config
    changes = compare(old, new)
    if workspace.has_transport:
        _check(workspace, new, changes)
        transport = workspace.transport
        gone = [transport.hosts.pop(name) for name in (*changes.removed, *changes.changed) if name in transport.hosts]
        drained = {host.name: host.drained for host in gone}
        transport.settings = new.pool
        for name, settings in new.hosts.items():
            workspace.add_configured_host(name, settings)
            transport.hosts[name].tags = settings.tags
        for name in (*changes.drained, *changes.returned):
            transport.hosts[name].drained = name in changes.drained
        for name in changes.changed:  # what a keyword has said of it holds until the file says something else
            if name in drained and old.hosts[name].drained == new.hosts[name].drained:
                transport.hosts[name].drained = drained[name]
        retire(workspace, gone)
    workspace.follow(new)
    notice = f"{followed} was read again: {changes}." if followed else ""
    workspace.bus.publish(Event("workspace", "config.reloaded", {"changes": str(changes)}, notice=notice))
    return changes


def retire(workspace: Workspace, hosts: Iterable[HostConnection]) -> None:
    """Close each of `hosts` as soon as nothing needs it any more."""
    for host in hosts:
        host.drained = True
        workspace.retired.append(host)
    close_unused(workspace)


def close_unused(workspace: Workspace) -> None:
    """Close the retired hosts that no connected VM is on. To be called when a VM was disconnected."""
    used = [machine.domain.host for machine in workspace.machines.values()]
    for host in [each for each in workspace.retired if each not in used]:
        workspace.retired.remove(host)
        runtime.spawn(_close_when_idle(host), f"close host {host.name}")


async def _close_when_idle(host: HostConnection) -> None:
    try:
        for _ in range(_LOOKS):
            if not host.in_flight:
                break
            await asyncio.sleep(_LOOK_SECONDS)
    finally:
        await host.close(_CLOSE_SECONDS)


def _check(workspace: Workspace, new: Config, changes: Changes) -> None:
    """Everything that could go wrong half-way is looked at before anything is done."""
    from ATPLibrary.transport.uri import check_uri

    for name, settings in new.hosts.items():
        check_uri(name, settings.uri)
        known = workspace.transport.hosts.get(name)
        if known is not None and known.uri != settings.uri and name in changes.added:
            raise ConfigError.about(
                f"Host '{name}' of {new.origin}",
                wanted="be new",
                got=f"a keyword has made a host of that name known already, at {known.uri}",
                next_step="Give it another name",
            )


def _way(settings: HostSettings) -> tuple[object, ...]:
    """What a connection is made of: when it changes, the connection must be made anew."""
    return settings.uri, settings.username, _plain(settings.password)


def _labels(settings: HostSettings) -> tuple[object, ...]:
    return settings.tags, settings.ip


def _plain(value: object) -> object:
    """Settings as values that are equal when they mean the same: a secret is only ever equal to itself."""
    if isinstance(value, Secret):
        return value.reveal()
    if isinstance(value, Mapping):
        return {key: _plain(member) for key, member in value.items()}
    if (fields := getattr(type(value), "model_fields", None)) is not None:
        return {name: _plain(getattr(value, name)) for name in fields}
    return value
