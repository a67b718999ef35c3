"""Keywords about the system in the guest, as QEMU's guest agent tells it and changes it."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, TypeVar

from robot.api import logger
from robot.api.deco import keyword
from robot.api.types import Secret

from ATPLibrary.keywords.component import Component, named

if TYPE_CHECKING:
    from ATPLibrary.protocol.qga import GuestSystem
    from ATPLibrary.protocol.qga.system import GuestCpu, GuestDisk, GuestFilesystem, GuestInterface, GuestOs, GuestUser

T = TypeVar("T")


class GuestSystemKeywords(Component):
    @keyword(name="Get Guest OS", tags=["Guest", "Getter"])
    def get_guest_os(self, vm: str | None = None, timeout: timedelta | None = None) -> GuestOs:
        """Returns what the guest says it is.

        The answer has ``family`` (``posix`` or ``windows``), ``id``, ``name``, ``version``, ``pretty_name``, ``kernel_release``,
        ``kernel_version``, ``machine``, ``host_name`` and ``time_zone``; what the guest doesn't tell is empty.

        - ``vm``: the VM's name or UUID; by default the current VM.
        - ``timeout``: by default ``timeouts.command`` of the configuration.

        Example:
        | Connect To VM    win11
        | ${os} =    Get Guest OS
        | Should Be Equal    ${os.family}    posix
        """
        told = self._ask(vm, timeout, "The system", lambda system, seconds: system.os(seconds))
        logger.info(str(told))
        return told

    @keyword(tags=["Guest", "Getter"])
    def get_guest_interfaces(self, vm: str | None = None, timeout: timedelta | None = None) -> list[GuestInterface]:
        """Returns the guest's network interfaces, each with ``name``, ``mac`` and ``addresses`` (``192.0.2.7/24``).

        - ``vm``: the VM's name or UUID; by default the current VM.
        - ``timeout``: by default ``timeouts.command`` of the configuration.

        Example:
        | Connect To VM    win11
        | ${interfaces} =    Get Guest Interfaces
        | Should Be Equal    ${interfaces[0].name}    lo
        """
        return self._list(vm, timeout, "The network interfaces", lambda system, seconds: system.interfaces(seconds))

    @keyword(tags=["Guest", "Getter"])
    def get_guest_users(self, vm: str | None = None, timeout: timedelta | None = None) -> list[GuestUser]:
        """Returns who is logged in in the guest, each with ``name``, ``domain`` and ``since``.

        - ``vm``: the VM's name or UUID; by default the current VM.
        - ``timeout``: by default ``timeouts.command`` of the configuration.

        Example:
        | Connect To VM    win11
        | ${users} =    Get Guest Users
        """
        return self._list(vm, timeout, "The users", lambda system, seconds: system.users(seconds))

    @keyword(tags=["Guest", "Getter"])
    def get_guest_filesystems(self, vm: str | None = None, timeout: timedelta | None = None) -> list[GuestFilesystem]:
        """Returns the guest's mounted file systems, each with ``name``, ``mount_point``, ``type``, ``size`` and ``used`` (bytes),
        and ``disks``.

        - ``vm``: the VM's name or UUID; by default the current VM.
        - ``timeout``: by default ``timeouts.command`` of the configuration.

        Example:
        | Connect To VM    win11
        | ${filesystems} =    Get Guest Filesystems
        | Should Be Equal    ${filesystems[0].mount_point}    /
        """
        return self._list(vm, timeout, "The file systems", lambda system, seconds: system.filesystems(seconds))

    @keyword(tags=["Guest", "Getter"])
    def get_guest_disks(self, vm: str | None = None, timeout: timedelta | None = None) -> list[GuestDisk]:
        """Returns the guest's disks and partitions, each with ``name``, ``partition``, ``bus``, ``serial`` and ``depends_on``.

        - ``vm``: the VM's name or UUID; by default the current VM.
        - ``timeout``: by default ``timeouts.command`` of the configuration.

        Example:
        | Connect To VM    win11
        | ${disks} =    Get Guest Disks
        """
        return self._list(vm, timeout, "The disks", lambda system, seconds: system.disks(seconds))

    @keyword(name="Get Guest CPUs", tags=["Guest", "Getter"])
    def get_guest_cpus(self, vm: str | None = None, timeout: timedelta | None = None) -> list[GuestCpu]:
        """Returns the processors that the guest sees, each with ``number``, ``online`` and ``can_offline``.

        - ``vm``: the VM's name or UUID; by default the current VM.
        - ``timeout``: by default ``timeouts.command`` of the configuration.

        Example:
        | Connect To VM    win11
        | ${cpus} =    Get Guest CPUs
        | Should Be True    ${cpus[0].online}
        """
        return self._list(vm, timeout, "The CPUs", lambda system, seconds: system.cpus(seconds))

    @keyword(name="Set Guest CPU", tags=["Guest"])
    def set_guest_cpu(self, number: int, online: bool, vm: str | None = None, timeout: timedelta | None = None) -> None:
        """Lets a processor of the guest work, or takes it offline.

        - ``number``: which one, as `Get Guest CPUs` tells it.
        - ``online``: ``True`` or ``False``.
        - ``vm``: the VM's name or UUID; by default the current VM.
        - ``timeout``: by default ``timeouts.command`` of the configuration.

        Example:
        | Connect To VM    win11
        | Set Guest CPU    1    online=False
        """
        self._ask(vm, timeout, "The CPUs", lambda system, seconds: system.set_cpu(number, seconds, online=online))
        logger.info(f"CPU {number} of the guest is {'online' if online else 'offline'}.")

    @keyword(tags=["Guest", "Getter"])
    def get_guest_time(self, vm: str | None = None, timeout: timedelta | None = None) -> datetime:
        """Returns the guest's clock, as a date and time in UTC.

        - ``vm``: the VM's name or UUID; by default the current VM.
        - ``timeout``: by default ``timeouts.command`` of the configuration.

        Example:
        | Connect To VM    win11
        | ${now} =    Get Guest Time
        | Should Be True    ${now.year} >= 2026
        """
        told = self._ask(vm, timeout, "The clock", lambda system, seconds: system.time(seconds))
        logger.info(f"The guest's clock says {told}.")
        return told

    @keyword(tags=["Guest"])
    def set_guest_time(
        self, time: datetime | None = None, vm: str | None = None, timeout: timedelta | None = None
    ) -> None:
        """Sets the guest's clock, and the hardware clock that it starts with.

        - ``time``: such as ``2026-12-31 23:59:50`` (this machine's local time); by default now.
        - ``vm``: the VM's name or UUID; by default the current VM.
        - ``timeout``: by default ``timeouts.command`` of the configuration.

        Example:
        | Connect To VM    win11
        | Set Guest Time    2026-12-31 23:59:50
        | Set Guest Time
        """
        self._ask(vm, timeout, "The clock", lambda system, seconds: system.set_time(time or datetime.now(), seconds))
        logger.info(f"The guest's clock is set to {time or 'the time of this machine'}.")

    @keyword(tags=["Guest"])
    def set_guest_password(
        self,
        user: str,
        password: Secret,
        crypted: bool = False,
        vm: str | None = None,
        timeout: timedelta | None = None,
    ) -> None:
        """Sets the password of a user of the guest. It is never written to the log, and so must be a secret variable.

        - ``user``: the user's name; it must be there.
        - ``password``: a secret variable: ``VAR    ${name: secret}    %{ENVIRONMENT_VARIABLE}`` makes one, and so does
          ``robot --variable "name: secret:VALUE"``. Plain text is refused: Robot Framework would show it in the log.
        - ``crypted``: ``True`` when it is what ``crypt`` makes of a password. Not for Windows.
        - ``vm``: the VM's name or UUID; by default the current VM.
        - ``timeout``: by default ``timeouts.command`` of the configuration.

        Example:
        | Connect To VM    win11
        | VAR    ${password: secret}    %{GUEST_PASSWORD=horse-battery}
        | Set Guest Password    tester    ${password}
        """
        self._ask(
            vm,
            timeout,
            "The password",
            lambda system, seconds: system.set_password(user, password, seconds, crypted=crypted),
        )
        logger.info(f"The password of the guest's user '{user}' is set.")

    @keyword(tags=["Guest"])
    def shut_down_guest(self, vm: str | None = None, timeout: timedelta | None = None) -> None:
        """Lets QEMU's guest agent shut the guest down, and waits until the VM is off. `Shut Down VM` presses the power button.

        - ``vm``: the VM's name or UUID; by default the current VM.
        - ``timeout``: by default ``timeouts.boot`` of the configuration (180 s).

        Example:
        | Shut Down Guest    win11    timeout=2 min
        """
        self._ask(vm, timeout, "Shutting down", lambda system, seconds: system.shut_down(seconds), "boot")
        logger.info("The VM is off.")

    @keyword(tags=["Guest"])
    def reboot_guest(self, vm: str | None = None, timeout: timedelta | None = None) -> None:
        """Lets QEMU's guest agent reboot the guest, and waits until it really begins anew. `Reboot VM` presses the power button.

        - ``vm``: the VM's name or UUID; by default the current VM.
        - ``timeout``: by default ``timeouts.boot`` of the configuration (180 s).

        Example:
        | Reboot Guest    win11    timeout=2 min
        | Wait Until Guest Agent Is Ready    win11
        """
        self._ask(vm, timeout, "Rebooting", lambda system, seconds: system.reboot(seconds), "boot")
        logger.info("The guest has begun anew.")

    def _ask(
        self,
        vm: str | None,
        timeout: timedelta | None,
        what: str,
        ask: Callable[[GuestSystem, float], Awaitable[T]],
        kind: str = "command",
    ) -> T:
        seconds = self.seconds(timeout, kind)

        async def answer() -> T:
            machine = await self.machine(vm, seconds)
            from ATPLibrary.protocol.qga import GuestSystem

            return await ask(GuestSystem(await machine.qga(seconds)), seconds)

        return self.wait(answer(), seconds, f"{what} of the guest of {named(vm)}")

    def _list(
        self,
        vm: str | None,
        timeout: timedelta | None,
        what: str,
        ask: Callable[[GuestSystem, float], Awaitable[list[T]]],
    ) -> list[T]:
        listed = self._ask(vm, timeout, what, ask)
        logger.info(f"{what} of the guest: {len(listed)}\n" + "\n".join(map(str, listed)))
        return listed
