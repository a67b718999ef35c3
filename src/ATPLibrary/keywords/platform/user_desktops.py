"""Keywords about whose a desktop is, and what a user is shown at login."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import timedelta
from typing import TYPE_CHECKING

from robot.api import logger
from robot.api.deco import keyword
from robot.api.types import Secret

from ATPLibrary.errors import InputError, PlatformError, VerificationError
from ATPLibrary.keywords.platform.looking import Looking
from ATPLibrary.keywords.platform.people import find_user, some
from ATPLibrary.vdi.codes import VmStatus

if TYPE_CHECKING:
    from ATPLibrary.vdi import VdiClient, Vm
    from ATPLibrary.vdi.shapes.people import UserLogin


class UserDesktopKeywords(Looking):
    @keyword(tags=["Platform", "User"])
    def bind_user_to_desktop(self, user: str, *desktops: str, timeout: timedelta | None = None) -> None:
        """Makes desktops a user's own. A desktop that is another user's fails: unbind that one first.

        - ``user``: the account.
        - ``desktops``: names or ids.
        - ``timeout``: by default ``timeouts.platform`` of the configuration (60 s).

        Example:
        | Log In To Platform
        | Bind User To Desktop    zhangsan    sales-1
        | User Should See Desktop    zhangsan    sales-1
        """
        names = some("'Bind User To Desktop'", desktops)

        async def bind(client: VdiClient, seconds: float) -> None:
            await find_user(client, user, seconds)  # a platform may bind a VM to anybody
            ids = [(await client.domains.find(name, timeout=seconds)).id for name in names]
            await client.domains.bind_user(user, ids, timeout=seconds)

        self.ask(f"Binding user '{user}' to {', '.join(names)}", bind, timeout)
        logger.info(f"{', '.join(names)} belong to user '{user}'.")

    @keyword(tags=["Platform", "User"])
    def unbind_user_from_desktop(self, user: str, *desktops: str, timeout: timedelta | None = None) -> None:
        """Takes desktops from a user, who doesn't see them at login any more. A desktop that isn't the user's fails.

        - ``user``: the account.
        - ``desktops``: names or ids.
        - ``timeout``: by default ``timeouts.platform`` of the configuration (60 s).

        Example:
        | Log In To Platform
        | Unbind User From Desktop    zhangsan    sales-1
        | User Should Not See Desktop    zhangsan    sales-1
        """
        names = some("'Unbind User From Desktop'", desktops)

        async def unbind(client: VdiClient, seconds: float) -> None:
            found = [await client.domains.find(name, timeout=seconds) for name in names]
            # The operation asks for no user: it would take the desktop from whoever has it.
            if others := [f"'{vm.name}' is {vm.user_id or 'nobody'}'s" for vm in found if vm.user_id != user]:
                raise PlatformError.about(
                    f"User '{user}'", wanted="have the desktops that are taken away", got=", ".join(others)
                )
            await client.domains.unbind_user([vm.id for vm in found], timeout=seconds)

        self.ask(f"Unbinding user '{user}' from {', '.join(names)}", unbind, timeout)
        logger.info(f"{', '.join(names)} belong to user '{user}' no more.")

    @keyword(tags=["Platform", "User", "Getter"])
    def get_user_desktops(self, user: str, timeout: timedelta | None = None) -> list[str]:
        """Returns the names of the desktops that are a user's own. What the user sees at login is `Get Desktops At Login`.

        - ``user``: the account.
        - ``timeout``: by default ``timeouts.platform`` of the configuration (60 s).

        Example:
        | Log In To Platform
        | @{desktops} =    Get User Desktops    zhangsan
        | Should Contain    ${desktops}    sales-1
        """

        async def names(client: VdiClient, seconds: float) -> Sequence[str]:
            return [vm.name for vm in await client.users.vms(user, timeout=seconds).collect()]

        found = [*self.ask(f"Listing the desktops of user '{user}'", names, timeout)]
        logger.info(f"User '{user}' has {len(found)} desktops: {', '.join(found) or 'none'}.")
        return found

    @keyword(tags=["Platform", "User"])
    def close_user_desktops(self, *users: str, timeout: timedelta | None = None) -> None:
        """Shuts down all desktops of users, and waits until the platform says of each that it is off.

        - ``users``: the accounts.
        - ``timeout``: by default ``timeouts.boot`` of the configuration (180 s).

        Example:
        | Log In To Platform
        | Close User Desktops    zhangsan    lisi
        """
        accounts = some("'Close User Desktops'", users)

        from ATPLibrary.orchestrator.desktops import wait_until_gone

        async def close(client: VdiClient, seconds: float) -> None:
            async def on() -> list[str]:
                listed = [await client.users.vms(account, timeout=seconds).collect() for account in accounts]
                return [_with_doubt(vm) for vms in listed for vm in vms if vm.status != VmStatus.SHUT_OFF]

            await client.users.close_vms(accounts, timeout=seconds)
            # The platform answers with no event to wait for.
            subject = f"Every desktop of {', '.join(accounts)}"
            await wait_until_gone(subject, on, seconds, wanted="be off", told="not off are")

        self.ask(f"Closing the desktops of {', '.join(accounts)}", close, timeout, kind="boot")
        logger.info(f"Every desktop of {', '.join(accounts)} is off.")

    @keyword(tags=["Platform", "User", "Getter"])
    def get_desktops_at_login(
        self, user: str, password: Secret | None = None, timeout: timedelta | None = None
    ) -> list[str]:
        """Logs in as a user's own client does, and returns the names of the desktops that the user is shown.

        Those are the user's own and, where the platform shares desktops, the free ones. The session of `Log In To Platform` stays
        what it is.

        - ``user``: the account.
        - ``password``: a secret variable; by default the one that `Create User` or `Set User Password` gave this user.
        - ``timeout``: by default ``timeouts.platform`` of the configuration (60 s).

        Example:
        | Log In To Platform
        | VAR    ${password: secret}    %{USER_PASSWORD=horse-battery}
        | Create User    zhangsan    password=${password}
        | @{desktops} =    Get Desktops At Login    zhangsan
        | Should Be Empty    ${desktops}
        """
        login = self._log_in(user, password, timeout)
        names = [vm.name for vm in login.desktops]
        logger.info(f"User '{user}' is shown {len(names)} desktops: {', '.join(names) or 'none'}.")
        return names

    @keyword(tags=["Platform", "User", "Assertion"])
    def user_should_see_desktop(
        self, user: str, desktop: str, password: Secret | None = None, timeout: timedelta | None = None
    ) -> None:
        """Logs in as a user's own client does, and fails unless the user is shown a desktop.

        - ``user``: the account.
        - ``desktop``: the desktop's name or id.
        - ``password``: a secret variable; by default the one that `Create User` or `Set User Password` gave this user.
        - ``timeout``: how long to wait until it is so; by default it is looked at once.

        Example:
        | Log In To Platform
        | VAR    ${password: secret}    %{USER_PASSWORD=horse-battery}
        | User Should See Desktop    zhangsan    sales-1    password=${password}
        """
        self._sees(user, desktop, password, True, timeout)

    @keyword(tags=["Platform", "User", "Assertion"])
    def user_should_not_see_desktop(
        self, user: str, desktop: str, password: Secret | None = None, timeout: timedelta | None = None
    ) -> None:
        """Logs in as a user's own client does, and fails if the user is shown a desktop, or if there is no such desktop.

        - ``user``: the account.
        - ``desktop``: the desktop's name or id.
        - ``password``: a secret variable; by default the one that `Create User` or `Set User Password` gave this user.
        - ``timeout``: how long to wait until it is so; by default it is looked at once.

        Example:
        | Log In To Platform
        | VAR    ${password: secret}    %{USER_PASSWORD=horse-battery}
        | User Should Not See Desktop    zhangsan    sales-2    password=${password}
        """
        self._sees(user, desktop, password, False, timeout)

    @keyword(tags=["Platform", "User", "Assertion"])
    def user_should_not_be_able_to_log_in(
        self, user: str, password: Secret | None = None, timeout: timedelta | None = None
    ) -> None:
        """Tries to log in as a user's own client does, and fails unless the platform refuses it.

        A platform that can't be asked fails it too: that proves nothing about the user.

        - ``user``: the account.
        - ``password``: a secret variable; by default the one that `Create User` or `Set User Password` gave this user.
        - ``timeout``: by default ``timeouts.platform`` of the configuration (60 s).

        Example:
        | Log In To Platform
        | VAR    ${wrong: secret}    %{WRONG_PASSWORD=staple}
        | User Should Not Be Able To Log In    zhangsan    password=${wrong}
        """
        try:
            self._log_in(user, password, timeout)
        except PlatformError as error:
            if error.status is None:
                raise  # nobody said no
            logger.info(f"The platform refused it: {error.vendor_message}")
            return
        raise VerificationError.about(f"User '{user}'", wanted="not be able to log in", got="is logged in")

    def _sees(self, user: str, desktop: str, password: Secret | None, wanted: bool, timeout: timedelta | None) -> None:
        chosen = self._password(user, password)

        async def look(client: VdiClient, seconds: float) -> tuple[bool, str]:
            from ATPLibrary.vdi.groups.base import is_same_name

            if not wanted:
                await client.domains.find(desktop, timeout=seconds)  # nobody is shown a name that was misspelt
            shown = (await client.users.log_in(user, chosen, timeout=seconds)).desktops
            is_shown = any(vm.id == desktop or is_same_name(vm.name, desktop) for vm in shown)
            names = ", ".join(vm.name for vm in shown) or "none"
            return is_shown is wanted, f"sees {names}"

        is_to = "see" if wanted else "not see"
        self.should(f"User '{user}'", f"{is_to} desktop '{desktop}' at login", look, timeout)

    def _log_in(self, user: str, password: Secret | None, timeout: timedelta | None) -> UserLogin:
        chosen = self._password(user, password)
        return self.ask(
            f"Logging in as user '{user}'", lambda client, s: client.users.log_in(user, chosen, timeout=s), timeout
        )

    def _password(self, user: str, password: Secret | None) -> object:
        """What was given, else what a keyword of this run gave the user."""
        chosen = password or self.workspace.platforms.password_of(self.client(), user)
        if chosen is None:
            raise InputError.about(
                f"A login as user '{user}'",
                wanted="have a password",
                got="has none: none was given, and none was set by a keyword of this run",
                next_step="Give password= a secret variable, or set one with 'Set User Password'",
            )
        return chosen


def _with_doubt(vm: Vm) -> str:
    """Its name; also that the platform doesn't tell what it does, as of one on a host that hangs."""
    return vm.name if vm.status is not None else f"{vm.name} (no status is told)"
