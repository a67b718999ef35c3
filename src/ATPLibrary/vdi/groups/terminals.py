"""Terminals: the machines that users sit at, and groups of them."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from ATPLibrary.errors import PlatformError
from ATPLibrary.vdi.groups.base import Group
from ATPLibrary.vdi.operations import Done, delete, get, post, put
from ATPLibrary.vdi.pages import Pages
from ATPLibrary.vdi.shapes.base import IdList, Page
from ATPLibrary.vdi.shapes.terminals import (
    GroupedTerminals,
    SetConfig,
    SwitchOff,
    Terminal,
    TerminalConfig,
    TerminalFilter,
    TerminalGroup,
    TerminalGroupFilter,
    TerminalGroupRequest,
    TerminalIds,
)

LIST = get("list terminals", "/terminal", Page[Terminal], query=TerminalFilter)
LIST_ALL = get("list all terminals", "/terminal/all", list[Terminal], query=TerminalFilter)
DETAIL = get("show a terminal", "/terminal/{id}", Terminal)
CONFIG = get("show a terminal's settings", "/terminal/{id}/config", TerminalConfig)
SET_CONFIG = post("change terminals' settings", "/terminal/config", Done, SetConfig, idempotent=True)
DISCONNECT = post("disconnect terminals", "/terminal/disconnect", Done, TerminalIds)
RESTART = post("restart terminals", "/terminal/restart", Done, SwitchOff)
SHUT_DOWN = post("shut terminals down", "/terminal/shutdown", Done, SwitchOff)
WAKE_UP = post("wake terminals up", "/terminal/wakeup", Done, TerminalIds, idempotent=True)
DELETE = post("delete terminals", "/terminal/delete", Done, IdList, idempotent=True)
GROUPS = get("list terminal groups", "/terminal-group", Page[TerminalGroup], query=TerminalGroupFilter)
CREATE_GROUP = post("create a terminal group", "/terminal-group", Done, TerminalGroupRequest)
UPDATE_GROUP = put("change a terminal group", "/terminal-group/{id}", Done, TerminalGroupRequest)
DELETE_GROUPS = post("delete terminal groups", "/terminal-group/delete", Done, IdList, idempotent=True)
ADD_TO_GROUP = post(
    "put terminals into a group", "/terminal-group/{id}/terminal", list[str], GroupedTerminals, idempotent=True
)
REMOVE_FROM_GROUP = delete("take terminals out of a group", "/terminal-group/{id}/terminal", Done, GroupedTerminals)


class Terminals(Group):
    """A terminal's id is its MAC address."""

    def list(self, query: TerminalFilter | None = None, *, timeout: float | None = None) -> Pages[Terminal]:
        """The terminals that the filter lets through."""
        return self._pages(LIST, query=query, timeout=timeout)

    async def all(self, query: TerminalFilter | None = None, *, timeout: float | None = None) -> Sequence[Terminal]:
        """The same in one answer."""
        return await self._call(LIST_ALL, query=query, timeout=timeout)

    async def detail(self, terminal_id: str, *, timeout: float | None = None) -> Terminal:
        """One terminal."""
        return await self._call(DETAIL, terminal_id, timeout=timeout)

    async def config(self, terminal_id: str, *, timeout: float | None = None) -> TerminalConfig:
        """Its settings, asked of the terminal itself."""
        return await self._call(CONFIG, terminal_id, timeout=timeout)

    async def set_config(self, terminal_ids: Iterable[str], config: str, *, timeout: float | None = None) -> None:
        """Change the settings of terminals; `config` is JSON as text, as `config()` gives it."""
        await self._call(SET_CONFIG, body=SetConfig(ids=[*terminal_ids], config=config), timeout=timeout)

    async def disconnect(self, terminal_ids: Iterable[str], *, timeout: float | None = None) -> None:
        """Begin to part terminals from their desktops."""
        await self._call(DISCONNECT, body=TerminalIds(ids=[*terminal_ids]), timeout=timeout)

    async def restart(self, terminal_ids: Iterable[str], *, delay: int = 0, timeout: float | None = None) -> None:
        """Begin to restart terminals, in `delay` seconds."""
        await self._call(RESTART, body=SwitchOff(ids=[*terminal_ids], delay=delay), timeout=timeout)

    async def shut_down(self, terminal_ids: Iterable[str], *, delay: int = 0, timeout: float | None = None) -> None:
        """Begin to switch terminals off, in `delay` seconds."""
        await self._call(SHUT_DOWN, body=SwitchOff(ids=[*terminal_ids], delay=delay), timeout=timeout)

    async def wake_up(self, terminal_ids: Iterable[str], *, timeout: float | None = None) -> None:
        """Begin to switch terminals on."""
        await self._call(WAKE_UP, body=TerminalIds(ids=[*terminal_ids]), timeout=timeout)

    async def delete(self, terminal_ids: Iterable[str], *, timeout: float | None = None) -> None:
        """Make the platform forget terminals."""
        await self._call(DELETE, body=IdList(ids=[*terminal_ids]), timeout=timeout)

    def groups(self, keyword: str | None = None, *, timeout: float | None = None) -> Pages[TerminalGroup]:
        """The groups; `keyword` filters by part of the name."""
        return self._pages(GROUPS, query=TerminalGroupFilter(keyword=keyword), timeout=timeout)

    async def find_group(self, name_or_id: str, *, timeout: float | None = None) -> TerminalGroup:
        """The group of that id or exact name."""
        groups = await self.groups(timeout=timeout).collect()
        return self._chosen(groups, name_or_id, "terminal group", PlatformError)

    async def create_group(self, name: str, *, remark: str | None = None, timeout: float | None = None) -> None:
        """Make a group."""
        body = TerminalGroupRequest(name=name, remark=remark)
        await self._call(CREATE_GROUP, body=body, about=f"'{name}'", timeout=timeout)

    async def update_group(
        self, group_id: str, name: str, *, remark: str | None = None, timeout: float | None = None
    ) -> None:
        """Give a group another name or remark."""
        body = TerminalGroupRequest(name=name, remark=remark)
        await self._call(UPDATE_GROUP, group_id, body=body, timeout=timeout)

    async def delete_groups(self, group_ids: Iterable[str], *, timeout: float | None = None) -> None:
        """Delete groups; their terminals stay."""
        await self._call(DELETE_GROUPS, body=IdList(ids=[*group_ids]), timeout=timeout)

    async def add_to_group(self, group_id: str, terminal_ids: Iterable[str], *, timeout: float | None = None) -> None:
        """Put terminals into a group. `PlatformError` names those that the platform left out."""
        body = GroupedTerminals(ids=[*terminal_ids])
        left_out = await self._call(ADD_TO_GROUP, group_id, body=body, timeout=timeout)
        if left_out:
            raise self._not_done(ADD_TO_GROUP, left_out, len(body.ids))

    async def remove_from_group(
        self, group_id: str, terminal_ids: Iterable[str], *, timeout: float | None = None
    ) -> None:
        """Take terminals out of a group."""
        body = GroupedTerminals(ids=[*terminal_ids])
        await self._call(REMOVE_FROM_GROUP, group_id, body=body, timeout=timeout)
