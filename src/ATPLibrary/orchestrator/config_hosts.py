"""A platform's hosts put into the configuration's file: what would change, and the file's text with it changed.

The text is edited where YAML says that its entries stand, so comments, order and everything else stay as they are.
"""

from __future__ import annotations

import stat
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

from ATPLibrary.errors import ConfigError, InputError
from ATPLibrary.orchestrator.platform_hosts import addresses, known_as
from ATPLibrary.private_file import write_private

if TYPE_CHECKING:
    from ATPLibrary.orchestrator.workspace import Workspace
    from ATPLibrary.vdi import Host

# How the vendor's hosts are reached.
DEFAULT_URI = "qemu+tcp://{ip}/system"

Action = Literal["add", "change", "known", "not listed", "skip"]


@dataclass(frozen=True, slots=True)
class HostChange:
    """One host: `add` it with `uri` and `ip`; `change` its `ip` (`was`); the others are left alone. `why` says it in words."""

    action: Action
    name: str
    why: str
    uri: str = ""
    ip: str = ""
    was: str = ""

    @property
    def is_edit(self) -> bool:
        return self.action in ("add", "change")


def plan(workspace: Workspace, hosts: Iterable[Host], uri: str = DEFAULT_URI) -> list[HostChange]:
    """What would make the configuration know all the platform's hosts. `uri` is that of a new one, with {ip} and {name} in it.

    A host that is known by its address is left as it is; one that only its name tells gets the platform's address. Hosts of the
    configuration that the platform doesn't list are left: they may be another's. Settings of a host are never touched but `ip`.
    """
    changes: list[HostChange] = []
    matched: set[str] = set()
    names = set(workspace.config.hosts)
    for host in hosts:
        told = addresses(host)
        known = known_as(workspace, told, host.name)
        if known is None and not told:
            changes.append(HostChange("skip", host.name, "the platform tells no address of it"))
        elif known is None:
            name = host.name if host.name not in names else f"{host.name}-{told[0]}"
            names.add(name)
            changes.append(HostChange("add", name, "not configured", _uri(uri, told[0], host.name), told[0]))
        else:
            matched.add(known.name)
            settings = workspace.config.hosts.get(known.name)
            was = settings.ip if settings is not None else None
            if known.by == "name" and told and was != told[0]:
                why = f"its ip is {was or 'not configured'}"
                changes.append(HostChange("change", known.name, why, ip=told[0], was=was or ""))
            else:
                changes.append(HostChange("known", known.name, f"known by its {known.by}", ip=was or ""))
    for name, settings in workspace.config.hosts.items():
        if name not in matched:
            why = "the platform doesn't list it: left as it is"
            changes.append(HostChange("not listed", name, why, settings.uri, settings.ip or ""))
    return changes


def _uri(template: str, ip: str, name: str) -> str:
    from ATPLibrary.transport.uri import check_uri

    try:
        uri = template.format(ip=f"[{ip}]" if ":" in ip else ip, name=name)
    except (KeyError, IndexError, ValueError):
        raise InputError.about(
            f"The URI '{template}'",
            wanted="have nothing in braces but {ip} and {name}",
            got="has something else",
            next_step=f"Such as {DEFAULT_URI}, or qemu+ssh://root@{{ip}}/system",
        ) from None
    return check_uri(name, uri)


def apply(file: Path, changes: Sequence[HostChange]) -> None:
    """Write the changes into the configuration's file, whole or not at all. A new file is its owner's only."""
    from ATPLibrary import config

    target = file.resolve()
    before = target.read_text(encoding="utf-8") if target.exists() else ""
    after = edited(before, changes, str(file))
    mode = stat.S_IMODE(target.stat().st_mode) if target.exists() else 0o600
    write_private(target, after, mode)
    try:
        config.load(target)  # with the environment: as every command reads it
    except BaseException:
        write_private(target, before, mode)
        raise


def edited(text: str, changes: Sequence[HostChange], origin: str) -> str:
    """The text of a configuration with the changes made. `ConfigError` where it is written in a way that can't be edited so."""
    import yaml

    edits = _edits(text, [change for change in changes if change.is_edit], origin)
    lines = text.splitlines(keepends=True)
    if lines and not lines[-1].endswith("\n"):
        lines[-1] += "\n"
    for line, column, end, new in sorted(edits, reverse=True):
        if end is None:
            lines[line:line] = [new]
        else:
            lines[line] = lines[line][:column] + new + lines[line][end:]
    after = "".join(lines)
    if yaml.safe_load(after) != _wanted(yaml.safe_load(text) or {}, changes):
        raise _by_hand(origin, changes, "the file is written in a way that can't be edited without a person")
    return after


