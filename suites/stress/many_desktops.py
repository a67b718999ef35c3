"""What the stress suites need beside ATPLibrary: starting with a bound, the lab's own insides, and killing its platform."""

from __future__ import annotations

import asyncio
import contextlib
import json
import os
import sqlite3
import time
from datetime import timedelta
from pathlib import Path
from typing import Any

from robot.api import logger
from robot.api.deco import keyword, library
from robot.libraries.BuiltIn import BuiltIn

from ATPLibrary import runtime
from ATPLibrary.config import lab_directory
from ATPLibrary.errors import ATPError, InputError, PlatformError, VerificationError
from ATPLibrary.lab import processes, server_process
from ATPLibrary.lab.lab import Lab
from ATPLibrary.lab.settings import FILE_NAME as LAB_FILE
from ATPLibrary.lab.settings import LabSettings
from ATPLibrary.metrics import Histogram
from ATPLibrary.orchestrator import Machine, Workspace
from ATPLibrary.orchestrator.adapter import connect_desk_pool, delete_desk_pool
from ATPLibrary.vdi import VdiClient

CALL_SECONDS = 60.0
STEP_SECONDS = 600.0
BOOT_SECONDS = 300.0
FIGURES = "stress.json"


@library(scope="GLOBAL")
class many_desktops:
    """Speaks to the platform of the configuration, in the lab that the configuration lies in."""

    # -- before and after

    @keyword
    def begin_with_no_desktop(self, pool: str) -> None:
        """Logs in, and clears away what an earlier run has left of the desk pool."""
        _settings()
        _wait(_log_in_again(), "Logging in")
        self.remove_all_desktops(pool)
        self._were_there = _vm_files()  # of others than this pool: a lab may have more

    @keyword
    def remove_all_desktops(self, pool: str) -> None:
        _wait(_remove(pool), f"Removing desk pool '{pool}'")

    # -- starting

    @keyword(name="Start And Boot Desktops")
    def start_and_boot_desktops(self, pool: str, at_once: int, timeout: timedelta) -> None:
        """Starts the desktops of a desk pool through the platform, `at_once` of them at a time; done when all agents answer."""
        seconds = timeout.total_seconds()
        _wait(_boot(pool, at_once, seconds), f"Booting the desktops of '{pool}'", seconds)

    @keyword(name="Take The Guests' Share")
    def take_the_guests_share(self, pool: str) -> None:
        """Notes, in the output directory, what no platform could have saved: the guests' CPU time, and their input latency."""
        machines = _wait(connect_desk_pool(Workspace.current(), _client(), pool, CALL_SECONDS), "Connecting")

        async def cpu_seconds() -> float:
            used = [
                await machine.domain.call("tell its CPU time", lambda domain: domain.info()[4], timeout=CALL_SECONDS)
                for machine in machines
            ]
            return sum(used) / 1e9

        latency = Histogram()
        for machine in machines:
            for report in machine.reports:
                latency.merge(report.latency)
        figures = {
            "desktops": len(machines),
            "guest_cpu_s": round(_wait(cpu_seconds(), "Reading CPU times"), 2),
            "keys_s": round(len(machines) * latency.percentile(50) / 1000, 4),
            "processors": os.cpu_count(),
        }
        logger.info(f"The guests' share: {figures}")
        (Path(BuiltIn().get_variable_value("${OUTPUT DIR}")) / FIGURES).write_text(json.dumps(figures))

    # -- begun, and cut off

    @keyword
    def begin_to_create_desktops(self, pool: str, model: str, amount: int, until: int) -> None:
        """Returns when libvirt knows `until` of them, while the platform goes on making the others."""

        async def begin() -> None:
            client = _client()
            chosen = await client.models.find(model, timeout=CALL_SECONDS)
            await client.desk_pools.create(pool, model_id=chosen.id, amount=amount, timeout=CALL_SECONDS)
            await _seen(until, amount, lambda: len(_domains()), f"defined of '{pool}'")

        _wait(begin(), f"Creating desk pool '{pool}'")

    @keyword
    def begin_to_start_desktops(self, pool: str, until: int) -> None:
        """Returns when `until` of them run in libvirt, while the platform goes on starting the others."""

        async def begin() -> None:
            client = _client()
            detail = await client.desk_pools.detail(pool, timeout=CALL_SECONDS)
            vms = await client.desk_pools.vms(detail.id, timeout=CALL_SECONDS)
            await client.domains.start([vm.id for vm in vms], timeout=CALL_SECONDS)
            await _seen(until, len(vms), lambda: sum(active for _, active in _domains()), f"running of '{pool}'")

        _wait(begin(), f"Starting the desktops of '{pool}'")

    @keyword
    def kill_and_restart_the_platform(self) -> None:
        """kill -9, and the same server again on what is there; the session that was open is logged in anew."""
        lab = Lab(_directory())
        (server,) = server_process.find(lab.directory)
        processes.kill([server])
        _say(f"the platform (pid {server.pid}) is killed")
        lab.restart_platform(_say)
        _wait(_log_in_again(), "Logging in")

    @keyword
    def desk_pool_should_be_gone(self, pool: str, timeout: timedelta) -> None:
        """Waits until the platform, which clears up after it was killed, lists the desk pool no more."""
        seconds = timeout.total_seconds()

        async def gone() -> None:
            async with runtime.deadline(
                seconds, f"Desk pool '{pool}'", wanted="be cleared away", got="is listed still"
            ):
                while pool in [each.name for each in await _client().desk_pools.list(timeout=CALL_SECONDS).collect()]:  # noqa: ASYNC110
                    await asyncio.sleep(0.2)  # the platform has no event for what it clears up

        _wait(gone(), f"Looking for desk pool '{pool}'", seconds)

    # -- what is left

    @keyword
    def nothing_of_the_desktops_should_be_left(self, pool: str) -> None:
        """Lists libvirt's domains on all hosts, the VMs' files, and the rows of the database: all must be empty of VMs."""
        directory = _directory()
        left = [f"libvirt has {name}" for name, _ in _domains()]
        left += [f"on disk is {path}" for path in sorted(_vm_files() - self._were_there)]
        with contextlib.closing(sqlite3.connect(f"file:{directory / 'platform.db'}?mode=ro", uri=True)) as database:
            for table in ("vms", "pools"):
                left += [f"{table} has {row[0]}" for row in database.execute(f"SELECT name FROM {table}")]
            left += [
                f"{id} is being made" for (id,) in database.execute("SELECT id FROM records WHERE kind = 'unfinished'")
            ]
            left += [
                f"an event is pending: {text}"
                for (text,) in database.execute("SELECT description FROM events WHERE success IS NULL")
            ]
        running = [process for host in Lab(directory).hosts() for process in host.processes()]
        left += [f"process {process.pid} is {process.role}" for process in running if process.role.startswith("qemu")]
        if left:
            raise VerificationError.about(f"Desk pool '{pool}'", wanted="leave nothing behind", got="; ".join(left))
        _say("nothing is left: no domain in libvirt, no file of a VM, no row of one in the database, no QEMU")


