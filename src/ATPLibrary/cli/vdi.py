"""`atp vdi verify | list-hosts | list-vms | sync-hosts`."""

from __future__ import annotations

import json
import sys
from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from ATPLibrary.cli.platform_session import Asked, common_options
from ATPLibrary.cli.table import table

if TYPE_CHECKING:
    from ATPLibrary.orchestrator import Workspace
    from ATPLibrary.orchestrator.config_hosts import HostChange
    from ATPLibrary.orchestrator.consistency import Comparison
    from ATPLibrary.vdi import VdiClient

_DIFFER = 1


@click.group()
def vdi() -> None:
    """Look at a VDI platform, and compare it with its hypervisors.

    \b
    The platform is one of the configuration's (docs/configuration.md). Its password comes from there, from
    ATP__PLATFORMS__NAME__PASSWORD in the environment, or is asked for.
    """


@vdi.command()
@common_options
@click.option("--only-diff", is_flag=True, help="Print what differs, and not what is the same.")
@click.option("--pool", metavar="NAME", help="Only the desktops of this desk pool, and their hosts.")
@click.option(
    "--vm", "vms", multiple=True, metavar="NAME", help="Only this VM (name or id) and its host; may be repeated."
)
@click.option(
    "--devices/--no-devices",
    default=None,
    help="Disks and MAC addresses too, which costs the platform a question a VM; by default for up to 200 VMs.",
)
@click.option(
    "--grace",
    type=click.FloatRange(min=0),
    default=5.0,
    show_default=True,
    metavar="SECONDS",
    help="How long what the platform is busy with is looked at again before it counts.",
)
def verify(
    asked: Asked, *, only_diff: bool, pool: str | None, vms: Sequence[str], devices: bool | None, grace: float
) -> None:
    """Compare what the platform says with what libvirt says on its hosts.

    Hosts, VMs, their hosts, states, CPU, memory, disks and MAC addresses. A host that can't be reached is a difference. Where there
    was nothing to compare they don't agree.

    \b
    Exit code: 0 they agree, 1 they differ, 2 wrong usage, 3 the platform refused or failed, 4 it took too long.

    \b
    atp vdi verify --only-diff             what differs, in a table
    atp vdi verify --pool sales            one desk pool only
    atp vdi verify --json | jq .differences
    """

    async def question(workspace: Workspace, client: VdiClient, seconds: float) -> Comparison:
        from ATPLibrary.orchestrator.consistency import compare

        return await compare(workspace, client, pool=pool, desktops=vms, devices=devices, grace=grace, timeout=seconds)

    found = asked.ask("Comparing the platform with its hypervisors", question)
    if asked.as_json:
        told = found.as_json()
        _print_json({name: told[name] for name in told if not (only_diff and name in ("hosts", "vms"))})
    else:
        from ATPLibrary.orchestrator.consistency.report import COLUMNS

        if rows := found.rows(only_different=only_diff):
            _print(table(COLUMNS, rows))
        for sentence in found.not_compared:
            _print(f"Not compared: {sentence}", err=True)
        _print(str(found), err=True)
    sys.exit(0 if found.agree else _DIFFER)


@vdi.command("list-hosts")
@common_options
def list_hosts(asked: Asked) -> None:
    """List the platform's hosts, and which of the configuration's each is.

    \b
    atp vdi list-hosts
    atp vdi list-hosts --json | jq -r '.[] | select(.status != "enabled") | .name'
    """

    async def question(workspace: Workspace, client: VdiClient, seconds: float) -> list[dict[str, Any]]:
        from ATPLibrary.orchestrator.consistency.differences import in_word
        from ATPLibrary.orchestrator.platform_hosts import addresses, known_as

        rows = []
        for host in await client.hosts.list(timeout=seconds).collect():
            known = known_as(workspace, addresses(host), host.name)
            rows.append(
                {
                    "name": host.name,
                    "ip": host.ip,
                    "status": in_word(host.status),
                    "running_vms": host.running_vm_count,
                    "cpus": host.cpu_size,
                    "memory_gib": host.memory,
                    "configured_as": known.name if known is not None else None,
                    "id": host.id,
                }
            )
        return rows

    _print_list(asked, asked.ask("Listing the platform's hosts", question), "hosts")


