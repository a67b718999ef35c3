"""What the keywords about users and groups share: finding a user, and taking one away again."""

from __future__ import annotations

import contextlib
from collections.abc import Collection, Iterator
from typing import TYPE_CHECKING

from ATPLibrary.errors import InputError, PlatformError
from ATPLibrary.orchestrator.creations import ClosingLevel

if TYPE_CHECKING:
    from ATPLibrary.keywords.platform.base import PlatformComponent
    from ATPLibrary.vdi import VdiClient
    from ATPLibrary.vdi.shapes.people import User


async def find_user(client: VdiClient, account: str, seconds: float) -> User:
    """The user of that account, in whichever group it is; `PlatformError` names the near ones where there is none."""
    return await client.users.find(account, groups=await group_paths(client, seconds), timeout=seconds)


async def group_paths(client: VdiClient, seconds: float) -> list[str]:
    """The paths of all groups, each before those inside it."""
    return [group.path for group in await client.groups.all(timeout=seconds)]


async def group_path(client: VdiClient, group: str | None, seconds: float) -> str:
    """The path of the group of that name or path; without one, that of the platform's first group, which has the others in it."""
    if group is not None:
        return (await client.groups.find(group, timeout=seconds)).path
    tree = await client.groups.tree(timeout=seconds)
    if not tree:
        raise PlatformError(f"Platform '{client.name}' has no group that a user could be in.")
    return tree[0].path


async def users_named(client: VdiClient, group: str | None, keyword: str | None, seconds: float) -> list[str]:
    """The accounts of a group, or of all groups."""
    paths = await group_paths(client, seconds) if group is None else [await group_path(client, group, seconds)]
    found = [user.account or "" async for user in client.users.everyone(paths, timeout=seconds)]
    return [account for account in found if keyword is None or keyword in account]


@contextlib.contextmanager
def making_user(keywords: PlatformComponent, account: str, closing: ClosingLevel | None) -> Iterator[None]:
    """What is ordered inside makes the user, who is deleted at the closing level if the platform still has that account then."""

    async def remove(client: VdiClient, seconds: float) -> None:
        await remove_users(client, [account], seconds)

    with keywords.making("user", account, remove, closing) as made:
        yield
    made.id = account


async def remove_users(client: VdiClient, accounts: Collection[str], seconds: float) -> None:
    """Delete those of these users that the platform still has."""
    async for user in client.users.everyone(await group_paths(client, seconds), timeout=seconds):
        if (account := user.account or "") in accounts:
            await client.users.delete(account, group=user.group, timeout=seconds)


def some(what: str, values: tuple[str, ...]) -> list[str]:
    """The values, of which there is at least one."""
    if not values:
        raise InputError.about(what, wanted="name at least one", got="names none")
    return [*values]
