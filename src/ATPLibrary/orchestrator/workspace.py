"""The one set of connections of this process: hosts, VMs and platforms, shared by every library."""

from __future__ import annotations

import asyncio
import atexit
import contextlib
import threading
from collections.abc import AsyncIterator
from typing import TYPE_CHECKING, ClassVar

from ATPLibrary import events, runtime
from ATPLibrary.errors import ATPError, VmNotFoundError
from ATPLibrary.orchestrator import gone, reload
from ATPLibrary.orchestrator.config_watch import ConfigWatch
from ATPLibrary.orchestrator.creations import Creations
from ATPLibrary.orchestrator.lease import Lease, LeaseBook
from ATPLibrary.orchestrator.left_behind import LeftBehind
from ATPLibrary.orchestrator.machine import Machine
from ATPLibrary.orchestrator.machines import Machines
from ATPLibrary.orchestrator.platforms import Platforms
from ATPLibrary.orchestrator.served_agents import ServedAgents
from ATPLibrary.orchestrator.spice_folders import SharedFolders
from ATPLibrary.orchestrator.spice_sessions import SpiceSessions
from ATPLibrary.orchestrator.spice_usb import UsbRedirections
from ATPLibrary.transport.remaining import remaining

if TYPE_CHECKING:
    from ATPLibrary.config import Config, HostSettings
    from ATPLibrary.protocol.qga import ExecResult
    from ATPLibrary.transport import Domain, HostConnection, Transport, VmState

# How long closing everything may take at the end of a run; what isn't closed by then ends with the process.
CLOSE_SECONDS = 10.0
HOST_CLOSE_SECONDS = 3.0
# libvirt's word that a QEMU process ended may come later than its answer to whoever ended it, but not by this much.
EVENT_SECONDS = 1.0
RELEASE_SECONDS = 2.0
FOLLOW_SECONDS = 10.0


