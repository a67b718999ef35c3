"""Keywords about users: making, changing, reading and deleting accounts."""

from __future__ import annotations

import re
from collections.abc import Sequence
from datetime import timedelta
from typing import TYPE_CHECKING, Any

from robot.api import logger
from robot.api.deco import keyword
from robot.api.types import Secret

from ATPLibrary.errors import InputError, PlatformError
from ATPLibrary.keywords.assertions import Operator
from ATPLibrary.keywords.platform.amounts import check_amount, check_ours
from ATPLibrary.keywords.platform.base import PlatformComponent
from ATPLibrary.keywords.platform.people import find_user, group_path, making_user, remove_users, some, users_named
from ATPLibrary.orchestrator.creations import ClosingLevel

if TYPE_CHECKING:
    from ATPLibrary.vdi import VdiClient
    from ATPLibrary.vdi.shapes.people import User


class UserKeywords(PlatformComponent):
    @keyword(tags=["Platform", "User"])
    def create_user(
        self,
        user: str,
        group: str | None = None,
        password: Secret | None = None,
        *,
        given_name: str | None = None,
        surname: str | None = None,
        mail: str | None = None,
        mobile: str | None = None,
        id_number: str | None = None,
        closing: ClosingLevel | None = None,
        timeout: timedelta | None = None,
    ) -> None:
        """Creates a user, who can log in and be given desktops.

        - ``user``: the account, which the user logs in with.
        - ``group``: the name or path of the group; by default the one that all others are in.
        - ``password``: a secret variable: ``VAR    ${name: secret}    %{ENVIRONMENT_VARIABLE}`` makes one. Without it the user
          has the platform's first password.
        - ``given_name``, ``surname``, ``mail``, ``mobile``, ``id_number``: what else the platform is to know.
        - ``closing``: when it is removed again: ``test``, ``suite``, ``manual``, ``keep``; by default the library import's level.
        - ``timeout``: by default ``timeouts.platform`` of the configuration (60 s).

        Example:
        | Log In To Platform
        | VAR    ${password: secret}    %{USER_PASSWORD=horse-battery}
        | Create User    zhangsan    group=sales    password=${password}    surname=张    given_name=三
        | User Should Exist    zhangsan
        """
        from ATPLibrary.vdi.shapes.people import NewUser

        async def create(client: VdiClient, seconds: float) -> str:
            path = await group_path(client, group, seconds)
            new = NewUser(
                account=user,
                group=path,
                given_name=given_name,
                surname=surname,
                mail=mail,
                mobile=mobile,
                id_number=id_number,
            )
            if user in await users_named(client, None, user, seconds):
                raise InputError(f"Platform '{client.name}' has a user '{user}' already.")  # not ours to remove
            with making_user(self, user, closing):
                await client.users.create(new, timeout=seconds)
            if password is not None:
                await client.users.set_password(user, password, group=path, timeout=seconds)
                self.workspace.platforms.knows_password(client, user, password)
            return path

        path = self.ask(f"Creating user '{user}'", create, timeout)
        logger.info(f"Created user '{user}' in group '{path}'.")

    @keyword(tags=["Platform", "User"])
    def create_users(
        self,
        prefix: str,
        amount: int,
        group: str | None = None,
        *,
        closing: ClosingLevel | None = None,
        timeout: timedelta | None = None,
    ) -> list[str]:
        """Creates several users at once, and returns their accounts: the platform makes them of a prefix and a number.

        Fewer than were asked for fail, and so do more: then somebody else makes users of the same prefix, and none is removed.

        - ``prefix``: how the accounts begin.
        - ``amount``: how many.
        - ``group``: the name or path of the group; by default the one that all others are in.
        - ``closing``: when it is removed again: ``test``, ``suite``, ``manual``, ``keep``; by default the library import's level.
        - ``timeout``: by default ``timeouts.platform`` of the configuration (60 s).

        Example:
        | Log In To Platform
        | @{users} =    Create Users    trainee    amount=3
        | Length Should Be    ${users}    3
        """

        async def create(client: VdiClient, seconds: float) -> list[str]:
            path = await group_path(client, group, seconds)
            before = set(await users_named(client, None, prefix, seconds))
            new: list[str] | None = None  # until the platform has answered
            what = f"The new users '{prefix}...'"
            numbered = re.compile(rf"{re.escape(prefix)}\D*\d+")

            async def listed(client: VdiClient, seconds: float) -> list[str]:
                there = await users_named(client, None, prefix, seconds)
                found = [account for account in there if account not in before and numbered.fullmatch(account)]
                check_ours(what, found, amount)
                return found

            async def remove(client: VdiClient, seconds: float) -> None:
                await remove_users(client, await listed(client, seconds) if new is None else new, seconds)

            with self.making("users", f"{prefix}...", remove, closing):
                await client.users.create_many(prefix, amount, group=path, timeout=seconds)
            new = await listed(client, seconds)
            check_amount(what, new, amount, client.name)
            return new

        made = self.ask(f"Creating {amount} users '{prefix}...'", create, timeout)
        logger.info(f"Created {len(made)} users: {', '.join(made) or 'none'}.")
        return made

    @keyword(tags=["Platform", "User"])
    def change_user(
        self,
        user: str,
        *,
        given_name: str | None = None,
        surname: str | None = None,
        mail: str | None = None,
        mobile: str | None = None,
        id_number: str | None = None,
        timeout: timedelta | None = None,
    ) -> None:
        """Changes what the platform knows about a user. What isn't named stays; an empty text takes it away.

        - ``user``: the account.
        - ``given_name``, ``surname``, ``mail``, ``mobile``, ``id_number``: what it is from now on.
        - ``timeout``: by default ``timeouts.platform`` of the configuration (60 s).

        Example:
        | Log In To Platform
        | Change User    zhangsan    mail=zhangsan@example.com    mobile=13800000000
        | Get User    zhangsan    mobile    ==    13800000000
        """
        from ATPLibrary.vdi.shapes.people import UserChange

        told = {
            "given_name": given_name,
            "surname": surname,
            "mail": mail,
            "mobile": mobile,
            "id_number": id_number,
        }
        changes = {name: value for name, value in told.items() if value is not None}
        some(f"'Change User' of '{user}'", tuple(changes))

        async def change(client: VdiClient, seconds: float) -> None:
            known = await find_user(client, user, seconds)
            # The operation sets the whole account, so what stays goes along.
            values = {name: getattr(known, name) for name in (*told, "cn")} | changes
            await client.users.update(UserChange(account=user, group=known.group, **values), timeout=seconds)

        self.ask(f"Changing user '{user}'", change, timeout)
        logger.info(f"Changed {', '.join(changes)} of user '{user}'.")

    @keyword(tags=["Platform", "User"])
    def set_user_password(self, user: str, password: Secret, timeout: timedelta | None = None) -> None:
        """Gives a user another password.

        - ``user``: the account.
        - ``password``: a secret variable: ``VAR    ${name: secret}    %{ENVIRONMENT_VARIABLE}`` makes one. Plain text is refused:
          Robot Framework would show it in the log.
        - ``timeout``: by default ``timeouts.platform`` of the configuration (60 s).

        Example:
        | Log In To Platform
        | VAR    ${password: secret}    %{USER_PASSWORD=horse-battery}
        | Set User Password    zhangsan    ${password}
        """

        async def change(client: VdiClient, seconds: float) -> None:
            known = await find_user(client, user, seconds)
            await client.users.set_password(user, password, group=known.group, timeout=seconds)
            self.workspace.platforms.knows_password(client, user, password)

        self.ask(f"Setting the password of user '{user}'", change, timeout)
        logger.info(f"User '{user}' has another password.")

    @keyword(tags=["Platform", "User"])
    def move_users_to_group(self, group: str, *users: str, timeout: timedelta | None = None) -> None:
        """Puts users into another group.

        - ``group``: the name or path of the group.
        - ``users``: their accounts.
        - ``timeout``: by default ``timeouts.platform`` of the configuration (60 s).

        Example:
        | Log In To Platform
        | Move Users To Group    sales    zhangsan    lisi
        | Get User    zhangsan    group    contains    ou=sales
        """
        accounts = some("'Move Users To Group'", users)

        async def move(client: VdiClient, seconds: float) -> str:
            path = await group_path(client, group, seconds)
            found = [await find_user(client, account, seconds) for account in accounts]
            if untold := [user.account or "" for user in found if not (user.id or "").isdecimal()]:
                raise PlatformError.about(
                    f"Users {', '.join(untold)}",
                    wanted="have an id, by which the platform moves them",
                    got=f"platform '{client.name}' tells none",
                )
            await client.users.move([int(user.id or "") for user in found], path, timeout=seconds)
            return path

        path = self.ask(f"Moving {', '.join(accounts)} to group '{group}'", move, timeout)
        logger.info(f"{', '.join(accounts)} moved to group '{path}'.")

    @keyword(tags=["Platform", "User"])
    def delete_user(self, user: str, timeout: timedelta | None = None) -> None:
        """Deletes a user. Desktops that were the user's own are nobody's then.

        - ``user``: the account.
        - ``timeout``: by default ``timeouts.platform`` of the configuration (60 s).

        Example:
        | Log In To Platform
        | Delete User    zhangsan
        | User Should Not Exist    zhangsan
        """

        async def delete(client: VdiClient, seconds: float) -> None:
            known = await find_user(client, user, seconds)
            await client.users.delete(user, group=known.group, timeout=seconds)
            self.forget("user", user)

        self.ask(f"Deleting user '{user}'", delete, timeout)
        logger.info(f"Deleted user '{user}'.")

    @keyword(tags=["Platform", "User", "Getter"])
    def get_user(
        self,
        user: str,
        field: str | None = None,
        operator: Operator | None = None,
        expected: Any = None,
        *,
        timeout: timedelta | None = None,
    ) -> Any:
        """Returns what the platform knows about a user, or one field of it.

        The fields: ``account``, ``id``, ``display_name``, ``given_name``, ``surname``, ``mail``, ``mobile``, ``id_number``,
        ``group`` (its path), ``vm_name`` (the desktops that are the user's own), ``last_login_time``, ...

        - ``user``: the account.
        - ``field``: the field that is wanted; without it all of them are returned.
        - ``operator`` and ``expected``: an assertion about the field, such as ``==  zhangsan@example.com``.
        - ``timeout``: how long to wait until the assertion holds; without it it is checked once.

        Example:
        | Log In To Platform
        | ${user} =    Get User    zhangsan
        | Log    ${user.display_name}
        | Get User    zhangsan    mail    ==    zhangsan@example.com
        """

        async def look(client: VdiClient, seconds: float) -> User:
            return await find_user(client, user, seconds)

        return self.looked_at(f"User '{user}'", look, field, operator=operator, expected=expected, timeout=timeout)

    @keyword(tags=["Platform", "User", "Getter"])
    def get_users(
        self, *, group: str | None = None, containing: str | None = None, timeout: timedelta | None = None
    ) -> list[str]:
        """Returns the accounts of all users, or of those of a group.

        - ``group``: the name or path of the group.
        - ``containing``: only the accounts with this in them.
        - ``timeout``: by default ``timeouts.platform`` of the configuration (60 s).

        Example:
        | Log In To Platform
        | @{users} =    Get Users    group=sales
        | Should Contain    ${users}    zhangsan
        """

        async def names(client: VdiClient, seconds: float) -> Sequence[str]:
            return await users_named(client, group, containing, seconds)

        found = [*self.ask("Listing the users", names, timeout)]
        logger.info(f"{len(found)} users: {', '.join(found) or 'none'}.")
        return found
