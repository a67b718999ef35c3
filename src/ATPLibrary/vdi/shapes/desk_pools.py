"""Desk pools: sets of linked clones of one model, given to users."""

from __future__ import annotations

from typing import Annotated

from pydantic import Field

from ATPLibrary.vdi.codes import DeskPoolStatus, DeskPoolType
from ATPLibrary.vdi.shapes.base import LENIENT, Request, VendorModel

DeskPoolTypeCode = Annotated[DeskPoolType | int, LENIENT]
DeskPoolStatusCode = Annotated[DeskPoolStatus | int, LENIENT]


class ModelReference(VendorModel):
    """`ModelVO0`: a model as a desk pool names it."""

    id: str
    name: str | None = None


class DeskPool(VendorModel):
    """`DesktopPoolVO`. `amount` is how many desktops were asked for, `used_amount` how many of them are in use.

    `enabled` is 1 where users may have them. A teaching pool has several models: `models` are all, `current_model_...` the one in
    use, `class_number` the class room; `force_freeze` 1 gives every desktop a restore point, `table_open` 1 a timetable.
    `group_names` are the departments that the pool is for.
    """

    id: str
    name: str
    type: DeskPoolTypeCode | None = None
    status: DeskPoolStatusCode | None = None
    enabled: int | None = None
    amount: int | None = None
    used_amount: int | None = None
    vm_prefix: str | None = Field(default=None, alias="domainPrefix")
    model_id: str | None = None
    models: list[ModelReference] | None = Field(default=None, alias="modelList")
    current_model_id: str | None = Field(default=None, alias="curModelId")
    current_model_name: str | None = Field(default=None, alias="curModelName")
    class_number: str | None = Field(default=None, alias="classNo")
    force_freeze: int | None = None
    table_open: int | None = None
    group_names: list[str] | None = Field(default=None, alias="groupNameList")
    ldap_open: str | None = None
    ldap_type: str | None = None
    admin_id: str | None = None
    admin_name: str | None = None
    remark: str | None = None

    @property
    def is_enabled(self) -> bool:
        return self.enabled == 1


class DeskPoolFilter(Request):
    """The filters of `GET /desk-pool`: part of the name, one type, or several."""

    keyword: str | None = None
    type: DeskPoolTypeCode | None = None
    types: list[DeskPoolTypeCode] | None = Field(default=None, serialization_alias="typeList")


class DeskPoolRequest(Request):
    """`DeskPoolCreateDto`: a desk pool to be made, with `amount` VMs that are linked clones of model `model_id`.

    A teaching pool may have several models (their ids with commas), a class room's number, and `force_freeze` 1.
    """

    name: str
    amount: int
    type: DeskPoolTypeCode = DeskPoolType.NOT_SHARED
    model_id: str
    vm_prefix: str | None = Field(default=None, serialization_alias="domainPrefix")
    class_number: str | None = Field(default=None, serialization_alias="classNo")
    force_freeze: int | None = None
    remark: str | None = None


class DeskPoolChange(Request):
    """`DeskPoolUpdateDto`: the platform always wants name and amount, also where they stay."""

    name: str
    amount: int
    model_id: str | None = None
    remark: str | None = None


class SwitchModelRequest(Request):
    """`ModeSwitchReq`: rebuild the pool's desktops from another model. `task` 1 says that a timetable asked for it."""

    desk_pool_id: str
    model_id: str
    class_number: str | None = Field(default=None, serialization_alias="classNo")
    task: int | None = None


class PoolVms(Request):
    """`DeskPoolRemoveDomainDto`: VMs to be put into a desk pool, or taken out of it."""

    pool_id: str = Field(serialization_alias="id")
    vm_ids: list[str] = Field(serialization_alias="domainIdList")


class PoolGroups(Request):
    """`DeskPoolBindGroupDto`: departments that a desk pool is for."""

    pool_id: str = Field(serialization_alias="id")
    group_names: list[str] = Field(serialization_alias="groupNameList")


class PassedCard(Request):
    """`PcieDevicePassInfo`: a graphics card, by its PCI address on a host; `auto_alloc` 1 lets the platform choose the VM."""

    address: str = Field(serialization_alias="addr")
    host_id: str
    group: str | None = None
    ip: str | None = None
    auto_alloc: int | None = None
    vm_name: str | None = Field(default=None, serialization_alias="domainName")


class PassCardsRequest(Request):
    """`DeskPoolVGpuPassThroughDto`: gives `count` of the pool's `total` desktops a virtual graphics card each."""

    pool_id: str = Field(serialization_alias="id")
    name: str
    total: int
    count: int = Field(serialization_alias="vGpuCount")
    cards: list[PassedCard] = Field(serialization_alias="graphicsList")


class PassedCards(VendorModel):
    """`DeskPoolVGpuPassThroughVO`: how many of the `total` desktops have a card now."""

    name: str | None = None
    total: int | None = None
    count: int | None = Field(default=None, alias="vGpuCount")


class CardCount(VendorModel):
    """`DeskPoolVgpuCountVO`: how many of a pool's `total` desktops have a virtual graphics card."""

    pool_id: str = Field(alias="id")
    name: str | None = None
    total: int | None = None
    count: int | None = Field(default=None, alias="vGpuCount")


class ClassQuery(Request):
    """The query of `GET /desk-pool/class/model`: a class room's number, which the vendor spells differently here."""

    class_number: str = Field(serialization_alias="class_no")


class ClassModel(VendorModel):
    """`ModelVO`: a model that a class room can be switched to; `active` 1 is the one it has. The rest is as in `Vm`."""

    id: str
    name: str | None = None
    active: int | None = None
    cpu: int | None = None
    sockets: int | None = None
    cores: int | None = None
    threads: int | None = None
    memory: int | None = None
    os_name: str | None = None
    os_type: str | None = None
    os_edition: str | None = None
    system_type: str | None = None
    soundcard_type: str | None = None
    command: str | None = None
    remark: str | None = None