@vdi.command("list-vms")
@common_options
@click.option("--pool", metavar="NAME", help="Only the desktops of this desk pool.")
@click.option("--host", metavar="NAME", help="Only those on this host, by the platform's name or id.")
def list_vms(asked: Asked, *, pool: str | None, host: str | None) -> None:
    """List the platform's VMs.

    \b
    atp vdi list-vms --pool sales
    atp vdi list-vms --json | jq -r '.[] | select(.status == "running") | .name'
    """

    async def question(workspace: Workspace, client: VdiClient, seconds: float) -> list[dict[str, Any]]:
        from ATPLibrary.orchestrator.consistency.differences import in_word

        if pool is not None:
            detail = await client.desk_pools.detail(pool, timeout=seconds)
            listed = list(await client.desk_pools.vms(detail.id, timeout=seconds))
        else:
            listed = await client.domains.list(timeout=seconds).collect()
        if host is not None:
            host_id = (await client.hosts.find(host, timeout=seconds)).id
            listed = [vm for vm in listed if vm.host_id == host_id]
        return [
            {
                "name": vm.name,
                "status": in_word(vm.status),
                "host": vm.host_name,
                "cpu": vm.cpu,
                "memory_mib": vm.memory,
                "user": vm.user_id or None,
                "id": vm.id,
            }
            for vm in listed
        ]

    _print_list(asked, asked.ask("Listing the platform's VMs", question), "VMs")


@vdi.command("sync-hosts")
@common_options
@click.option("--write", is_flag=True, help="Write it into the configuration; without it is only shown.")
@click.option(
    "--uri",
    default="qemu+tcp://{ip}/system",
    show_default=True,
    metavar="URI",
    help="The libvirt URI of a new host, with {ip} and {name} in it.",
)
def sync_hosts(asked: Asked, *, write: bool, uri: str) -> None:
    """Put the platform's hosts into the configuration's file.

    A host that isn't configured is added, and one that has another address to the platform gets that as its ip. Nothing else is
    touched: comments, order, passwords and other settings stay, and no host is removed.

    \b
    Exit code: 0 nothing is left to change, 1 something would change (say --write).

    \b
    atp vdi sync-hosts                                        what would change
    atp vdi sync-hosts --write
    atp vdi sync-hosts --uri 'qemu+ssh://root@{ip}/system' --write
    """
    from ATPLibrary import config

    async def question(workspace: Workspace, client: VdiClient, seconds: float) -> list[HostChange]:
        from ATPLibrary.orchestrator.config_hosts import plan

        return plan(workspace, await client.hosts.list(timeout=seconds).collect(), uri)

    changes = asked.ask("Listing the platform's hosts", question)
    file = config.file(asked.config_file) or Path("atp.yaml")
    edits = [change for change in changes if change.is_edit]
    if write and edits:
        from ATPLibrary.orchestrator.config_hosts import apply

        apply(file, changes)
    if asked.as_json:
        hosts = [asdict(change) for change in changes]
        _print_json({"file": str(file), "written": bool(write and edits), "hosts": hosts})
    else:
        columns = ("action", "name", "ip", "uri", "why")
        if changes:
            _print(table(columns, [[getattr(change, name) for name in columns] for change in changes]))
        many = f"{len(edits)} {'host' if len(edits) == 1 else 'hosts'}"
        if not edits:
            _print(f"{file} has all of the platform's hosts.", err=True)
        else:
            _print(
                f"{many} written into {file}." if write else f"{many} would change in {file}: say --write.", err=True
            )
    sys.exit(_DIFFER if edits and not write else 0)


def _print_list(asked: Asked, rows: list[dict[str, Any]], what: str) -> None:
    if asked.as_json:
        _print_json(rows)
    elif rows:
        _print(table([name.replace("_", " ") for name in rows[0]], [list(row.values()) for row in rows]))
    else:
        _print(f"The platform lists no {what}.", err=True)


def _print_json(value: object) -> None:
    _print(json.dumps(value, indent=2, ensure_ascii=False))


def _print(text: str, *, err: bool = False) -> None:
    from ATPLibrary.secrets import redact

    click.echo(redact(text), err=err)
