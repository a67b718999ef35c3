"""The SPICE sessions of a workspace: one for each VM that a test has connected to."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

from ATPLibrary.errors import ChannelError
from ATPLibrary.orchestrator.media_recordings import Recordings
from ATPLibrary.runtime import deadline

if TYPE_CHECKING:
    from ATPLibrary.orchestrator.machine import Machine
    from ATPLibrary.orchestrator.workspace import Workspace
    from ATPLibrary.protocol.spice.client import SpeakingChannel
    from ATPLibrary.protocol.spice.inputs import SpiceInputs
    from ATPLibrary.protocol.spice.recording import SessionRecorder
    from ATPLibrary.transport.spice import SpiceChannelType
    from ATPLibrary.transport.spice_connection import SpiceChannel, SpiceConnectionManager, SpiceVmConnection


class SpiceSessions:
    """Nothing is loaded before the first session. Configuration is read when a session begins."""

    def __init__(self, workspace: Workspace) -> None:
        self.recordings = Recordings(workspace.bus)
        self._workspace = workspace
        self._managers: dict[str, SpiceConnectionManager] = {}  # by UUID: each has its session's own settings
        self._recorders: dict[str, SessionRecorder] = {}  # by UUID: of the session that lives, or was the last
        self._inputs: dict[str, SpiceInputs] = {}  # by UUID: of the session that was last sent input by

    async def connect(
        self, machine: Machine, timeout: float, recorder: SessionRecorder | None = None
    ) -> SpiceVmConnection:
        """The session with that VM: the one that lives, or a new one, whose main channel is linked then, and which is recorded."""
        from ATPLibrary.orchestrator.spice import spice_connections
        from ATPLibrary.transport.spice import SpiceChannelType

        async with deadline(timeout, f"The SPICE session with VM '{machine.name}'", wanted="begin", got="did not"):
            known = self.known(machine)
            if known is not None:
                main = known.channel(SpiceChannelType.MAIN)
                if main is not None and main.state.is_open:
                    return known
                await self.close(machine.uuid)
            manager = self._managers[machine.uuid] = spice_connections(self._workspace)
            host = self._workspace.config.hosts.get(machine.host)
            connection = await manager.connection(machine.domain, timeout, host.ip if host is not None else None)
            if recorder is not None:
                recorder.follow(connection)
            await connection.connect_main_channel(timeout)
            return connection

    async def record(self, machine: Machine, recorder: SessionRecorder, timeout: float) -> SpiceVmConnection:
        """Begin the session with that VM anew, with the channels that are open now, and record it to its end."""
        known = self.known(machine)
        were_open = [key for key, each in known.channels.items() if each.state.is_open] if known is not None else []
        await self.close(machine.uuid)
        await self.stop_recording(machine)
        self._recorders[machine.uuid] = recorder
        connection = await self.connect(machine, timeout, recorder)
        for type, id in were_open:
            if connection.channel(type, id) is None:
                await connection.open_channel(type, id, timeout=timeout)
        return connection

    async def stop_recording(self, machine: Machine) -> SessionRecorder | None:
        """The recorder of that VM's session, whose file is closed then; None where none was recorded."""
        recorder = self._recorders.pop(machine.uuid, None)
        if recorder is not None:
            await recorder.close_aside()
        return recorder

    def known(self, machine: Machine) -> SpiceVmConnection | None:
        """The session with that VM, whether it lives or has failed."""
        manager = self._managers.get(machine.uuid)
        return manager.vm_connections.get(machine.uuid) if manager is not None else None

    def of(self, machine: Machine) -> SpiceVmConnection:
        """As `known`; `ChannelError` where there is none."""
        known = self.known(machine)
        if known is None:
            raise ChannelError.about(
                f"VM '{machine.name}'",
                wanted="have a SPICE session",
                got="has none",
                next_step="Say 'Connect To SPICE' first",
            )
        return known

    def channel(self, machine: Machine, type: SpiceChannelType, id: int) -> SpiceChannel:
        """A channel of that VM's session, in any state. `ChannelError` for one that was not opened, with those that were."""
        connection = self.of(machine)
        found = connection.channel(type, id)
        if found is None:
            there = ", ".join(each.name for each in connection.channels.values())
            raise ChannelError.about(
                f"SPICE channel {type.name.lower()}:{id} of VM '{machine.name}'", wanted="have been opened",
                got=f"was not; opened are: {there or 'none'}", next_step="Say 'Open SPICE Channel' first",
            )  # fmt: skip
        return found

    def speaking(self, machine: Machine, type: SpiceChannelType, id: int) -> SpeakingChannel:
        """The client on a linked channel. `ChannelError` when it isn't linked."""
        from ATPLibrary.protocol.spice.client import speaking

        return speaking(self.channel(machine, type, id))

    async def display(self, machine: Machine, id: int, timeout: float) -> SpeakingChannel:
        """The client on a display channel: a session is begun, and the channel opened, where there was none. What has ended is not
        begun anew: `ChannelError` says why it ended.
        """
        from ATPLibrary.transport.spice import SpiceChannelType

        connection = self.known(machine) or await self.connect(machine, timeout)
        if connection.channel(SpiceChannelType.DISPLAY, id) is None:
            await connection.open_channel(SpiceChannelType.DISPLAY, id, timeout=timeout)
        return self.speaking(machine, SpiceChannelType.DISPLAY, id)

    async def inputs(self, machine: Machine, timeout: float) -> SpiceInputs:
        """Keyboard and mouse by that VM's session, ready to be sent to: a session is begun, and its inputs channel opened, where
        there was none. What has ended is not begun anew: `ChannelError` says why it ended.
        """
        from ATPLibrary.protocol.spice.inputs import SpiceInputs

        known = self.known(machine)
        connection = known if known is not None else await self.connect(machine, timeout)
        inputs = self._inputs.get(machine.uuid)
        if inputs is None or inputs.connection is not connection:
            inputs = self._inputs[machine.uuid] = SpiceInputs(connection)
        await inputs.open(timeout)
        return inputs

    async def close(self, uuid: str | None = None) -> None:
        """End the session with one VM, or all; one that isn't there needs no ending."""
        try:
            await self.recordings.close(uuid)
        finally:
            await self._end(uuid)

    async def _end(self, uuid: str | None) -> None:
        ending = [uuid] if uuid is not None else list(self._managers)
        for each in ending:
            self._inputs.pop(each, None)
        try:
            await asyncio.gather(*(self._managers.pop(each).close() for each in ending if each in self._managers))
        finally:
            recorders = [each for recorded, each in self._recorders.items() if uuid in (None, recorded)]
            await asyncio.gather(*(each.close_aside() for each in recorders))
