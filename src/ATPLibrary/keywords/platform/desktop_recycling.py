"""Keywords that undo: restore points, resets to the model, deletion, and the recycle bin."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import timedelta
from typing import TYPE_CHECKING, Literal

from robot.api import logger
from robot.api.deco import keyword

from ATPLibrary.keywords.platform.batches import BatchComponent, in_recycle_bin, in_words, named
from ATPLibrary.keywords.platform.made_desktops import DESKTOP
from ATPLibrary.vdi.codes import RestorePoint

if TYPE_CHECKING:
    from ATPLibrary.vdi import VdiClient

Every = Literal["start", "day", "week", "month"]
_RESTORE_POINTS = {
    "start": RestorePoint.EACH_START,
    "day": RestorePoint.DAILY,
    "week": RestorePoint.WEEKLY,
    "month": RestorePoint.MONTHLY,
}


class DesktopRecyclingKeywords(BatchComponent):
    @keyword(tags=["Desktop"])
    def set_restore_point(self, *names: str, every: Every = "start", timeout: timedelta | None = None) -> list[str]:
        """Freezes desktops that are off: what their disks hold now is the restore point that they go back to.

        What is written later is gone after the next start that is due. Returns the names of those that the platform says had
        snapshots or a restore point already: whether these have the new one it doesn't say, so they are a warning in the log.

        - ``names``: the desktops, by name or id.
        - ``every``: when they go back: at each ``start``, or at the first start of a ``day``, ``week`` or ``month``.
        - ``timeout``: by default ``timeouts.platform`` of the configuration (60 s).

        Example:
        | Log In To Platform
        | Set Restore Point    sales-1
        | Set Restore Point    sales-2    sales-3    every=day
        """
        had: list[str] = []

        async def freeze(client: VdiClient, ids: list[str], seconds: float) -> None:
            kept = await client.domains.freeze(ids, _RESTORE_POINTS[every], timeout=seconds)
            if kept:
                had.extend(vm.name for vm in await client.domains.find_all(kept, timeout=seconds))

        self.at_once(f"Setting a restore point of {in_words(names)}", named(names), freeze, timeout)
        if had:
            logger.warn(f"The platform says that these had snapshots or a restore point already: {', '.join(had)}.")
        return had

    @keyword(tags=["Desktop"])
    def remove_restore_point(self, *names: str, timeout: timedelta | None = None) -> None:
        """Takes the restore points of desktops that are off away: what their disks hold now stays, and what they write.

        - ``names``: the desktops, by name or id.
        - ``timeout``: by default ``timeouts.platform`` of the configuration (60 s).

        Example:
        | Log In To Platform
        | Set Restore Point    sales-1
        | Remove Restore Point    sales-1
        """
        self.at_once(
            f"Removing the restore point of {in_words(names)}",
            named(names),
            lambda client, ids, seconds: client.domains.unfreeze(ids, timeout=seconds),
            timeout,
        )

    @keyword(tags=["Desktop"])
    def reset_desktop_to_model(self, *names: str, timeout: timedelta | None = None) -> None:
        """Puts linked clones that are off back to what their model is now. What they had written is gone.

        - ``names``: the desktops, by name or id.
        - ``timeout``: by default ``timeouts.platform`` of the configuration (60 s).

        Example:
        | Log In To Platform
        | Reset Desktop To Model    sales-1
        """
        self.at_once(
            f"Resetting {in_words(names)} to the model",
            named(names),
            lambda client, ids, seconds: client.domains.rebase(ids, timeout=seconds),
            timeout,
        )

    @keyword(tags=["Desktop"])
    def delete_desktop(self, *names: str, recycle: bool = False, timeout: timedelta | None = None) -> None:
        """Deletes desktops, running or not, and waits until the platform lists none of them. Connections to them are closed first.

        - ``names``: the desktops, by name or id.
        - ``recycle``: ``True`` moves them to the recycle bin, from which `Restore From Recycle Bin` gets them back.
        - ``timeout``: by default ``timeouts.platform`` of the configuration (60 s).

        Example:
        | Log In To Platform
        | Delete Desktop    sales-1
        | Delete Desktop    sales-2    sales-3    recycle=True
        """
        from ATPLibrary.orchestrator import desktops

        which = named(names)

        async def delete(client: VdiClient, seconds: float) -> None:
            vms = await which(client, seconds)
            await desktops.delete(self.workspace, client, vms, seconds, recycle=recycle)
            if not recycle:
                self._gone(vm.id for vm in vms)

        self.ask(f"Deleting {in_words(names)}", delete, timeout)
        logger.info(f"{'Moved to the recycle bin' if recycle else 'Deleted'}: {in_words(names)}.")

    @keyword(tags=["Desktop", "Getter"])
    def get_recycle_bin(self, timeout: timedelta | None = None) -> list[str]:
        """Returns the names of the desktops in the recycle bin.

        - ``timeout``: by default ``timeouts.platform`` of the configuration (60 s).

        Example:
        | Log In To Platform
        | @{bin} =    Get Recycle Bin
        | Should Not Contain    ${bin}    sales-1
        """

        async def look(client: VdiClient, seconds: float) -> list[str]:
            return [vm.name for vm in await client.domains.recycled(timeout=seconds).collect()]

        found = self.ask("Listing the recycle bin", look, timeout)
        logger.info(f"{len(found)} in the recycle bin: {', '.join(found) or 'none'}.")
        return found

    @keyword(tags=["Desktop"])
    def restore_from_recycle_bin(self, *names: str, timeout: timedelta | None = None) -> None:
        """Gets desktops back out of the recycle bin, as they were. They are off.

        - ``names``: the desktops, by the name or id that they had.
        - ``timeout``: by default ``timeouts.platform`` of the configuration (60 s).

        Example:
        | Log In To Platform
        | Delete Desktop    sales-1    recycle=True
        | Restore From Recycle Bin    sales-1
        """
        self.at_once(
            f"Restoring {in_words(names)} from the recycle bin",
            in_recycle_bin(names),
            lambda client, ids, seconds: client.domains.restore_recycled(ids, timeout=seconds),
            timeout,
        )

    @keyword(tags=["Desktop"])
    def purge_from_recycle_bin(self, *names: str, timeout: timedelta | None = None) -> None:
        """Deletes desktops that are in the recycle bin for good.

        - ``names``: the desktops, by the name or id that they had.
        - ``timeout``: by default ``timeouts.platform`` of the configuration (60 s).

        Example:
        | Log In To Platform
        | Delete Desktop    sales-1    recycle=True
        | Purge From Recycle Bin    sales-1
        """

        async def purge(client: VdiClient, ids: list[str], seconds: float) -> None:
            from ATPLibrary.orchestrator import desktops

            await desktops.forget(self.workspace, ids)
            await client.domains.delete_recycled(ids, timeout=seconds)
            self._gone(ids)

        self.at_once(f"Purging {in_words(names)} from the recycle bin", in_recycle_bin(names), purge, timeout)

    def _gone(self, ids: Iterable[str]) -> None:
        for id_ in ids:
            self.forget(DESKTOP, id_)