def _directory() -> Path:
    directory = lab_directory(os.environ)
    if not (directory / LAB_FILE).exists():
        raise InputError(
            f"The stress suites look into the lab, and none is up in '{directory}': run 'atp lab up' first."
        )
    return directory


def _settings() -> LabSettings:
    return LabSettings.load(_directory())


def _client() -> VdiClient:
    client = Workspace.current().platforms.current
    if client is None:
        raise PlatformError("No platform is logged in to.")
    return client


async def _log_in_again() -> None:
    platforms = Workspace.current().platforms
    if platforms.current is not None:
        with contextlib.suppress(ATPError):
            await platforms.log_out(CALL_SECONDS)
    await platforms.log_in(platforms.settings(None, None, None), CALL_SECONDS)


async def _remove(pool: str) -> None:
    client = _client()
    if pool in [each.name for each in await client.desk_pools.list(timeout=CALL_SECONDS).collect()]:
        await delete_desk_pool(Workspace.current(), client, pool, STEP_SECONDS)


async def _boot(pool: str, at_once: int, seconds: float) -> None:
    client = _client()
    machines = await connect_desk_pool(Workspace.current(), client, pool, CALL_SECONDS)
    turn, booted = asyncio.Semaphore(at_once), 0

    async def boot(machine: Machine) -> None:
        nonlocal booted
        async with turn:
            await (await client.domains.start([machine.uuid], timeout=CALL_SECONDS)).finish(BOOT_SECONDS)
            session = await machine.agent(BOOT_SECONDS)
            await session.ensure_watching(BOOT_SECONDS)
            booted += 1
            if booted % 5 == 0 or booted == len(machines):
                _say(f"{booted} of {len(machines)} desktops have booted")

    tasks = [asyncio.create_task(boot(machine)) for machine in machines]
    try:
        async with runtime.deadline(seconds, f"Desk pool '{pool}'", wanted="boot", got="has not"):
            await asyncio.gather(*tasks)
    finally:
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)


async def _seen(until: int, all_of: int, count: Any, what: str) -> None:
    """Libvirt is asked again and again: the point is to be there in the middle, whatever the platform tells."""
    async with runtime.deadline(STEP_SECONDS, f"{until} desktops", wanted="be seen", got="were not"):
        while (seen := await asyncio.to_thread(count)) < until:  # noqa: ASYNC110
            await asyncio.sleep(0.01)
    if seen >= all_of:
        raise VerificationError(f"All {all_of} are {what} already: nothing is left in the middle of which to kill.")
    _say(f"{seen} of {all_of} are {what}")


def _vm_files() -> set[Path]:
    return {path for host in _settings().hosts for path in (host.directory / "vm").glob("*")}


def _domains() -> list[tuple[str, bool]]:
    import libvirt

    found = []
    for host in _settings().hosts:
        with contextlib.closing(libvirt.open(host.uri)) as connection:
            found += [(domain.name(), bool(domain.isActive())) for domain in connection.listAllDomains()]
    return found


def _wait(coro: Any, what: str, seconds: float = STEP_SECONDS) -> Any:
    return runtime.wait(coro, seconds, what)


_started = time.monotonic()


def _say(text: str) -> None:
    logger.console(f"{time.monotonic() - _started:7.1f} s  {text}")
