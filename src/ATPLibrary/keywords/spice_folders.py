"""Keywords about a folder of this machine that a guest sees through its SPICE session."""

from __future__ import annotations

from datetime import timedelta
from pathlib import Path

from robot.api import logger
from robot.api.deco import keyword

from ATPLibrary.keywords.assertions import Operator, check
from ATPLibrary.keywords.component import Component, named


class SpiceFolderKeywords(Component):
    @keyword(name="Share Folder", tags=["SPICE"])
    def share_folder(
        self,
        directory: Path,
        read_only: bool = False,
        vm: str | None = None,
        timeout: timedelta | None = None,
    ) -> None:
        """Shares a folder of this machine with a VM, through its SPICE session by WebDAV, in place of one shared before.

        The guest's half is ``spice-webdavd``, which has it at ``http://localhost:9843/`` there. Needs the extra ``webdav``. What
        the guest asked is told by `Get Shared Folder Requests`; a request that failed on this side is a warning in the log. Nobody
        else on this machine can reach the folder by this.

        - ``directory``: the folder; all in it can be read, and written, by the guest; it may write 2 GiB at once.
        - ``read_only``: the guest may write nothing.
        - ``vm``: the VM's name or UUID; by default the current VM.
        - ``timeout``: by default ``timeouts.connect`` of the configuration (30 s).

        Example:
        | Connect To VM    win11
        | Share Folder    ${TEMPDIR}    read_only=True
        """
        from ATPLibrary.orchestrator.spice_ports import find_folder_port

        seconds = self.seconds(timeout, "connect")

        async def share() -> bool:
            machine = await self.machine(vm, seconds)
            await self.workspace.folders.share(machine, directory, read_only, seconds)
            return find_folder_port(self.workspace, machine).opened

        is_open = self.wait(share(), seconds, f"Sharing a folder with {named(vm)}")
        half = "its spice-webdavd is there" if is_open else "no spice-webdavd has its port open yet"
        logger.info(f"'{directory}' is shared with {named(vm)}; {half}.")

    @keyword(name="Stop Sharing Folder", tags=["SPICE"])
    def stop_sharing_folder(self, vm: str | None = None, timeout: timedelta | None = None) -> None:
        """Shares no folder with a VM any more. Harmless where none was.

        - ``vm``: the VM's name or UUID; by default the current VM.
        - ``timeout``: by default ``timeouts.command`` of the configuration (10 s).

        Example:
        | Connect To VM    win11
        | Share Folder    ${TEMPDIR}
        | Stop Sharing Folder
        """
        seconds = self.seconds(timeout, "command")

        async def stop() -> None:
            await self.workspace.folders.stop(await self.machine(vm, seconds))

        self.wait(stop(), seconds, f"Ending the sharing of a folder with {named(vm)}")

    @keyword(name="Get Shared Folder Requests", tags=["SPICE", "Getter", "Assertion"])
    def get_shared_folder_requests(
        self,
        operator: Operator | None = None,
        expected: list[str] | str | None = None,
        vm: str | None = None,
        timeout: timedelta | None = None,
    ) -> list[str]:
        """Returns what a guest has asked of its shared folder, and with what status it was answered: ``GET /a.txt 200``.

        - ``operator``, ``expected``: an assertion about the list, such as ``contains    GET /a.txt 200``.
        - ``vm``: the VM's name or UUID; by default the current VM.
        - ``timeout``: by default ``timeouts.command`` of the configuration (10 s).

        Example:
        | Connect To VM    win11
        | Share Folder    ${TEMPDIR}
        | @{requests} =    Get Shared Folder Requests
        """
        seconds = self.seconds(timeout, "command")

        async def ask() -> list[str]:
            return list(self.workspace.folders.of(await self.machine(vm, seconds)).requests)

        requests = self.wait(ask(), seconds, f"Asking for the requests of {named(vm)} to its folder")
        check(f"The requests of {named(vm)} to its folder", requests, operator, expected)
        return requests
