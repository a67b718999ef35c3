"""The lab as a whole: up, down, status. What is up is on file (`state.json`) and is also recognised without the file.

`up` starts from nothing: whatever a killed lab left behind is ended first, and if `up` itself fails or is interrupted, it takes
down what it had started. Taking down needs no answer from libvirt: processes are found and ended by the kernel's means.
"""

from __future__ import annotations

import contextlib
import fcntl
import os
import secrets
import shutil
import uuid
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

from ATPLibrary.errors import LabError
from ATPLibrary.lab import desktop_vm, processes, server_process
from ATPLibrary.lab.daemon_user import can_name_hosts, daemon_user
from ATPLibrary.lab.hosts import LabHost, short_directory
from ATPLibrary.lab.processes import Process
from ATPLibrary.lab.settings import FILE_NAME as SETTINGS_FILE
from ATPLibrary.lab.settings import AcceleratorSettings, ImageSettings, LabHostSettings, LabSettings, PlatformAccount
from ATPLibrary.lab.state import FILE_NAME as STATE_FILE
from ATPLibrary.lab.state import LabPhase, LabState, boot_id
from ATPLibrary.lab.status import Condition, HostStatus, LabStatus
from ATPLibrary.private_file import private_directory, write_private

if TYPE_CHECKING:
    from ATPLibrary.lab.accelerator import Accelerator
    from ATPLibrary.lab.image import GuestImage

Progress = Callable[[str], None]

CONFIG_FILE = "config.yaml"

# Name, its directory's name (short: it is part of socket paths), and the loopback address that stands for the machine's own.
_HOSTS = (("lab-a", "a", "127.0.0.2"), ("lab-b", "b", "127.0.0.3"))
_STATUS_SECONDS = 3.0
_PLATFORM = server_process.ROLE


