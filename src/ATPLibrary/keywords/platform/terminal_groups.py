"""Keywords about groups of terminals."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING, Any

from robot.api import logger
from robot.api.deco import keyword

from ATPLibrary.errors import InputError
from ATPLibrary.keywords.platform.getting import getter, lister
from ATPLibrary.keywords.platform.looking import Looking
from ATPLibrary.keywords.platform.terminals import check_named
from ATPLibrary.orchestrator.creations import ClosingLevel

if TYPE_CHECKING:
    from ATPLibrary.vdi import VdiClient

GETTER = ("Terminal", "Getter")


class TerminalGroupKeywords(Looking):
    @lister("terminal groups", tags=GETTER)
    async def get_terminal_groups(self, client: VdiClient, seconds: float, *, name: str | None = None) -> list[str]:
        """Returns the names of the groups of terminals.

        - ``name``: only those that have this text in their name.

        Example:
        | Log In To Platform
        | @{groups} =    Get Terminal Groups
        """
        return [group.name async for group in client.terminals.groups(name, timeout=seconds)]

    @getter("Terminal group '{group}'", tags=GETTER, such="==    30")
    async def get_terminal_group(self, client: VdiClient, seconds: float, group: str) -> Any:
        """Returns what the platform says about a group of terminals, or one field of it.

        The fields: ``name``, ``id``, ``remark``, ``terminal_count``.

        - ``group``: its name or id.

        Example:
        | Log In To Platform
        | Get Terminal Group    reading room    terminal_count    ==    30
        """
        return await client.terminals.find_group(group, timeout=seconds)

    @keyword(tags=["Terminal"])
    def create_terminal_group(
        self,
        name: str,
        *,
        remark: str | None = None,
        closing: ClosingLevel | None = None,
        timeout: timedelta | None = None,
    ) -> None:
        """Makes a group of terminals. It goes at the closing level.

        - ``name``: the new group's name, in any language.
        - ``remark``: any words about it.
        - ``closing``: when it is removed again: ``test``, ``suite``, ``manual``, ``keep``; by default the library import's level.
        - ``timeout``: by default ``timeouts.platform`` of the configuration (60 s).

        Example:
        | Log In To Platform
        | Create Terminal Group    reading room    remark=ground floor
        | Get Terminal Group    reading room    remark    ==    ground floor
        """

        async def create(client: VdiClient, seconds: float) -> None:
            before = {group.id for group in await client.terminals.groups(timeout=seconds).collect()}

            async def remove(client: VdiClient, seconds: float) -> None:
                for group in await client.terminals.groups(timeout=seconds).collect():
                    if group.id == made.id or (made.id is None and group.name == name and group.id not in before):
                        await client.terminals.delete_groups([group.id], timeout=seconds)

            # The platform answers without an id, so the new one is looked up by its name.
            with self.making("terminal group", name, remove, closing) as made:
                await client.terminals.create_group(name, remark=remark, timeout=seconds)
            made.id = (await client.terminals.find_group(name, timeout=seconds)).id

        self.ask(f"Creating terminal group '{name}'", create, timeout)
        logger.info(f"Created terminal group '{name}'.")

    @keyword(tags=["Terminal"])
    def change_terminal_group(
        self, group: str, *, name: str | None = None, remark: str | None = None, timeout: timedelta | None = None
    ) -> None:
        """Gives a group of terminals another name or remark. What isn't named stays.

        - ``group``: its name or id.
        - ``name``: the new name.
        - ``remark``: the new remark.
        - ``timeout``: by default ``timeouts.platform`` of the configuration (60 s).

        Example:
        | Log In To Platform
        | Change Terminal Group    reading room    name=library
        """
        if name is None and remark is None:
            raise InputError(f"Nothing is to be changed of terminal group '{group}'. Say name= or remark=.")

        async def change(client: VdiClient, seconds: float) -> None:
            found = await client.terminals.find_group(group, timeout=seconds)
            await client.terminals.update_group(
                found.id,
                found.name if name is None else name,
                remark=found.remark if remark is None else remark,
                timeout=seconds,
            )

        self.ask(f"Changing terminal group '{group}'", change, timeout)
        logger.info(f"Changed terminal group '{group}'.")

    @keyword(tags=["Terminal"])
    def delete_terminal_group(self, *groups: str, timeout: timedelta | None = None) -> None:
        """Deletes groups of terminals; the terminals stay.

        - ``groups``: their names or ids.
        - ``timeout``: by default ``timeouts.platform`` of the configuration (60 s).

        Example:
        | Log In To Platform
        | Delete Terminal Group    reading room
        """
        if not groups:
            raise InputError("No terminal group is named. Name at least one: see 'Get Terminal Groups'.")

        async def delete(client: VdiClient, seconds: float) -> None:
            ids = [(await client.terminals.find_group(group, timeout=seconds)).id for group in groups]
            await client.terminals.delete_groups(ids, timeout=seconds)
            for group_id in ids:
                self.forget("terminal group", group_id)

        self.ask(f"Deleting terminal groups {', '.join(groups)}", delete, timeout)
        logger.info(f"Deleted terminal groups {', '.join(groups)}.")

    @keyword(tags=["Terminal"])
    def put_terminals_into_group(self, group: str, *terminals: str, timeout: timedelta | None = None) -> None:
        """Puts terminals into a group. Fails and names those that the platform left out.

        - ``group``: its name or id.
        - ``terminals``: their ids, the MAC addresses.
        - ``timeout``: by default ``timeouts.platform`` of the configuration (60 s).

        Example:
        | Log In To Platform
        | Put Terminals Into Group    reading room    52:54:00:12:34:56
        """

        check_named(terminals)

        async def put(client: VdiClient, seconds: float) -> None:
            found = await client.terminals.find_group(group, timeout=seconds)
            await client.terminals.add_to_group(found.id, terminals, timeout=seconds)

        self.ask(f"Putting {', '.join(terminals)} into terminal group '{group}'", put, timeout)
        logger.info(f"Put {', '.join(terminals)} into terminal group '{group}'.")

    @keyword(tags=["Terminal"])
    def take_terminals_out_of_group(self, group: str, *terminals: str, timeout: timedelta | None = None) -> None:
        """Takes terminals out of a group.

        - ``group``: its name or id.
        - ``terminals``: their ids, the MAC addresses.
        - ``timeout``: by default ``timeouts.platform`` of the configuration (60 s).

        Example:
        | Log In To Platform
        | Take Terminals Out Of Group    reading room    52:54:00:12:34:56
        """

        check_named(terminals)

        async def take(client: VdiClient, seconds: float) -> None:
            found = await client.terminals.find_group(group, timeout=seconds)
            await client.terminals.remove_from_group(found.id, terminals, timeout=seconds)

        self.ask(f"Taking {', '.join(terminals)} out of terminal group '{group}'", take, timeout)
        logger.info(f"Took {', '.join(terminals)} out of terminal group '{group}'.")

    @keyword(tags=["Terminal", "Assertion"])
    def terminal_group_should_exist(self, group: str, timeout: timedelta | None = None) -> None:
        """Fails unless the platform lists a terminal group of that name or id. With ``timeout`` it is waited for.

        - ``group``: its name or id.
        - ``timeout``: how long to wait for it; without it, it is checked once.

        Example:
        | Log In To Platform
        | Terminal Group Should Exist    reading room
        """
        self.should_exist(f"Terminal group '{group}'", _names, group, True, timeout)

    @keyword(tags=["Terminal", "Assertion"])
    def terminal_group_should_not_exist(self, group: str, timeout: timedelta | None = None) -> None:
        """Fails if the platform lists a terminal group of that name or id. With ``timeout`` its end is waited for.

        - ``group``: its name or id.
        - ``timeout``: how long to wait until it is gone; without it, it is checked once.

        Example:
        | Log In To Platform
        | Terminal Group Should Not Exist    attic
        """
        self.should_exist(f"Terminal group '{group}'", _names, group, False, timeout)


async def _names(client: VdiClient, seconds: float) -> list[str]:
    groups = await client.terminals.groups(timeout=seconds).collect()
    return [name for group in groups for name in (group.id, group.name)]
