"""The folders of this machine that VMs see through their SPICE sessions: one a VM."""

from __future__ import annotations

from typing import TYPE_CHECKING

from ATPLibrary.errors import ChannelError
from ATPLibrary.transport.remaining import remaining

if TYPE_CHECKING:
    from pathlib import Path

    from ATPLibrary.orchestrator.machine import Machine
    from ATPLibrary.orchestrator.workspace import Workspace
    from ATPLibrary.protocol.spice.folder import SharedFolder


class SharedFolders:
    """Those of a workspace."""

    def __init__(self, workspace: Workspace) -> None:
        self._workspace = workspace
        self._shared: dict[str, SharedFolder] = {}  # by the VM's UUID

    async def share(self, machine: Machine, directory: Path, read_only: bool, timeout: float) -> SharedFolder:
        """Serve a folder to a VM, in place of one that is served already. `ChannelError` where the VM has no channel for it."""
        from ATPLibrary.orchestrator.spice_ports import opened
        from ATPLibrary.protocol.spice.folder import SharedFolder
        from ATPLibrary.protocol.spice.offered import ids_of
        from ATPLibrary.transport.spice import SpiceChannelType

        left = remaining(timeout)
        connection = await self._workspace.spice_sessions.connect(machine, timeout)
        if not ids_of(connection, SpiceChannelType.WEBDAV):
            raise ChannelError.about(
                f"VM '{machine.name}'", wanted="have a SPICE channel for folders", got="has none",
                next_step="Add <channel type='spiceport'> with the name org.spice-space.webdav.0 to its XML",
            )  # fmt: skip
        await self.stop(machine)
        speaking = await opened(connection, SpiceChannelType.WEBDAV, 0, left())
        folder = SharedFolder(speaking, directory, read_only=read_only)
        folder.start()
        self._shared[machine.uuid] = folder
        return folder

    def of(self, machine: Machine) -> SharedFolder:
        """The folder that a VM is served. `ChannelError` where there is none."""
        folder = self._shared.get(machine.uuid)
        if folder is None or not folder.is_served:
            raise ChannelError.about(
                f"VM '{machine.name}'", wanted="be served a folder", got="is served none",
                next_step="Say 'Share Folder' first",
            )  # fmt: skip
        return folder

    async def stop(self, machine: Machine) -> None:
        """Serve a VM no folder any more; nothing where there is none."""
        folder = self._shared.pop(machine.uuid, None)
        if folder is not None:
            await folder.stop()
