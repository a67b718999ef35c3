"""Desk pools: sets of linked clones of a model, given to users."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from ATPLibrary.errors import InputError, PlatformError
from ATPLibrary.vdi.codes import DeskPoolType
from ATPLibrary.vdi.groups.base import Group
from ATPLibrary.vdi.long import LongOperation
from ATPLibrary.vdi.operations import Done, delete, get, patch, post
from ATPLibrary.vdi.pages import Pages
from ATPLibrary.vdi.shapes.base import EventTicket, Page
from ATPLibrary.vdi.shapes.desk_pools import (
    CardCount,
    ClassModel,
    ClassQuery,
    DeskPool,
    DeskPoolChange,
    DeskPoolFilter,
    DeskPoolRequest,
    PassCardsRequest,
    PassedCard,
    PassedCards,
    PoolGroups,
    PoolVms,
    SwitchModelRequest,
)
from ATPLibrary.vdi.shapes.vms import Vm

LIST = get("list desk pools", "/desk-pool", Page[DeskPool], query=DeskPoolFilter)
CREATE = post("create a desk pool", "/desk-pool", EventTicket, DeskPoolRequest)
UPDATE = patch("change a desk pool", "/desk-pool/{id}", EventTicket, DeskPoolChange)
DELETE = delete("delete a desk pool", "/desk-pool/{id}", Done)
ENABLE = post("enable a desk pool", "/desk-pool/{id}/enable", Done, idempotent=True)
DISABLE = post("disable a desk pool", "/desk-pool/{id}/disable", Done, idempotent=True)
ACTIVATE = post("activate a desk pool", "/desk-pool/{id}/active", Done, idempotent=True)
ARCHIVE = post("archive a desk pool", "/desk-pool/{id}/file", Done, idempotent=True)
VMS = get("list a desk pool's VMs", "/desk-pool/{id}/domain/list", list[Vm])
ADD_VMS = post("add VMs to a desk pool", "/desk-pool/domain", list[str], PoolVms, idempotent=True)
REMOVE_VMS = delete("take VMs out of a desk pool", "/desk-pool/domain", Done, PoolVms)
BIND_GROUPS = post("give a desk pool to groups", "/desk-pool/group", list[str], PoolGroups, idempotent=True)
UNBIND_GROUPS = delete("take a desk pool from groups", "/desk-pool/group", Done, PoolGroups)
SWITCH_MODEL = post("switch a desk pool's model", "/desk-pool/switch-model", EventTicket, SwitchModelRequest)
CLASS_MODELS = get("list a class room's models", "/desk-pool/class/model", list[ClassModel], query=ClassQuery)
SWITCH_CLASS_MODEL = post(
    "switch a class room's model", "/desk-pool/class/switch-model", EventTicket, SwitchModelRequest
)
CARD_COUNTS = get("count the desk pools' graphics cards", "/desk-pool/vgpu-count", list[CardCount])
PASS_CARDS = post("give a desk pool graphics cards", "/desk-pool/pass-through-vgpu", PassedCards, PassCardsRequest)


class DeskPools(Group):
    def list(
        self,
        keyword: str | None = None,
        type: DeskPoolType | None = None,
        *,
        types: Iterable[DeskPoolType] | None = None,
        timeout: float | None = None,
    ) -> Pages[DeskPool]:
        """The desk pools; `keyword` filters by part of the name, `type` by one type, `types` by several."""
        query = DeskPoolFilter(keyword=keyword, type=type, types=None if types is None else [*types])
        return self._pages(LIST, query=query, timeout=timeout)

    async def detail(self, name_or_id: str, *, timeout: float | None = None) -> DeskPool:
        """The desk pool of that id or exact name, picked from the list: the vendor has no detail operation for it."""
        pools = await self.list(timeout=timeout).collect()
        return self._chosen(pools, name_or_id, "desk pool", PlatformError)

    async def create(
        self,
        name: str,
        *,
        model_id: str,
        amount: int,
        type: DeskPoolType = DeskPoolType.NOT_SHARED,
        vm_prefix: str | None = None,
        class_number: str | None = None,
        force_freeze: bool | None = None,
        remark: str | None = None,
        timeout: float | None = None,
    ) -> LongOperation[EventTicket]:
        """Begin to make a desk pool of `amount` linked clones of the model; the operation has ended when all VMs are there.

        A teaching pool may have several models (ids with commas), the number of its class room, and with `force_freeze` a
        restore point for each VM.
        """
        body = DeskPoolRequest(
            name=name,
            amount=amount,
            type=type,
            model_id=model_id,
            vm_prefix=vm_prefix,
            class_number=class_number,
            force_freeze=None if force_freeze is None else int(force_freeze),
            remark=remark,
        )
        return await self._begin(CREATE, body=body, about=f"'{name}'", timeout=timeout)

    async def update(
        self,
        pool: DeskPool,
        *,
        name: str | None = None,
        amount: int | None = None,
        model_id: str | None = None,
        remark: str | None = None,
        timeout: float | None = None,
    ) -> LongOperation[EventTicket]:
        """Begin to change what is named; a greater `amount` makes VMs, a smaller one deletes some.

        The operation always says how many there are to be: `InputError` where neither `amount` nor the pool does.
        """
        kept = pool.amount if amount is None else amount
        if kept is None:
            raise InputError.about(
                f"A change of desk pool '{pool.name}'",
                wanted="say how many VMs it is to have",
                got="says none, and nor does the platform",
                next_step="Count them with `vms`",
            )
        body = DeskPoolChange(
            name=pool.name if name is None else name,
            amount=kept,
            model_id=model_id,
            remark=remark,
        )
        return await self._begin(UPDATE, pool.id, body=body, about=f"'{pool.name}'", timeout=timeout)

    async def enable(self, pool_id: str, *, timeout: float | None = None) -> None:
        """Let users have its desktops."""
        await self._call(ENABLE, pool_id, timeout=timeout)

    async def disable(self, pool_id: str, *, timeout: float | None = None) -> None:
        """Let no user have its desktops."""
        await self._call(DISABLE, pool_id, timeout=timeout)

    async def archive(self, pool_id: str, *, timeout: float | None = None) -> None:
        """Put it away until it is activated."""
        await self._call(ARCHIVE, pool_id, timeout=timeout)

    async def activate(self, pool_id: str, *, timeout: float | None = None) -> None:
        """Get it back out of the archive."""
        await self._call(ACTIVATE, pool_id, timeout=timeout)

    async def delete(self, pool_id: str, *, timeout: float | None = None) -> None:
        """Delete the pool with its VMs. The platform answers without an event id: success means that it has taken the order."""
        await self._delete(DELETE, pool_id, deleted=[pool_id], listed_by="/desk-pool", timeout=timeout)

    async def vms(self, pool_id: str, *, timeout: float | None = None) -> Sequence[Vm]:
        """All VMs of the pool."""
        return await self._call(VMS, pool_id, timeout=timeout)

    async def add_vms(self, pool_id: str, vm_ids: Iterable[str], *, timeout: float | None = None) -> None:
        """Put VMs into the pool. `PlatformError` names those that the platform left out."""
        body = PoolVms(pool_id=pool_id, vm_ids=[*vm_ids])
        left_out = await self._call(ADD_VMS, body=body, about=f"'{pool_id}'", timeout=timeout)
        if left_out:
            raise self._not_done(ADD_VMS, await self._vm_names(left_out, timeout), len(body.vm_ids))

    async def remove_vms(self, pool_id: str, vm_ids: Iterable[str], *, timeout: float | None = None) -> None:
        """Take VMs out of the pool; they stay."""
        body = PoolVms(pool_id=pool_id, vm_ids=[*vm_ids])
        await self._call(REMOVE_VMS, body=body, about=f"'{pool_id}'", timeout=timeout)

    async def bind_groups(self, pool_id: str, groups: Iterable[str], *, timeout: float | None = None) -> None:
        """Give the pool to the users of groups, by name. `PlatformError` names the groups that the platform left out."""
        body = PoolGroups(pool_id=pool_id, group_names=[*groups])
        left_out = await self._call(BIND_GROUPS, body=body, about=f"'{pool_id}'", timeout=timeout)
        if left_out:
            raise self._not_done(BIND_GROUPS, left_out, len(body.group_names))

    async def unbind_groups(self, pool_id: str, groups: Iterable[str], *, timeout: float | None = None) -> None:
        """Take the pool from the users of groups."""
        body = PoolGroups(pool_id=pool_id, group_names=[*groups])
        await self._call(UNBIND_GROUPS, body=body, about=f"'{pool_id}'", timeout=timeout)

    async def switch_model(
        self, pool_id: str, model_id: str, *, timeout: float | None = None
    ) -> LongOperation[EventTicket]:
        """Begin to make its desktops anew from another model."""
        body = SwitchModelRequest(desk_pool_id=pool_id, model_id=model_id)
        return await self._begin(SWITCH_MODEL, body=body, about=f"'{pool_id}'", timeout=timeout)

    async def class_models(self, class_number: str, *, timeout: float | None = None) -> Sequence[ClassModel]:
        """The models that a class room's teacher can choose from. The platform wants no login for it."""
        query = ClassQuery(class_number=class_number)
        return await self._call(CLASS_MODELS, query=query, about=f"'{class_number}'", timeout=timeout)

    async def switch_class_model(
        self, pool_id: str, model_id: str, *, class_number: str | None = None, timeout: float | None = None
    ) -> LongOperation[EventTicket]:
        """Begin to switch a class room, as its teacher would."""
        body = SwitchModelRequest(desk_pool_id=pool_id, model_id=model_id, class_number=class_number)
        return await self._begin(SWITCH_CLASS_MODEL, body=body, about=f"'{pool_id}'", timeout=timeout)

    async def graphics_card_counts(self, *, timeout: float | None = None) -> Sequence[CardCount]:
        """How many desktops of each pool have a virtual graphics card."""
        return await self._call(CARD_COUNTS, timeout=timeout)

    async def pass_graphics_cards(
        self, pool: DeskPool, cards: Iterable[PassedCard], *, count: int, timeout: float | None = None
    ) -> PassedCards:
        """Give `count` desktops of the pool one of these cards each."""
        body = PassCardsRequest(pool_id=pool.id, name=pool.name, total=pool.amount or 0, count=count, cards=[*cards])
        return await self._call(PASS_CARDS, body=body, about=f"'{pool.name}'", timeout=timeout)