_Edit = tuple[int, int, int | None, str]  # line, column, end column (None: a new line before it), text


def _edits(text: str, changes: Sequence[HostChange], origin: str) -> list[_Edit]:
    import yaml

    root = yaml.compose(text, Loader=yaml.SafeLoader)
    new = [change for change in changes if change.action == "add"]
    count = len(text.splitlines())
    if root is None:
        return [(count, 0, None, "hosts:\n" + _entries(new, 2))] if new else []
    if not isinstance(root, yaml.MappingNode) or root.flow_style:
        raise _by_hand(origin, changes, "it is one line in braces")
    found = next(((key, value) for key, value in root.value if key.value == "hosts"), None)
    if found is None:
        return [(count, 0, None, "hosts:\n" + _entries(new, 2))] if new else []
    key, hosts = found
    if not isinstance(hosts, yaml.MappingNode) or (hosts.flow_style and not hosts.value):
        # "hosts:" with nothing after it, or {}: the entries go below, what stands after the colon away.
        line = key.start_mark.line
        tail = [] if hosts.start_mark.line != line else [(line, hosts.start_mark.column, hosts.end_mark.column, "")]
        return [*tail, (line + 1, 0, None, _entries(new, 2))] if new else []
    if hosts.flow_style:
        raise _by_hand(origin, changes, "its hosts are in braces")
    edits: list[_Edit] = []
    indent = hosts.value[0][0].start_mark.column
    if new:
        edits.append((_end(hosts.value[-1][1]), 0, None, _entries(new, indent)))
    for change in changes:
        if change.action == "change":
            edits.append(_ip_edit(hosts, change, origin, changes))
    return edits


def _ip_edit(hosts: Any, change: HostChange, origin: str, changes: Sequence[HostChange]) -> _Edit:
    settings = next((value for key, value in hosts.value if str(key.value) == change.name), None)
    written = getattr(settings, "value", None)
    ip = next((value for key, value in written if key.value == "ip"), None) if isinstance(written, list) else None
    if ip is not None:
        return ip.start_mark.line, ip.start_mark.column, ip.end_mark.column, _scalar(change.ip)
    if settings is None or not isinstance(written, list) or not written or settings.flow_style:
        raise _by_hand(origin, changes, f"host '{change.name}' is in braces, or comes from the environment")
    first, value = settings.value[0]
    return _end(value), 0, None, f"{' ' * first.start_mark.column}ip: {_scalar(change.ip)}\n"


def _end(node: Any) -> int:
    """The line after a value's last: a block's end mark is where the next thing begins, beyond blank lines and comments."""
    import yaml

    if isinstance(node, yaml.ScalarNode) or node.flow_style or not node.value:
        return int(node.end_mark.line) + (1 if node.end_mark.column else 0)
    last = node.value[-1]
    return _end(last[1] if isinstance(last, tuple) else last)


def _entries(new: Sequence[HostChange], indent: int) -> str:
    pad = " " * indent
    return "".join(
        f"{pad}{_scalar(each.name)}:\n{pad}  uri: {_scalar(each.uri)}\n{pad}  ip: {_scalar(each.ip)}\n" for each in new
    )


def _scalar(text: str) -> str:
    import yaml

    return str(yaml.safe_dump(text, allow_unicode=True, width=10_000)).removesuffix("...\n").strip()


def _wanted(values: Any, changes: Sequence[HostChange]) -> Any:
    hosts = {str(name): settings for name, settings in (values.get("hosts") or {}).items()}
    for change in changes:
        if change.action == "add":
            hosts[change.name] = {"uri": change.uri, "ip": change.ip}
        elif change.action == "change":
            hosts[change.name] = {**(hosts.get(change.name) or {}), "ip": change.ip}
    return {**values, "hosts": hosts} if hosts or "hosts" in values else values


def _by_hand(origin: str, changes: Sequence[HostChange], why: str) -> ConfigError:
    lines = "; ".join(
        f"{each.name}: {{{f'uri: {each.uri}, ' if each.uri else ''}ip: {each.ip}}}" for each in changes if each.is_edit
    )
    return ConfigError.about(
        f"Configuration file '{origin}'",
        wanted="be written by itself",
        got=f"can't: {why}",
        next_step=f"Write these below 'hosts:' by hand: {lines}",
    )
