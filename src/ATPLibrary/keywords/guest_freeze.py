"""Keywords about freezing the guest's file systems: for a snapshot or a backup that must be whole."""

from __future__ import annotations

from datetime import timedelta

from robot.api import logger
from robot.api.deco import keyword

from ATPLibrary.keywords.component import Component, named

# What a keyword that was stopped waits for the thaw, on top of its timeout.
THAWING_SECONDS = 1.5


class GuestFreezeKeywords(Component):
    @keyword(tags=["Guest"])
    def freeze_guest_filesystems(
        self,
        longest: timedelta = timedelta(seconds=60),
        vm: str | None = None,
        timeout: timedelta | None = None,
    ) -> int:
        """Writes out and freezes the guest's file systems, so that a snapshot taken now is whole. Returns how many there are.

        Whatever happens they are thawed again: by `Thaw Guest Filesystems`, when the test ends or is stopped, when the VM is
        disconnected, and after ``longest``. Where that fails (the host was lost, the VM is paused) it is tried again until it
        succeeds or the guest is off, and an error at the test's end says so. While they are frozen the guest stands still as soon
        as it writes, and its agent runs no commands.

        - ``longest``: how long they may stay frozen.
        - ``vm``: the VM's name or UUID; by default the current VM.
        - ``timeout``: by default ``timeouts.command`` of the configuration.

        Example:
        | Connect To VM    win11
        | Freeze Guest Filesystems    longest=30 s
        | Thaw Guest Filesystems
        """
        seconds = self.seconds(timeout, "command")

        async def freeze() -> int:
            qga = await (await self.machine(vm, seconds)).qga(seconds)
            return await qga.freeze.freeze(seconds, longest.total_seconds())

        count = self.wait(freeze(), seconds + THAWING_SECONDS, f"Freezing the file systems of {named(vm)}")
        logger.info(f"{count} file systems of the guest are frozen, for {longest.total_seconds():g} s at most.")
        return count

    @keyword(tags=["Guest"])
    def thaw_guest_filesystems(self, vm: str | None = None, timeout: timedelta | None = None) -> int:
        """Thaws the guest's file systems, whoever has frozen them. Returns how many; 0 when none was frozen.

        - ``vm``: the VM's name or UUID; by default the current VM.
        - ``timeout``: by default ``timeouts.command`` of the configuration.

        Example:
        | Connect To VM    win11
        | Freeze Guest Filesystems
        | Thaw Guest Filesystems
        """
        seconds = self.seconds(timeout, "command")

        async def thaw() -> int:
            return await (await (await self.machine(vm, seconds)).qga(seconds)).freeze.thaw(seconds)

        count = self.wait(thaw(), seconds, f"Thawing the file systems of {named(vm)}")
        logger.info(f"{count} file systems of the guest were thawed.")
        return count
