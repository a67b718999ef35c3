"""Models: template VMs that others are cloned from."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from ATPLibrary.errors import PlatformError
from ATPLibrary.secrets import as_secret
from ATPLibrary.vdi.groups.base import Group
from ATPLibrary.vdi.long import LongOperation
from ATPLibrary.vdi.operations import Done, get, post
from ATPLibrary.vdi.pages import Pages
from ATPLibrary.vdi.shapes.base import EventTicket, Page
from ATPLibrary.vdi.shapes.templates import (
    AllModelsFilter,
    CopyRequest,
    CopyTarget,
    ModelCloneRequest,
    ModelCopy,
    ModelFilter,
    Share,
    ShareRequest,
    Upgrade,
)
from ATPLibrary.vdi.shapes.vm_devices import Disk
from ATPLibrary.vdi.shapes.vms import Model

LIST = get("list models", "/model", Page[Model], query=ModelFilter)
LIST_ALL = get("list all models", "/model/all", list[Model], query=AllModelsFilter)
DISKS = get("list a model's disks", "/model/{id}/storage", list[Disk])
CLONE = post("clone a model", "/model/{id}/clone", EventTicket, ModelCloneRequest)
REBASE = post("reset a model's VMs", "/model/{id}/rebase", EventTicket)
TO_VM = post("make a model a VM", "/model/{id}/to-domain", Done)
COPIES = get("list a model's copies", "/model/{id}/sync-list", list[ModelCopy])
COPY = post("copy a model to other hosts", "/model/{id}/sync", EventTicket, CopyRequest)
BEGIN_UPGRADE = post("begin a model's upgrade", "/model/{id}/upgrade", Upgrade)
CANCEL_UPGRADE = post("cancel a model's upgrade", "/model/{id}/upgrade-cancel", Done)
COMPLETE_UPGRADE = post("complete a model's upgrade", "/model/{id}/upgrade-complete", Done)
GET_SHARE = get("show a model's upgrade link", "/model/{id}/upgrade-share", Share)
MAKE_SHARE = post("make an upgrade link", "/model/{id}/upgrade-share", Share, ShareRequest)
CHECK_SHARE = post("check an upgrade link", "/model/upgrade-share-check", Done, ShareRequest, idempotent=True)


class Models(Group):
    def list(
        self, keyword: str | None = None, *, pool_id: str | None = None, timeout: float | None = None
    ) -> Pages[Model]:
        """The models that VMs can be cloned from; `keyword` filters by part of the name."""
        return self._pages(LIST, query=ModelFilter(keyword=keyword, pool_id=pool_id), timeout=timeout)

    async def all(self, *, pool_id: str | None = None, timeout: float | None = None) -> Sequence[Model]:
        """The models in one answer."""
        return await self._call(LIST_ALL, query=AllModelsFilter(pool_id=pool_id), timeout=timeout)

    async def find(self, name_or_id: str, *, timeout: float | None = None) -> Model:
        """The model of that id or exact name."""
        models = await self.list(timeout=timeout).collect()
        return self._chosen(models, name_or_id, "model", PlatformError)

    async def disks(self, model_id: str, *, timeout: float | None = None) -> Sequence[Disk]:
        """Its disks, and where they lie."""
        return await self._call(DISKS, model_id, timeout=timeout)

    async def clone(
        self,
        model_id: str,
        prefix: str,
        amount: int,
        *,
        storage_names: Iterable[str] | None = None,
        timeout: float | None = None,
    ) -> LongOperation[EventTicket]:
        """Begin to make `amount` linked clones. `storage_names`: the storage pool of each disk, "" where it is to stay."""
        body = ModelCloneRequest(
            prefix=prefix,
            amount=amount,
            choose_storage=storage_names is not None,
            storage_names=None if storage_names is None else [*storage_names],
        )
        return await self._begin(CLONE, model_id, body=body, timeout=timeout)

    async def rebase(self, model_id: str, *, timeout: float | None = None) -> LongOperation[EventTicket]:
        """Begin to reset all VMs that were cloned from it to what it is now."""
        return await self._begin(REBASE, model_id, timeout=timeout)

    async def to_vm(self, model_id: str, *, timeout: float | None = None) -> None:
        """Make it an ordinary VM again; it is one when this returns."""
        await self._call(TO_VM, model_id, timeout=timeout)

    async def copies(self, model_id: str, *, timeout: float | None = None) -> Sequence[ModelCopy]:
        """Where it could be copied to, or is."""
        return await self._call(COPIES, model_id, timeout=timeout)

    async def copy(
        self, model_id: str, targets: Iterable[CopyTarget], *, timeout: float | None = None
    ) -> LongOperation[EventTicket]:
        """Begin to copy it to other hosts' storage."""
        return await self._begin(COPY, model_id, body=CopyRequest(targets=[*targets]), timeout=timeout)

    async def begin_upgrade(self, model_id: str, *, timeout: float | None = None) -> Upgrade:
        """Get a VM to change the model in; `complete_upgrade` or `cancel_upgrade` ends it."""
        return await self._call(BEGIN_UPGRADE, model_id, timeout=timeout)

    async def cancel_upgrade(self, model_id: str, *, timeout: float | None = None) -> None:
        """Leave the model as it was."""
        await self._call(CANCEL_UPGRADE, model_id, timeout=timeout)

    async def complete_upgrade(self, model_id: str, *, timeout: float | None = None) -> None:
        """Make the changed VM the model."""
        await self._call(COMPLETE_UPGRADE, model_id, timeout=timeout)

    async def upgrade_link(self, model_id: str, *, timeout: float | None = None) -> Share:
        """The link by which somebody else may upgrade it."""
        return await self._call(GET_SHARE, model_id, timeout=timeout)

    async def make_upgrade_link(
        self,
        model_id: str,
        *,
        valid_days: int,
        password: object | None = None,
        url_prefix: str | None = None,
        timeout: float | None = None,
    ) -> Share:
        """Make such a link, good for `valid_days`. `password` is text or a secret."""
        secret = None if password is None else as_secret(password)
        body = ShareRequest(valid_days=valid_days, password=secret, url_prefix=url_prefix)
        return await self._call(MAKE_SHARE, model_id, body=body, timeout=timeout)

    async def check_upgrade_link(
        self, check: str, expiry: str, password: object | None = None, *, timeout: float | None = None
    ) -> None:
        """`PlatformError` unless the link with these parts is still good."""
        secret = None if password is None else as_secret(password)
        body = ShareRequest(check=check, expiry=expiry, password=secret)
        await self._call(CHECK_SHARE, body=body, timeout=timeout)
