"""Models: template VMs that others are cloned from, their copies on other hosts, their upgrades and shared links."""

from __future__ import annotations

from typing import ClassVar

from pydantic import Field

from ATPLibrary.vdi.shapes.base import Request, SecretAnswer, SecretRequest, VendorModel


class ModelFilter(Request):
    """The filters of `GET /model`: part of the name, and a resource pool."""

    keyword: str | None = None
    pool_id: str | None = None


class AllModelsFilter(Request):
    """The filter of `GET /model/all`."""

    pool_id: str | None = None


class ModelCloneRequest(Request):
    """`ModelCloneDto`: `amount` linked clones whose names begin with `prefix`.

    `choose_storage` true puts their disks into the named storage pools: one name a disk, "" for one that stays.
    """

    prefix: str = Field(serialization_alias="name")
    amount: int
    choose_storage: bool | None = Field(default=None, serialization_alias="check")
    storage_names: list[str] | None = Field(default=None, serialization_alias="storageNameList")


class ModelCopy(VendorModel):
    """`SyncModelVO`: a place that a model could be, or is, copied to: a storage pool of the host at `ip`."""

    id: str | None = None
    model_id: str | None = None
    model_name: str | None = None
    host_id: str | None = None
    ip: str | None = None
    path: str | None = None
    filename: str | None = None
    storage_pool_id: str | None = None
    storage_pool_name: str | None = None
    storage_volume_id: str | None = None
    admin_id: str | None = None
    admin_name: str | None = None


class CopyTarget(Request):
    """`ModelInfo`: where a model is to be copied: `path` is the whole path on the host at `ip`."""

    id: str
    ip: str
    path: str
    model_name: str | None = None


class CopyRequest(Request):
    """`ModelSyncDto`."""

    targets: list[CopyTarget] = Field(serialization_alias="modelList")


class Upgrade(VendorModel):
    """`ModelUpgradeVO`: the VM that stands for the model while it is being changed, and its host."""

    id: str | None = None
    host_id: str | None = None
    ip: str | None = None


class ShareRequest(Request):
    """`ModelShareDto`: a link by which somebody else may upgrade a model.

    To make one: `valid_days`, `password`, and what its address begins with. To check one: `check` and `expiry` from the link,
    and its `password`.
    """

    valid_days: int | None = Field(default=None, serialization_alias="validDay")
    url_prefix: str | None = Field(default=None, serialization_alias="shareUrlPrefix")
    password: SecretRequest | None = Field(default=None, serialization_alias="sharePassword")
    check: str | None = Field(default=None, serialization_alias="shareCheck")
    expiry: str | None = Field(default=None, serialization_alias="shareExp")


class Share(VendorModel):
    """`ModelShareVO`: the link and the password that goes with it."""

    holds_secrets: ClassVar[bool] = True

    url: str | None = Field(default=None, alias="shareUrl")
    password: SecretAnswer | None = Field(default=None, alias="sharePassword")
