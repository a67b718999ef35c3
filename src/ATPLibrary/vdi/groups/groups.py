"""Groups of users: a directory's organisational units."""

from __future__ import annotations

from collections.abc import Sequence

from ATPLibrary.errors import PlatformError
from ATPLibrary.vdi.groups.base import Choice, Group
from ATPLibrary.vdi.operations import Done, get, patch, post
from ATPLibrary.vdi.shapes import people
from ATPLibrary.vdi.shapes.people import DeleteGroup, GroupQuery, GroupSummary, NewGroup, RenameGroup

TREE = get("list groups", "/group/tree", list[people.Group])
DETAIL = get("show a group", "/group", GroupSummary, query=GroupQuery)
CREATE = post("create a group", "/group", Done, NewGroup)
RENAME = patch("rename a group", "/group/name", Done, RenameGroup)
DELETE = post("delete a group", "/group/delete", Done, DeleteGroup, idempotent=True)


class Groups(Group):
    """A group is named by its distinguished name: "ou=sales,ou=office" is sales inside office."""

    async def tree(self, *, timeout: float | None = None) -> Sequence[people.Group]:
        """All groups: those at the top, with the others inside them."""
        return await self._call(TREE, timeout=timeout)

    async def all(self, *, timeout: float | None = None) -> Sequence[people.Group]:
        """All groups in one list, each before those inside it."""
        return [group for top in await self.tree(timeout=timeout) for group in top.all()]

    async def find(self, name_or_id: str, *, timeout: float | None = None) -> people.Group:
        """The group of that distinguished name, or of that own name where only one has it."""
        choices = [Choice(group.path, group.name, group) for group in await self.all(timeout=timeout)]
        return self._chosen(choices, name_or_id, "group", PlatformError).item

    async def detail(self, group: str, *, timeout: float | None = None) -> GroupSummary:
        """One group."""
        query = GroupQuery(distinguished_name=group)
        return await self._call(DETAIL, query=query, about=f"'{group}'", timeout=timeout)

    async def create(self, group: str, *, base: str, timeout: float | None = None) -> None:
        """Make a group inside `base`."""
        await self._call(CREATE, body=NewGroup(group=group, base=base), about=f"'{group}'", timeout=timeout)

    async def rename(self, group: str, new_group: str, *, timeout: float | None = None) -> None:
        """Give it another name; both are distinguished names."""
        body = RenameGroup(old_group=group, group=new_group)
        await self._call(RENAME, body=body, about=f"'{group}'", timeout=timeout)

    async def delete(self, group: str, *, timeout: float | None = None) -> None:
        """Delete it."""
        await self._call(DELETE, body=DeleteGroup(group=group), about=f"'{group}'", timeout=timeout)
