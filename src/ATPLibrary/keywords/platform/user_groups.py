"""Keywords about groups of users: making, renaming, reading and deleting them."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING, Any

from robot.api import logger
from robot.api.deco import keyword

from ATPLibrary.keywords.assertions import Operator
from ATPLibrary.keywords.platform.looking import Looking
from ATPLibrary.keywords.platform.people import group_path, group_paths
from ATPLibrary.orchestrator.creations import ClosingLevel

if TYPE_CHECKING:
    from ATPLibrary.vdi import VdiClient
    from ATPLibrary.vdi.shapes.people import Group


class UserGroupKeywords(Looking):
    @keyword(tags=["Platform", "User Group"])
    def create_user_group(
        self,
        group: str,
        inside: str | None = None,
        *,
        closing: ClosingLevel | None = None,
        timeout: timedelta | None = None,
    ) -> str:
        """Creates a group of users, and returns its path, such as ``ou=sales,ou=users``.

        - ``group``: its name, in any language.
        - ``inside``: the name or path of the group that it is in; by default the one that all others are in.
        - ``closing``: when it is removed again: ``test``, ``suite``, ``manual``, ``keep``; by default the library import's level.
        - ``timeout``: by default ``timeouts.platform`` of the configuration (60 s).

        Example:
        | Log In To Platform
        | Create User Group    销售部
        | ${path} =    Create User Group    华东    inside=销售部
        | Create User    zhangsan    group=${path}
        """

        async def create(client: VdiClient, seconds: float) -> str:
            base = await group_path(client, inside, seconds)
            before = set(await group_paths(client, seconds))
            path = f"ou={group},{base}"

            async def remove(client: VdiClient, seconds: float) -> None:
                gone = made.id or path  # a group that was renamed has another path
                if gone in set(await group_paths(client, seconds)) - before:
                    await client.groups.delete(gone, timeout=seconds)

            with self.making("user group", path, remove, closing) as made:
                await client.groups.create(group, base=base, timeout=seconds)
            # The platform makes the path and doesn't answer it.
            new = [each for each in await client.groups.all(timeout=seconds) if each.path not in before]
            made.id = made.name = next((each.path for each in new if each.name == group), path)
            return made.id

        path = self.ask(f"Creating user group '{group}'", create, timeout)
        logger.info(f"Created user group '{path}'.")
        return path

    @keyword(tags=["Platform", "User Group"])
    def rename_user_group(self, group: str, name: str, timeout: timedelta | None = None) -> str:
        """Gives a group of users another name, and returns its new path. Its users and the groups inside it stay in it.

        - ``group``: its name or path.
        - ``name``: the new name.
        - ``timeout``: by default ``timeouts.platform`` of the configuration (60 s).

        Example:
        | Log In To Platform
        | Rename User Group    sales    marketing
        | User Group Should Exist    marketing
        """

        async def rename(client: VdiClient, seconds: float) -> tuple[str, str]:
            old = await group_path(client, group, seconds)
            _, comma, base = old.partition(",")
            new = f"ou={name}{comma}{base}"
            await client.groups.rename(old, new, timeout=seconds)
            self._follow(client, old, new)
            return old, new

        old, new = self.ask(f"Renaming user group '{group}'", rename, timeout)
        logger.info(f"User group '{old}' is '{new}' now.")
        return new

    @keyword(tags=["Platform", "User Group"])
    def delete_user_group(self, group: str, timeout: timedelta | None = None) -> None:
        """Deletes a group of users. Most platforms refuse it while anybody is in it.

        - ``group``: its name or path.
        - ``timeout``: by default ``timeouts.platform`` of the configuration (60 s).

        Example:
        | Log In To Platform
        | Delete User Group    sales
        | User Group Should Not Exist    sales
        """

        async def delete(client: VdiClient, seconds: float) -> str:
            path = await group_path(client, group, seconds)
            await client.groups.delete(path, timeout=seconds)
            self.forget("user group", path)
            return path

        path = self.ask(f"Deleting user group '{group}'", delete, timeout)
        logger.info(f"Deleted user group '{path}'.")

    @keyword(tags=["Platform", "User Group", "Getter"])
    def get_user_group(
        self,
        group: str,
        field: str | None = None,
        operator: Operator | None = None,
        expected: Any = None,
        *,
        timeout: timedelta | None = None,
    ) -> Any:
        """Returns what the platform says about a group of users, or one field of it.

        The fields: ``distinguished_name`` (its path), ``ou`` (its name), ``parent``, ``groups`` (those inside it), ...

        - ``group``: its name or path.
        - ``field``: the field that is wanted; without it all of them are returned.
        - ``operator`` and ``expected``: an assertion about the field, such as ``==  ou=users``.
        - ``timeout``: how long to wait until the assertion holds; without it it is checked once.

        Example:
        | Log In To Platform
        | Get User Group    sales    distinguished_name    contains    ou=sales
        """

        async def look(client: VdiClient, seconds: float) -> Group:
            return await client.groups.find(group, timeout=seconds)

        return self.looked_at(
            f"User group '{group}'", look, field, operator=operator, expected=expected, timeout=timeout
        )

    @keyword(tags=["Platform", "User Group", "Getter"])
    def get_user_groups(self, timeout: timedelta | None = None) -> list[str]:
        """Returns the paths of all groups of users, each before those inside it.

        - ``timeout``: by default ``timeouts.platform`` of the configuration (60 s).

        Example:
        | Log In To Platform
        | @{groups} =    Get User Groups
        | Should Not Be Empty    ${groups}
        """
        paths = self.ask("Listing the user groups", group_paths, timeout)
        logger.info(f"{len(paths)} user groups: {'; '.join(paths) or 'none'}.")
        return paths

    @keyword(tags=["Platform", "User Group", "Assertion"])
    def user_group_should_exist(self, group: str, timeout: timedelta | None = None) -> None:
        """Fails unless the platform has a group of users of that name.

        - ``group``: its name or path.
        - ``timeout``: how long to wait until it does; by default it is looked at once.

        Example:
        | Log In To Platform
        | User Group Should Exist    sales
        """
        self.should_exist(f"User group '{group}'", _names, group, True, timeout)

    @keyword(tags=["Platform", "User Group", "Assertion"])
    def user_group_should_not_exist(self, group: str, timeout: timedelta | None = None) -> None:
        """Fails if the platform has a group of users of that name.

        - ``group``: its name or path.
        - ``timeout``: how long to wait until it is gone; by default it is looked at once.

        Example:
        | Log In To Platform
        | User Group Should Not Exist    deleted-group
        """
        self.should_exist(f"User group '{group}'", _names, group, False, timeout)

    def _follow(self, client: VdiClient, old: str, new: str) -> None:
        """What was made here has another path now, and so has what is inside it."""
        for each in self.workspace.creations.all:
            if (each.kind, each.client.name) == ("user group", client.name) and f",{each.id}".endswith(f",{old}"):
                each.id = each.name = (each.id or "").removesuffix(old) + new


async def _names(client: VdiClient, seconds: float) -> list[str]:
    """Paths, and names of their own."""
    groups = await client.groups.all(timeout=seconds)
    return [*(group.path for group in groups), *(group.name for group in groups)]