class Lab:
    """The lab in `directory`. Labs in different directories run side by side."""

    def __init__(self, directory: Path) -> None:
        self.directory = directory.absolute()

    def up(self, progress: Progress, *, with_platform: bool = True, with_desktop: bool = False) -> LabSettings:
        """Start everything and return when all of it answers; `progress` is called with a line for each step.

        `with_desktop` defines the VM of `desktop_vm` as well, also in a lab that is up.

        When the lab is up already, that is said and nothing is done. `LabError` when something doesn't start; what had been
        started is then down again.
        """
        private_directory(self.directory)
        with self._lock():
            condition = self._condition()[0]
            if condition == "up":
                progress(f"The lab is already up in {self.directory}")
                settings = LabSettings.load(self.directory)
                if with_desktop:
                    self._add_desktop(settings, progress)
                return settings
            if condition != "down":
                progress("An earlier lab was cut off: clearing what it left")
            self._clear()
            try:
                settings = self._start(progress, with_platform, with_desktop)
            except BaseException:
                progress("Taking down what had been started")
                self._clear()
                raise
        return settings

    def down(self, progress: Progress) -> None:
        """End the VMs, the platform server and the daemons; remove their sockets, overlays and the settings. Logs stay."""
        if not self.directory.is_dir() and not self._running():
            progress(f"No lab in {self.directory}")
            return
        private_directory(self.directory)
        with self._lock():
            if self._condition()[0] == "down":
                progress(f"The lab in {self.directory} is down")
            else:
                progress("Ending the platform server, the VMs and the libvirt daemons")
            if (state := LabState.load(self.directory)) is not None:
                LabState(LabPhase.STOPPING, _ourselves(), boot_id(), state.processes, state.url).save(self.directory)
            self._clear()
            progress("Nothing of the lab runs any more")

    def restart_platform(self, progress: Progress) -> None:
        """Start the platform server anew at its address, with what it knew; one that runs is ended first. VMs aren't touched.

        `LabError` where the lab isn't up, but for the platform itself, or where the server doesn't answer.
        """
        with self._lock():
            state = LabState.load(self.directory)
            hosts = [process for process in state.processes if process.role != _PLATFORM] if state else []
            if state is None or state.phase is not LabPhase.UP or not state.url or not all(p.alive for p in hosts):
                raise LabError.about(
                    f"The lab in '{self.directory}'",
                    wanted="have its platform server started again",
                    got="is not up with a platform",
                    next_step="Run 'atp lab up'",
                )
            processes.end(server_process.find(self.directory))
            port = int(state.url.rpartition(":")[2])
            with server_process.listener((port,)) as listener:
                address = listener.getsockname()
                platform = server_process.start(self.directory, listener)
            replace(state, processes=(*hosts, platform)).save(self.directory)
            # Guests that boot take the processors: it may take longer than the first time.
            server_process.wait_until_ready(platform, address, self.directory, 3 * server_process.READY_SECONDS)
            progress(f"The platform server answers again at {state.url}")

    def status(self) -> LabStatus:
        """The lab as it is now. Asks each host for its VMs, for at most a few seconds."""
        condition, problems = self._condition()
        if condition == "down":
            return LabStatus(condition, str(self.directory))
        state = LabState.load(self.directory)
        try:
            settings = LabSettings.load(self.directory)
        except LabError as error:
            return LabStatus(condition, str(self.directory), (*problems, str(error)))
        running = self._running()
        return LabStatus(
            condition=condition,
            directory=str(self.directory),
            problems=tuple(problems),
            accelerator=settings.accelerator.kind,
            accelerator_reason=settings.accelerator.reason,
            url=state.url if state else "",
            hosts=tuple(self._host_status(host, running) for host in self.hosts()),
            processes=tuple({"role": process.role, "pid": process.pid} for process in running),
            notes=() if can_name_hosts() else ("VMs can't migrate between its hosts: 'atp doctor' says why",),
        )

    def hosts(self) -> list[LabHost]:
        """The lab's two hosts, with the ids of the lab that is up, or else new ones."""
        try:
            ids = {host.name: host.id for host in LabSettings.load(self.directory).hosts}
        except LabError:
            ids = {}
        return [
            LabHost(name, ids.get(name) or str(uuid.uuid4()), ip, self._short_directory / short, self.directory)
            for name, short, ip in _HOSTS
        ]

    @property
    def _short_directory(self) -> Path:
        return short_directory(self.directory)

    def _start(self, progress: Progress, with_platform: bool, with_desktop: bool) -> LabSettings:
        from ATPLibrary.lab.accelerator import decide
        from ATPLibrary.lab.doctor import require_essentials
        from ATPLibrary.lab.image import build

        require_essentials()
        state = LabState(LabPhase.STARTING, _ourselves(), boot_id())
        state.save(self.directory)
        guest = build(progress)
        verdict = _usable(decide(guest, progress))
        progress(f"Accelerator: {verdict.kind} ({verdict.reason})")
        hosts = self.hosts()
        settings = LabSettings(
            hosts=tuple(
                LabHostSettings(id=host.id, name=host.name, uri=host.uri, ip=host.ip, directory=host.directory)
                for host in hosts
            ),
            image=self._reachable(guest, "image"),
            accelerator=verdict,
            platform=PlatformAccount(password=secrets.token_urlsafe(12)),
        )
        settings.save(self.directory)

        daemons: list[tuple[LabHost, Process]] = []
        for host in hosts:
            progress(f"Starting libvirt host {host.name} ({host.ip})")
            daemons.append((host, host.start()))
            state = state.with_process(daemons[-1][1])
            state.save(self.directory)
        url = ""
        if with_platform:
            # It takes longest to start, and the hosts' sockets exist: it starts beside them.
            with server_process.listener() as listener:
                url, address = server_process.url(listener), listener.getsockname()
                progress(f"Starting the platform server at {url}")
                platform = server_process.start(self.directory, listener)
            state = state.with_process(platform)
            state.save(self.directory)
        progress("Waiting until all of them answer (the first time, libvirt asks each QEMU what it can: some 10 s)")
        for host, process in daemons:
            host.wait_until_ready(process)
        if with_platform:
            server_process.wait_until_ready(platform, address, self.directory)
        if with_desktop:
            self._add_desktop(settings, progress)
        self._write_config(settings, url)
        LabState(LabPhase.UP, state.owner, state.boot_id, state.processes, url).save(self.directory)
        progress("The lab is up")
        return settings

    def _add_desktop(self, settings: LabSettings, progress: Progress) -> None:
        desktop_vm.add(self.hosts()[0], lambda image: self._reachable(image, "desktop"), settings.accelerator, progress)

    def _reachable(self, image: GuestImage, folder: str) -> ImageSettings:
        """The image's files where the daemons can read them: where they are, unless the daemons run as somebody else."""
        user, copies = daemon_user(), self._short_directory / folder
        return ImageSettings(
            directory=image.directory,
            kernel=user.reachable(image.kernel, copies),
            initrd=user.reachable(image.initrd, copies),
            disk=user.reachable(image.disk, copies),
            cmdline=image.cmdline,
            key=image.key,
        )

    def _write_config(self, settings: LabSettings, url: str) -> None:
        import yaml

        account = settings.platform
        config: dict[str, object] = {
            "hosts": {host.name: {"uri": host.uri, "ip": host.ip, "tags": ["lab"]} for host in settings.hosts}
        }
        if url:
            config["platforms"] = {"lab": {"url": url, "username": account.username, "password": account.password}}
        text = "# Written by 'atp lab up'; removed by 'atp lab down'.\n" + yaml.safe_dump(config, sort_keys=False)
        write_private(self.directory / CONFIG_FILE, text)

    def _clear(self) -> None:
        """End every process of this lab and remove its files. Safe to repeat, and after any crash."""
        state = LabState.load(self.directory)
        # The platform first: it starts VMs. Then each host with its VMs. Then whatever the state file still knows.
        processes.end(server_process.find(self.directory))
        for host in self.hosts():
            host.stop()
        if state is not None:
            processes.end(state.running())
        shutil.rmtree(self._short_directory, ignore_errors=True)
        with contextlib.suppress(OSError):  # other labs of this user live there too
            self._short_directory.parent.rmdir()
        for name in (CONFIG_FILE, SETTINGS_FILE, STATE_FILE):
            (self.directory / name).unlink(missing_ok=True)
        for path in self.directory.glob("platform.db*"):
            path.unlink(missing_ok=True)

    def _running(self) -> list[Process]:
        hosts = self.hosts()
        return [*server_process.find(self.directory), *(process for host in hosts for process in host.processes())]

    def _condition(self) -> tuple[Condition, list[str]]:
        """The lab's condition, and a sentence for each thing that is wrong."""
        state = LabState.load(self.directory)
        if state is None:
            running = self._running()
            if not running:
                return "down", []
            return "broken", [f"{_listed(running)} run, but nothing says why. Run 'atp lab down'"]
        if state.phase is not LabPhase.UP:
            if state.boot_id == boot_id() and state.owner.alive and state.owner.pid != os.getpid():
                return ("starting" if state.phase is LabPhase.STARTING else "stopping"), []
            return "broken", [f"It was cut off while {state.phase.value}. Run 'atp lab up' or 'atp lab down'"]
        if state.boot_id != boot_id():
            return "broken", ["The machine was restarted since. Run 'atp lab up'"]
        dead = [process for process in state.processes if not process.alive]
        if dead:
            return "broken", [f"{_listed(dead)} ended. Run 'atp lab up'; the logs are in {self.directory}"]
        return "up", []

    def _host_status(self, host: LabHost, running: list[Process]) -> HostStatus:
        alive = any(process.role == host.daemon_role for process in running)
        return HostStatus(host.name, host.uri, host.ip, alive, host.vms(_STATUS_SECONDS) if alive else None)

    @contextlib.contextmanager
    def _lock(self) -> Iterator[None]:
        """One `up` or `down` at a time. The kernel gives the lock back however its holder ends."""
        path = self.directory / "lock"
        descriptor = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        try:
            try:
                fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                holder = os.pread(descriptor, 32, 0).decode(errors="replace").strip()
                raise LabError.about(
                    f"The lab in '{self.directory}'",
                    wanted="be left to one 'atp lab up' or 'down' at a time",
                    got=f"process {holder or 'unknown'} is at it",
                    next_step="Wait until that one is done",
                ) from None
            os.ftruncate(descriptor, 0)
            os.pwrite(descriptor, str(os.getpid()).encode(), 0)
            yield
        finally:
            os.close(descriptor)


def _usable(verdict: Accelerator) -> AcceleratorSettings:
    """The verdict, unless the daemons run as somebody who may not open /dev/kvm."""
    if verdict.kind == "kvm" and daemon_user().owner is not None:
        reason = (
            "KVM works, but not for 'nobody', as whom root's hosts run where user namespaces are forbidden: using TCG"
        )
        return AcceleratorSettings(kind="tcg", reason=reason)
    return AcceleratorSettings(kind=verdict.kind, reason=verdict.reason)


def _ourselves() -> Process:
    return processes.of_pid("atp", os.getpid())


def _listed(some: list[Process]) -> str:
    return ", ".join(f"{process.role} (pid {process.pid})" for process in some)
