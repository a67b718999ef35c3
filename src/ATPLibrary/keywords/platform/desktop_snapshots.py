"""Keywords about snapshots of desktops that the platform keeps. Those of libvirt itself are `Create Snapshot` and its like."""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Coroutine
from datetime import timedelta
from typing import TYPE_CHECKING, Any

from robot.api import logger
from robot.api.deco import keyword

from ATPLibrary.errors import PlatformError
from ATPLibrary.keywords.assertions import Operator
from ATPLibrary.keywords.platform.looking import Looking
from ATPLibrary.orchestrator.creations import ClosingLevel

if TYPE_CHECKING:
    from ATPLibrary.vdi import LongOperation, VdiClient, Vm
    from ATPLibrary.vdi.shapes.snapshots import Snapshot


class DesktopSnapshotKeywords(Looking):
    @keyword(tags=["Desktop", "Snapshot"])
    def create_desktop_snapshot(
        self,
        desktop: str,
        snapshot: str,
        *,
        wait: bool = True,
        closing: ClosingLevel | None = None,
        timeout: timedelta | None = None,
    ) -> list[str]:
        """Has the platform take a snapshot of a desktop: its disks and, if it runs, its memory. Returns the event ids.

        - ``desktop``: the desktop's name or id.
        - ``snapshot``: what the snapshot is called, in any language; must be new for this desktop.
        - ``wait``: ``False`` returns as soon as the platform has begun.
        - ``closing``: when it is removed again: ``test``, ``suite``, ``manual``, ``keep``; by default the library import's level.
        - ``timeout``: by default ``timeouts.boot`` of the configuration (180 s).

        Example:
        | Log In To Platform
        | Create Desktop Snapshot    sales-1    clean
        | Restore Desktop Snapshot    sales-1    clean
        """
        taken_of: list[Vm] = []

        async def begin(client: VdiClient, seconds: float) -> LongOperation[Any]:
            vm = await client.domains.find(desktop, timeout=seconds)
            before = {each.id for each in await client.snapshots.list(vm.id, timeout=seconds).collect()}
            taken_of.append(vm)

            async def remove(client: VdiClient, seconds: float) -> None:
                if operation is not None:  # what is still being taken isn't listed yet, and its desktop is busy
                    with contextlib.suppress(PlatformError):
                        await client.events.finish(operation.event_id, seconds)
                if not await client.domains.has(vm.id, timeout=seconds):
                    return  # a desktop that is gone has taken its snapshots along
                for each in await client.snapshots.list(vm.id, timeout=seconds).collect():
                    if each.name == snapshot and each.id not in before:
                        await client.snapshots.delete(each.id, timeout=seconds)

            operation: LongOperation[Any] | None = None
            with self.making("desktop snapshot", f"{snapshot} of {vm.name}", remove, closing) as made:
                operation = await client.snapshots.create(vm.id, snapshot, timeout=seconds)
            made.id = f"{vm.id} {snapshot}"  # the platform names its own only when it is taken
            return operation

        ids = self.order(f"Taking snapshot '{snapshot}' of desktop '{desktop}'", begin, timeout, wait, kind="boot")
        if wait:
            logger.info(f"Took snapshot '{snapshot}' of desktop '{taken_of[0].name}'.")
        return ids

    @keyword(tags=["Desktop", "Snapshot"])
    def restore_desktop_snapshot(self, desktop: str, snapshot: str, timeout: timedelta | None = None) -> None:
        """Has the platform put a desktop back to where it was at a snapshot. What came after is lost.

        A desktop that ran then runs on from there. One that is connected stays connected: keys that are held down are let go, and
        its channels open again when a keyword needs them.

        - ``desktop``: the desktop's name or id.
        - ``snapshot``: the snapshot's name or id.
        - ``timeout``: by default ``timeouts.boot`` of the configuration (180 s).

        Example:
        | Log In To Platform
        | Create Desktop Snapshot    sales-1    clean
        | Restore Desktop Snapshot    sales-1    clean
        """

        async def restore(client: VdiClient, seconds: float) -> None:
            vm, found = await _snapshot(client, desktop, snapshot, seconds)
            machine = next((each for each in self.workspace.machines.values() if each.uuid == vm.id), None)
            if machine is None:
                await client.snapshots.restore(found.id, timeout=seconds)
                return
            async with self.workspace.replaced(machine, seconds):
                await client.snapshots.restore(found.id, timeout=seconds)

        self.ask(f"Restoring snapshot '{snapshot}' of desktop '{desktop}'", restore, timeout, kind="boot")
        logger.info(f"Desktop '{desktop}' is back at snapshot '{snapshot}'.")

    @keyword(tags=["Desktop", "Snapshot"])
    def delete_desktop_snapshot(self, desktop: str, snapshot: str, timeout: timedelta | None = None) -> None:
        """Has the platform delete a snapshot of a desktop. The desktop stays as it is.

        - ``desktop``: the desktop's name or id.
        - ``snapshot``: the snapshot's name or id.
        - ``timeout``: by default ``timeouts.boot`` of the configuration (180 s).

        Example:
        | Log In To Platform
        | Create Desktop Snapshot    sales-1    clean
        | Delete Desktop Snapshot    sales-1    clean
        """

        async def delete(client: VdiClient, seconds: float) -> None:
            vm, found = await _snapshot(client, desktop, snapshot, seconds)
            await client.snapshots.delete(found.id, timeout=seconds)
            self.forget("desktop snapshot", f"{vm.id} {found.name}")

        self.ask(f"Deleting snapshot '{snapshot}' of desktop '{desktop}'", delete, timeout, kind="boot")
        logger.info(f"Deleted snapshot '{snapshot}' of desktop '{desktop}'.")

    @keyword(tags=["Desktop", "Snapshot", "Getter"])
    def get_desktop_snapshot(
        self,
        desktop: str,
        snapshot: str,
        field: str | None = None,
        operator: Operator | None = None,
        expected: Any = None,
        *,
        timeout: timedelta | None = None,
    ) -> Any:
        """Returns what the platform says about a snapshot of a desktop, or one field of it.

        The fields: ``id``, ``name``, ``vm_status`` (what the desktop was doing when it was taken), ``create_time``,
        ``is_freeze`` (1: a restore point), ``is_terminal`` (1: the user took it), ...

        - ``desktop``: the desktop's name or id.
        - ``snapshot``: the snapshot's name or id.
        - ``field``: the field that is wanted; without it all of them are returned.
        - ``operator`` and ``expected``: an assertion about the field, such as ``==  running``.
        - ``timeout``: how long to wait until the assertion holds; without it it is checked once.

        Example:
        | Log In To Platform
        | Create Desktop Snapshot    sales-1    clean
        | Get Desktop Snapshot    sales-1    clean    vm_status    ==    running
        """

        async def look(client: VdiClient, seconds: float) -> Snapshot:
            return await client.snapshots.detail(
                (await _snapshot(client, desktop, snapshot, seconds))[1].id, timeout=seconds
            )

        subject = f"Snapshot '{snapshot}' of desktop '{desktop}'"
        return self.looked_at(subject, look, field, operator=operator, expected=expected, timeout=timeout)

    @keyword(tags=["Desktop", "Snapshot", "Getter"])
    def get_desktop_snapshots(self, desktop: str, timeout: timedelta | None = None) -> list[str]:
        """Returns the names of a desktop's snapshots, as the platform lists them.

        - ``desktop``: the desktop's name or id.
        - ``timeout``: by default ``timeouts.platform`` of the configuration (60 s).

        Example:
        | Log In To Platform
        | @{snapshots} =    Get Desktop Snapshots    sales-1
        | Should Contain    ${snapshots}    clean
        """
        return self.listed(f"snapshots of desktop '{desktop}'", _names_of(desktop), timeout)

    @keyword(tags=["Desktop", "Snapshot", "Assertion"])
    def desktop_snapshot_should_exist(self, desktop: str, snapshot: str, timeout: timedelta | None = None) -> None:
        """Fails unless the platform lists a snapshot of that name for a desktop.

        - ``desktop``: the desktop's name or id.
        - ``snapshot``: the snapshot's name or id.
        - ``timeout``: how long to wait until it does; by default it is looked at once.

        Example:
        | Log In To Platform
        | Create Desktop Snapshot    sales-1    clean
        | Desktop Snapshot Should Exist    sales-1    clean
        """
        self.should_exist(f"Snapshot '{snapshot}' of desktop '{desktop}'", _names_of(desktop), snapshot, True, timeout)

    @keyword(tags=["Desktop", "Snapshot", "Assertion"])
    def desktop_snapshot_should_not_exist(self, desktop: str, snapshot: str, timeout: timedelta | None = None) -> None:
        """Fails if the platform lists a snapshot of that name for a desktop.

        - ``desktop``: the desktop's name or id.
        - ``snapshot``: the snapshot's name or id.
        - ``timeout``: how long to wait until it is gone; by default it is looked at once.

        Example:
        | Log In To Platform
        | Desktop Snapshot Should Not Exist    sales-1    old
        """
        self.should_exist(f"Snapshot '{snapshot}' of desktop '{desktop}'", _names_of(desktop), snapshot, False, timeout)


def _names_of(desktop: str) -> Callable[[VdiClient, float], Coroutine[Any, Any, list[str]]]:
    async def names(client: VdiClient, seconds: float) -> list[str]:
        vm = await client.domains.find(desktop, timeout=seconds)
        return [each.name or each.id for each in await client.snapshots.list(vm.id, timeout=seconds).collect()]

    return names


async def _snapshot(client: VdiClient, desktop: str, snapshot: str, seconds: float) -> tuple[Vm, Snapshot]:
    vm = await client.domains.find(desktop, timeout=seconds)
    return vm, await client.snapshots.find(vm.id, snapshot, vm_name=vm.name, timeout=seconds)
