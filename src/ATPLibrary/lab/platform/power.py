"""What is done to a VM's power and memory: start, shut down, suspend, sleep and the like. Each ends when it is done."""

from __future__ import annotations

import asyncio
import time

from ATPLibrary.errors import DeadlineError, VmStateError
from ATPLibrary.lab.platform import files
from ATPLibrary.lab.platform.codes import Freeze
from ATPLibrary.lab.platform.machines import CHANGE_SECONDS, READ_SECONDS, Machines, VmView
from ATPLibrary.lab.platform.store import Store
from ATPLibrary.runtime import deadline
from ATPLibrary.transport import saved_state
from ATPLibrary.transport.domain_state import VmState

# How long a guest may take to shut down or restart when asked to.
GUEST_SECONDS = 90.0
# A guest that was still booting has missed the power button: it is pressed again after this time.
ASK_AGAIN_SECONDS = 8.0

# The calendar's part that must differ for a disk to be put back; a week begins on Monday.
_PERIODS = {Freeze.DAY: "%Y-%j", Freeze.WEEK: "%G-%V", Freeze.MONTH: "%Y-%m"}


class Power:
    def __init__(self, store: Store, machines: Machines) -> None:
        self._store = store
        self._machines = machines

    async def start(self, view: VmView) -> None:
        """Start it; one that sleeps wakes up. A disk whose restore point is due is put back first."""
        if is_due(Freeze(view.row.freeze), view.row.frozen, time.time()) and not view.asleep:
            directory = self._machines.directory(view.row)
            await self._machines.files(f"The restore point of VM '{view.row.name}'", files.put_back, directory)
            self._store.change_vms([view.row.id], frozen=time.time())
        await (await self._machines.domain(view.row)).start(CHANGE_SECONDS)

    async def power_off(self, view: VmView) -> None:
        """Cut the power; of one that sleeps, forget its memory."""
        domain = await self._machines.domain(view.row)
        if view.asleep:
            await saved_state.discard_saved_state(domain, CHANGE_SECONDS)
        else:
            await domain.destroy(CHANGE_SECONDS)

    async def shut_down(self, view: VmView) -> None:
        """Ask the guest, through its agent or else by the power button, and wait until it is off. Power is never cut."""
        domain = await self._machines.domain(view.row)
        async with deadline(
            GUEST_SECONDS,
            f"VM '{view.row.name}'",
            wanted="shut down when asked to",
            got="did not",
            next_step="close it by force (isForce 1)",
        ):
            while True:
                try:
                    await domain.shutdown(ASK_AGAIN_SECONDS)
                except DeadlineError:
                    continue
                except VmStateError:
                    if (await domain.state(READ_SECONDS)).state is not VmState.SHUTOFF:
                        raise
                return

    async def reboot(self, view: VmView) -> None:
        """Ask the guest to restart and wait until it has left its old life behind. One with a restore point starts anew."""
        if view.row.freeze == Freeze.START:
            await self.shut_down(view)
            await self.start(view)
            return
        domain = await self._machines.domain(view.row)
        with self._machines.bus.subscribe(
            lambda event: event.kind == "libvirt.reboot" and event.data.get("uuid") == view.row.id
        ) as reboots:
            async with deadline(GUEST_SECONDS, f"VM '{view.row.name}'", wanted="restart when asked to", got="did not"):
                while True:
                    await domain.reboot(GUEST_SECONDS)
                    try:
                        async with asyncio.timeout(ASK_AGAIN_SECONDS):
                            await anext(reboots)
                    except TimeoutError:
                        continue
                    return

    async def suspend(self, view: VmView) -> None:
        await (await self._machines.domain(view.row)).suspend(CHANGE_SECONDS)

    async def resume(self, view: VmView) -> None:
        await (await self._machines.domain(view.row)).resume(CHANGE_SECONDS)

    async def sleep(self, view: VmView) -> None:
        """Write its memory to a file and end its QEMU (libvirt's managed save)."""
        await saved_state.save(await self._machines.domain(view.row), CHANGE_SECONDS)


def is_due(freeze: Freeze, last: float, now: float) -> bool:
    """Whether a disk with this restore point, put back last at `last`, is put back by a start at `now` (local time)."""
    if freeze is Freeze.NEVER:
        return False
    if freeze is Freeze.START:
        return True
    period = _PERIODS[freeze]
    return time.strftime(period, time.localtime(last)) != time.strftime(period, time.localtime(now))