class Workspace:
    """Made empty: configuration is read, and connections are made, when a keyword first needs them.

    `Workspace.current()` is the process's one. Coroutines run on `runtime`'s loop.
    """

    _current: ClassVar[Workspace | None] = None
    _lock: ClassVar[threading.Lock] = threading.Lock()

    def __init__(self, config: Config | None = None) -> None:
        self._config = config
        self._transport: Transport | None = None
        self._watcher: asyncio.Task[None] | None = None
        self.bus = events.bus()
        self.platforms = Platforms(lambda: self.config)
        self.creations = Creations(self.platforms.session_of)
        self.leases = LeaseBook()
        self.served_agents = ServedAgents(self.bus)
        self.spice_sessions = SpiceSessions(self)
        self.usb = UsbRedirections(self)
        self.folders = SharedFolders(self)
        self.config_watch = ConfigWatch(self)
        self.retired: list[
            HostConnection
        ] = []  # hosts that a new configuration lacks, while VMs are connected through them
        self.machines = Machines()
        self.left_behind = LeftBehind(self.bus)
        self.current_machine: Machine | None = None
        # What 'Output Should Contain' looks at, and the full name of the test or suite that ran it.
        self.last_command: tuple[str, ExecResult, str] | None = None

    @classmethod
    def current(cls) -> Workspace:
        """The process's workspace, made if there is none."""
        with cls._lock:
            if cls._current is None:
                cls._current = cls()
            return cls._current

    @classmethod
    def existing(cls) -> Workspace | None:
        """The process's workspace if any keyword has used it: for evidence and for closing, which must not make one."""
        return cls._current

    @classmethod
    def close_current(cls, timeout: float = CLOSE_SECONDS) -> None:
        """Release every key, close every connection and forget the workspace. Does nothing when there is none."""
        with cls._lock:
            workspace, cls._current = cls._current, None
        if workspace is not None and workspace.has_connections:
            try:
                runtime.wait(workspace.close(timeout), timeout + 1.0, "Closing the connections")
            except ATPError as error:
                workspace.bus.publish(events.Event("workspace", "close.failed", {"error": str(error)}))

    @property
    def config(self) -> Config:
        """The configuration, read at first use; `ConfigError` says what is wrong with it."""
        if self._config is None:
            from ATPLibrary import config

            self._config = config.load()
        return self._config

    @property
    def transport(self) -> Transport:
        if self._transport is None:
            from ATPLibrary.transport import Transport

            self._transport = Transport(self.bus, self.config.pool)
            for name, settings in self.config.hosts.items():
                self.add_configured_host(name, settings)
        return self._transport

    def add_configured_host(self, name: str, settings: HostSettings) -> None:
        """Make a host of the configuration known; nothing is connected yet."""
        from ATPLibrary.transport import Credentials

        user = Credentials(settings.username, settings.password)
        self.transport.add_host(name, settings.uri, tags=settings.tags, credentials=user, drained=settings.drained)

    def follow(self, config: Config) -> None:
        """Take another configuration's settings from now on: see `reload`, which also takes its hosts."""
        self._config = config
        for machine in self.machines.values():
            machine.follow(config)

    @property
    def has_transport(self) -> bool:
        """Whether hosts are known yet: the configuration's are when one is first needed."""
        return self._transport is not None

    @property
    def has_connections(self) -> bool:
        return self._transport is not None or bool(self.platforms) or self.served_agents.service is not None

    async def host(
        self, name: str, timeout: float, uri: str | None = None, *, must_answer: bool = False
    ) -> HostConnection:
        """The connected host of that name: a configured one, or one at `uri`, which is then known by the name.

        `must_answer`: where it was connected before, it is asked whether it still is: see `HostConnection.reach`.
        """
        transport = self.transport
        if uri is not None:
            if name not in transport.hosts:
                return await self._new_host(name, uri, timeout)
            transport.add_host(name, uri)  # raises where the name means another host
        connection = self.known_host(name)
        await (connection.reach(timeout) if must_answer else connection.connect(timeout))
        return connection

    def known_host(self, name: str) -> HostConnection:
        """The host of that name, connected or not. `HostError` names the hosts that there are; `ConfigError` when there is none."""
        if not self.transport.hosts:
            self.config.host_settings(name)  # raises, saying where hosts are configured
        return self.transport.known(name)

    async def _new_host(self, name: str, uri: str, timeout: float) -> HostConnection:
        """One that can't be reached isn't kept: later searches on every host would fail because of it."""
        from ATPLibrary.transport.uri import check_local_files

        check_local_files(name, uri)
        self.transport.add_host(name, uri)
        try:
            return await self.transport.host(name, timeout)
        except BaseException:
            self.transport.hosts.pop(name, None)
            raise

    async def disconnect_host(self, name: str, timeout: float) -> None:
        """Close a host's VMs and its connection; it is connected again when it is next needed."""
        for machine in [each for each in self.machines.values() if each.host == name]:
            await self.forget(machine)
        await self.known_host(name).close(timeout)

    async def vms(
        self,
        timeout: float,
        *,
        host: str | None = None,
        pattern: str = "*",
        state: VmState | None = None,
        tag: str | None = None,
        problems: list[ATPError] | None = None,
    ) -> list[Domain]:
        """The VMs on `host`, else on every known host, each of which is asked: see `listing.vms`. `tag` as in `listing.tagged`."""
        from ATPLibrary.orchestrator import listing

        names = listing.tagged(self, tag, self.known_hosts() if host is None else [host])
        return await listing.vms(self, names, timeout, pattern=pattern, state=state, problems=problems)

    async def homes(self, name: str, host: str | None, timeout: float) -> list[Domain]:
        """The VMs of that name or UUID on `host`, else on every known host: see `Transport.homes`."""
        if host is None:
            self.known_hosts()
            return await self.transport.homes(name, timeout)
        return [await (await self.host(host, timeout)).lookup(name, timeout)]

    async def machine(self, name: str, host: str | None = None, *, timeout: float) -> Machine:
        """The VM of that name or UUID, connected if it isn't: looked for on `host`, else on every known host."""
        machine = self.machines.only(name) if host is None else None
        if machine is None:
            machine = self.connected(name, host)
        if machine is not None:
            if not machine.host_is_connected:
                await self.reach(machine, timeout)
            return machine
        if host is not None:
            await self.host(host, timeout)
        else:
            self.known_hosts()
        domain = await self.transport.find(name, host, timeout=timeout)
        await gone.forget_namesakes(self, domain)
        return self.adopt(domain)

    async def connect(self, name: str, host: str | None = None, *, timeout: float) -> Machine:
        """As `machine`, of what libvirt has now: a VM that is connected but gone, or has another name by now, is forgotten."""
        left = remaining(timeout)
        await gone.forget_gone(self, name, host, left())
        return await self.machine(name, host, timeout=left())

    async def reach(self, machine: Machine, timeout: float) -> None:
        """Connect the VM's host again, which was lost. A host that stays away may have left its VM to another one."""
        domain = await self.transport.relocate(machine.domain, timeout)
        if domain.host is not machine.domain.host:
            self.moved(machine, domain, told=True)
            machine.lifecycle(stopped=True, lives_on=True)

    def known_hosts(self) -> list[str]:
        """The names of all hosts. `ConfigError` when no host is known: an empty search must not look like an answer."""
        if not self.transport.hosts:
            self.config.require_hosts()
        return list(self.transport.hosts)

    def adopt(self, domain: Domain) -> Machine:
        """The machine of a domain that was looked up; the same one each time."""
        key = (domain.host.name, domain.uuid)
        if key not in self.machines:
            self.machines[key] = Machine(domain, self.config, self.bus, self.served_agents, self.spice_sessions.inputs)
            self._watch_lifecycles()
            self.left_behind.hand_over(self.machines[key])
        return self.machines[key]

    def connected(self, name: str, host: str | None = None) -> Machine | None:
        """The connected VM of that name or UUID, or None. `VmNotFoundError` when the name means more than one."""
        matches = self.machines.called(name)
        if host is not None:
            matches = tuple(machine for machine in matches if machine.host == host)
        if len(matches) > 1:
            hosts = ", ".join(sorted(machine.host for machine in matches))
            raise VmNotFoundError.about(
                f"VM '{name}'",
                wanted="mean one VM",
                got=f"there is one on each of {hosts}",
                next_step="Say which with host=, or use the UUID",
            )
        return matches[0] if matches else None

    async def choose(self, name: str | None, timeout: float) -> Machine:
        """The VM that a keyword means: the named one (connected if it isn't), else the current one."""
        if name is not None:
            return await self.machine(name, timeout=timeout)
        machine = self.chosen(None)
        if not machine.host_is_connected:
            await self.reach(machine, timeout)
        return machine

    def chosen(self, name: str | None) -> Machine:
        """The connected VM that a keyword means which only looks at what is remembered: the named one, else the current one."""
        if name is None:
            if self.current_machine is None:
                raise VmNotFoundError(
                    "This keyword needs a VM and none is connected. Connect one with 'Connect To VM' or "
                    "'Connect To Desk Pool', or name it with vm=."
                )
            return self.current_machine
        if (machine := self.connected(name)) is not None:
            return machine
        names = ", ".join(f"'{each.name}'" for each in self.machines.values())
        raise VmNotFoundError.about(
            f"VM '{name}'",
            wanted="be connected",
            got=f"connected are: {names}" if names else "no VM is connected",
            next_step="Connect it with 'Connect To VM'",
        )

    async def forget(self, machine: Machine) -> None:
        """Close a VM's channels and forget it."""
        key = (machine.host, machine.uuid)
        if self.machines.get(key) is machine:
            del self.machines[key]
        if self.current_machine is machine:
            self.current_machine = None
        try:
            self.left_behind.keep(machine, await machine.close())
            await self.spice_sessions.close(machine.uuid)
        finally:
            if self.retired:
                reload.close_unused(self)

    async def release(self, lease: Lease) -> None:
        """Give a leased VM back: its channels are closed first, since QEMU serves one client of each at a time."""
        try:
            for machine in self.machines.called(lease.uuid):
                await self.forget(machine)
        finally:
            self.leases.release(lease.uuid)

    async def release_scope(self, scope: str, timeout: float) -> None:
        """Give back what was leased until the end of that test or suite, in `timeout` seconds."""
        async with runtime.deadline(timeout, f"Giving back the VMs of '{scope}'"):
            await asyncio.gather(*(self.release(lease) for lease in self.leases.of_scope(scope)))

    @contextlib.asynccontextmanager
    async def replaced(self, machine: Machine, timeout: float, *, lives_on: bool = False) -> AsyncIterator[None]:
        """What is done inside ends the VM's QEMU process, or puts another in its place (save, revert, migrate).

        `lives_on`: its guest goes on afterwards, with what is down in it.
        Keys are let go before it, and channels are dropped after it. libvirt's event that the old process ended is awaited for a
        moment: it must not hit channels that the next keyword opens.
        """
        host, before = machine.host, await machine.domain.state(timeout)
        if machine.holds_input:
            with contextlib.suppress(ATPError, TimeoutError):  # a VM that doesn't answer has no hands to free
                async with asyncio.timeout(RELEASE_SECONDS):
                    await machine.free_input()

        def has_ended(event: events.Event) -> bool:
            return event.kind in STOPPED and event.data.get("uuid") == machine.uuid and event.data.get("host") == host

        with self.bus.subscribe(has_ended) as news:
            yield
            if before.state.is_active:
                with contextlib.suppress(TimeoutError):
                    async with asyncio.timeout(EVENT_SECONDS):
                        await anext(news)
        machine.lifecycle(stopped=True, lives_on=lives_on)

    def moved(self, machine: Machine, domain: Domain, *, told: bool = False) -> None:
        """The VM is on another host now: `domain`. The bus hears of it as `vm.moved`, unless it was told already."""
        if machine.domain.host is domain.host:
            return
        data = {"from": machine.host, "to": domain.host.name, "uuid": machine.uuid}
        is_connected = self.machines.pop((machine.host, machine.uuid), None) is not None
        machine.move(domain)
        if is_connected:
            self.machines[domain.host.name, domain.uuid] = machine
        if not told:
            notice = f"VM '{machine.name}' is on host '{domain.host.name}' now; it was on '{data['from']}'."
            self.bus.publish(events.Event(machine.source, "vm.moved", data, notice=notice))
        if self.retired:
            reload.close_unused(self)

    @property
    def holds_input(self) -> bool:
        """Whether a keyword has left a key or button down in any VM, or keeps others in its guest from its input."""
        return any(machine.holds_input for machine in self.machines.values())

    async def free_input(self, timeout: float) -> None:
        """Let go of every key and button in every VM, and let others in their guests have their input, in `timeout` seconds."""
        async with runtime.deadline(timeout, "Releasing all keys"):
            await asyncio.gather(*(machine.free_input() for machine in self.machines.values()))

    async def close(self, timeout: float = CLOSE_SECONDS) -> None:
        """Release every key that is down, then close channels, platform sessions and hosts: in `timeout` seconds in all."""
        machines, self.machines, self.current_machine = list(self.machines.values()), Machines(), None
        transport, self._transport = self._transport, None
        watcher, self._watcher = self._watcher, None
        retired, self.retired = self.retired, []
        self.config_watch.stop()
        if watcher is not None:
            watcher.cancel()
        try:
            async with runtime.deadline(timeout, "Closing the connections"):
                await asyncio.gather(*(machine.close() for machine in machines), return_exceptions=True)
                await self.served_agents.stop()
                await self.spice_sessions.close()
                await self.platforms.close()
                await asyncio.gather(*(host.close(HOST_CLOSE_SECONDS) for host in retired))
                if transport is not None:
                    await transport.close(HOST_CLOSE_SECONDS)
        finally:
            for lease in self.leases.held:
                self.leases.release(lease.uuid)

    def _watch_lifecycles(self) -> None:
        """From the first connected VM on: one that stops has its channels dropped, so that the next use opens new ones; and what an
        input left down in one is let go of.
        """
        if self._watcher is None:
            self._watcher = runtime.spawn(self._follow_lifecycles(), "watch lifecycles")

    async def _follow_lifecycles(self) -> None:
        kinds = (STARTED, *STOPPED, *LEFT_DOWN, *RESUMED, *SPICE_ENDED)
        with self.bus.subscribe(lambda event: event.kind in kinds) as subscription:
            async for event in subscription:
                if event.kind in (*LEFT_DOWN, *RESUMED, *SPICE_ENDED):
                    for machine in [each for each in self.machines.values() if each.source == event.source]:
                        if event.kind in RESUMED and not machine.engines.left_down:
                            continue  # what its engines hold they let go of themselves
                        if event.kind not in SPICE_ENDED:
                            machine.letting_go.soon()
                        elif event.data["channel"] == SPICE_INPUT:
                            machine.spice_input_ended()
                    continue
                known = self.machines.get((event.data.get("host", ""), event.data.get("uuid", "")))
                if known is None:
                    continue
                known.lifecycle(stopped=event.kind in STOPPED, lives_on=event.data.get("detail") in LIVES_ON)
                if event.kind == STARTED:
                    known.letting_go.soon()  # of what was down when it stopped
                if event.data.get("detail") == "migrated":
                    runtime.spawn(self._follow(known, known.host), f"follow VM {known.name}")

    async def _follow(self, machine: Machine, source: str) -> None:
        """Somebody has migrated the VM away from host `source`: find it on the others, so that its name goes on meaning it."""

        async def look(connection: HostConnection) -> Domain | None:
            try:
                domain = await connection.lookup(machine.uuid, FOLLOW_SECONDS)
                return domain if (await domain.state(FOLLOW_SECONDS)).state.is_active else None
            except ATPError:
                return None  # not there, or not to be asked: the next use of the VM says what is wrong

        others = [each for name, each in self.transport.hosts.items() if name != source]
        found = [domain for domain in await asyncio.gather(*map(look, others)) if domain is not None]
        if len(found) == 1 and machine.host == source and self.machines.get((source, machine.uuid)) is machine:
            self.moved(machine, found[0])
            machine.letting_go.soon()


# libvirt's lifecycle events after which a VM's sockets and streams lead nowhere.
STOPPED = ("libvirt.lifecycle.stopped", "libvirt.lifecycle.crashed")
STARTED = "libvirt.lifecycle.started"
# Details of those after which the guest goes on, with the keys that were down.
LIVES_ON = ("migrated", "saved")
# A failed input could not let go of what it had pressed.
LEFT_DOWN = ("input.keys_left_down", "input.buttons_left_down")
# A paused VM takes no releases: now it does.
RESUMED = ("qmp.RESUME", "libvirt.lifecycle.resumed")
# A channel of a VM's SPICE session has ended; with this one, what it holds down.
SPICE_ENDED = ("spice.channel.failed", "spice.channel.closed")
SPICE_INPUT = "inputs:0"

atexit.register(Workspace.close_current)
