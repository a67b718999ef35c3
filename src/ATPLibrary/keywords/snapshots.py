"""Keywords about snapshots: taking one, going back to it, deleting it."""

from __future__ import annotations

from dataclasses import asdict
from datetime import timedelta
from typing import Any

from robot.api import logger
from robot.api.deco import keyword

from ATPLibrary.keywords.component import Component, named


class SnapshotKeywords(Component):
    @keyword(name="Create Snapshot", tags=["VM", "Snapshot"])
    def create_snapshot(
        self, name: str, vm: str | None = None, description: str = "", timeout: timedelta | None = None
    ) -> None:
        """Takes a snapshot of a VM: its disks and, if it runs, its memory. A running VM stands still meanwhile.

        The snapshot is kept inside the VM's qcow2 disks.

        - ``name``: what the snapshot is called; must be new for this VM.
        - ``vm``: the VM's name or UUID; by default the current VM.
        - ``description``: any text, which `Get Snapshots` shows.
        - ``timeout``: by default ``timeouts.boot`` of the configuration (180 s).

        Example:
        | Connect To VM    win11
        | Create Snapshot    clean    description=just installed
        | Revert To Snapshot    clean
        """
        seconds = self.seconds(timeout, "boot")

        async def create() -> str:
            from ATPLibrary.transport import snapshots

            machine = await self.machine(vm, seconds)
            taken = await snapshots.create_snapshot(machine.domain, name, description, seconds)
            memory = "with its memory" if taken.has_memory else "of its disks only: it is off"
            return f"Took snapshot '{name}' of VM '{machine.name}', {memory}."

        logger.info(self.wait(create(), seconds, f"Taking snapshot '{name}' of {named(vm)}"))

    @keyword(name="Get Snapshots", tags=["VM", "Snapshot", "Getter"])
    def get_snapshots(self, vm: str | None = None, timeout: timedelta | None = None) -> list[dict[str, Any]]:
        """Returns the snapshots of a VM, oldest first, each a dictionary.

        Its entries: ``name``, ``description``, ``state`` (the VM's when it was taken), ``created`` (seconds since 1970),
        ``parent`` (the name of the snapshot that it builds on, or None), ``has_memory`` and ``is_current``.

        - ``vm``: the VM's name or UUID; by default the current VM.
        - ``timeout``: by default ``timeouts.command`` of the configuration (10 s).

        Example:
        | @{snapshots} =    Get Snapshots    win11
        | FOR    ${snapshot}    IN    @{snapshots}
        |     Log    ${snapshot}[name] was taken when the VM was ${snapshot}[state]
        | END
        """
        seconds = self.seconds(timeout, "command")

        async def listed() -> tuple[str, list[dict[str, Any]]]:
            from ATPLibrary.transport import snapshots

            machine = await self.machine(vm, seconds)
            return machine.name, [asdict(each) for each in await snapshots.snapshots(machine.domain, seconds)]

        name, found = self.wait(listed(), seconds, f"Listing the snapshots of {named(vm)}")
        logger.info(f"VM '{name}' has {len(found)} snapshots: {', '.join(each['name'] for each in found) or 'none'}.")
        return found

    @keyword(name="Revert To Snapshot", tags=["VM", "Snapshot"])
    def revert_to_snapshot(self, name: str, vm: str | None = None, timeout: timedelta | None = None) -> None:
        """Puts a VM back to where it was when a snapshot was taken: disks, and memory if it ran. What came after is lost.

        QEMU begins anew, so the VM's channels are closed and open again when a keyword needs them. The guest's clock shows
        the time of the snapshot. Keys that are held down are let go first.

        - ``name``: the snapshot's name.
        - ``vm``: the VM's name or UUID; by default the current VM.
        - ``timeout``: by default ``timeouts.boot`` of the configuration (180 s).

        Example:
        | Create Snapshot    clean    vm=win11
        | Reboot VM    win11    timeout=2 min
        | Revert To Snapshot    clean    vm=win11
        """
        seconds = self.seconds(timeout, "boot")

        async def revert() -> str:
            from ATPLibrary.transport import snapshots

            machine = await self.machine(vm, seconds)
            async with self.workspace.replaced(machine, seconds):
                await snapshots.revert_to_snapshot(machine.domain, name, seconds)
            return f"VM '{machine.name}' is back at snapshot '{name}': {await machine.domain.state(seconds)}."

        logger.info(self.wait(revert(), seconds, f"Reverting {named(vm)} to snapshot '{name}'"))

    @keyword(name="Delete Snapshot", tags=["VM", "Snapshot"])
    def delete_snapshot(
        self, name: str, vm: str | None = None, children: bool = False, timeout: timedelta | None = None
    ) -> None:
        """Deletes a snapshot. The VM stays as it is, and so do later snapshots.

        - ``name``: the snapshot's name.
        - ``vm``: the VM's name or UUID; by default the current VM.
        - ``children``: delete the snapshots that build on it, too.
        - ``timeout``: by default ``timeouts.boot`` of the configuration (180 s).

        Example:
        | Create Snapshot    clean    vm=win11
        | Delete Snapshot    clean    vm=win11
        """
        seconds = self.seconds(timeout, "boot")

        async def delete() -> str:
            from ATPLibrary.transport import snapshots

            machine = await self.machine(vm, seconds)
            await snapshots.delete_snapshot(machine.domain, name, seconds, children=children)
            return f"Deleted snapshot '{name}'{' and those built on it' if children else ''} of VM '{machine.name}'."

        logger.info(self.wait(delete(), seconds, f"Deleting snapshot '{name}' of {named(vm)}"))
