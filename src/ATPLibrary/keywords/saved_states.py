"""Keywords that save a running VM and let it go on later, or somewhere else."""

from __future__ import annotations

from datetime import timedelta
from typing import Literal

from robot.api import logger
from robot.api.deco import keyword

from ATPLibrary.keywords.component import Component, named


class SavedStateKeywords(Component):
    @keyword(name="Save VM", tags=["VM"])
    def save_vm(self, vm: str | None = None, file: str | None = None, timeout: timedelta | None = None) -> None:
        """Saves a running VM, memory and all, and switches it off. Its next start goes on where it was; a VM that was paused
        stays paused then.

        - ``vm``: the VM's name or UUID; by default the current VM.
        - ``file``: a file on the VM's host to save into; `Restore VM` goes on from it. By default libvirt keeps the state
          itself, and `Start VM` goes on from it.
        - ``timeout``: by default ``timeouts.boot`` of the configuration (180 s). When it passes, the saving is called off and
          the VM runs on.

        Example:
        | Save VM    win11
        | VM Should Be    shutoff    vm=win11
        | Start VM    win11
        """
        seconds = self.seconds(timeout, "boot")

        async def save() -> str:
            from ATPLibrary.transport import saved_state

            machine = await self.machine(vm, seconds)
            async with self.workspace.replaced(machine, seconds, lives_on=True):
                await saved_state.save(machine.domain, seconds, file)
            return f"VM '{machine.name}' is saved {f'in {file} on host {machine.host!r}' if file else 'by libvirt'}."

        logger.info(self.wait(save(), seconds, f"Saving {named(vm)}"))

    @keyword(name="Restore VM", tags=["VM"])
    def restore_vm(self, file: str, host: str | None = None, timeout: timedelta | None = None) -> str:
        """Lets a VM go on that `Save VM` has saved into a file, and makes it the current VM. Returns its name.

        The file stays. The VM's disks must be as they were when it was saved. One that was paused then is paused, with a warning.

        - ``file``: the file on the VM's host.
        - ``host``: the host; by default the current VM's.
        - ``timeout``: by default ``timeouts.boot`` of the configuration (180 s).

        Example:
        | Save VM    win11    file=/var/tmp/win11.save
        | Restore VM    /var/tmp/win11.save    host=rack-1
        """
        seconds = self.seconds(timeout, "boot")

        async def restore() -> str:
            from ATPLibrary.transport import saved_state

            name = host if host is not None else self.workspace.chosen(None).host
            domain = await saved_state.restore(await self.workspace.host(name, seconds), file, seconds)
            self.workspace.current_machine = self.workspace.adopt(domain)
            return domain.name

        name = self.wait(restore(), seconds, f"Restoring a VM from '{file}'")
        logger.info(f"VM '{name}' goes on from {file}.")
        return name

    @keyword(name="Discard Saved State", tags=["VM"])
    def discard_saved_state(self, vm: str | None = None, timeout: timedelta | None = None) -> bool:
        """Throws away the state that `Save VM` left with libvirt, so that the next start boots. Returns whether there was one.

        - ``vm``: the VM's name or UUID; by default the current VM.
        - ``timeout``: by default ``timeouts.command`` of the configuration (10 s).

        Example:
        | Save VM    win11
        | Discard Saved State    win11
        """
        seconds = self.seconds(timeout, "command")

        async def discard() -> tuple[str, bool]:
            from ATPLibrary.transport import saved_state

            machine = await self.machine(vm, seconds)
            return machine.name, await saved_state.discard_saved_state(machine.domain, seconds)

        name, had = self.wait(discard(), seconds, f"Discarding the saved state of {named(vm)}")
        logger.info(f"VM '{name}' had {'a' if had else 'no'} saved state{' which is gone now' if had else ''}.")
        return had

    @keyword(name="Migrate VM", tags=["VM", "Host"])
    def migrate_vm(
        self,
        host: str,
        vm: str | None = None,
        storage: Literal["shared", "copy", "copy top layer"] = "shared",
        *,
        live: bool = True,
        unsafe: bool = False,
        peer_to_peer: bool = False,
        uri: str | None = None,
        xml: str | None = None,
        timeout: timedelta | None = None,
    ) -> None:
        """Moves a VM to another host while it runs. Its name means the moved one from then on; channels open anew.

        - ``host``: the host to move to, one of the configuration or connected by `Connect To Host`.
        - ``vm``: the VM's name or UUID; by default the current VM.
        - ``storage``: ``shared``, or its disks are copied: ``copy`` them whole, or ``copy top layer`` over a backing file that
          both hosts have. Copying needs a disk of that size at the same path on the destination.
        - ``live``: let it run while its memory is copied; else it is paused for that time.
        - ``unsafe``: the storage really is shared, although libvirt can't see it.
        - ``peer_to_peer``: let the hosts' libvirts speak to each other, instead of both to this machine.
        - ``uri``: where the memory travels, such as ``tcp://10.0.0.12``; by default the destination's host name is used.
        - ``xml``: the VM's domain XML on the destination, where paths or addresses differ there: see `Get VM XML`.
        - ``timeout``: by default ``timeouts.boot`` of the configuration (180 s). When it passes, the move is called off and the
          VM runs on where it was.

        Example:
        | Connect To VM    win11    host=rack-1
        | Migrate VM    rack-2    uri=tcp://10.0.0.12
        | VM Should Be    running
        """
        seconds = self.seconds(timeout, "boot")

        async def move() -> tuple[str, str]:
            from ATPLibrary.transport.migration import MigrationPlan, migrate

            machine = await self.machine(vm, seconds)
            destination = await self.workspace.host(host, seconds)
            before = machine.host
            plan = MigrationPlan(live, storage, unsafe, peer_to_peer, uri, xml)
            async with self.workspace.replaced(machine, seconds, lives_on=True):
                self.workspace.moved(machine, await migrate(machine.domain, destination, plan, seconds))
            return machine.name, before

        name, before = self.wait(move(), seconds, f"Migrating {named(vm)} to host '{host}'")
        logger.info(f"VM '{name}' moved from host '{before}' to host '{host}'.")
