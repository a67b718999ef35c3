"""What the platform sends and answers, as frozen pydantic models with the vendor's field names as aliases.

Written by hand from the facts in the vendor's document for version 9.0. Fields that nobody here uses are left out and ignored.
Everything but ids and names may be missing: the platform leaves out what it has no value for.
"""

from __future__ import annotations

from typing import Annotated, Generic, TypeVar

from pydantic import BaseModel, ConfigDict, Field, field_validator
from pydantic.alias_generators import to_camel

from ATPLibrary.vdi.codes import DeskPoolStatus, DeskPoolType, EventOutcome, EventType, HostStatus, VmStatus

# A code that this version doesn't know stays a plain number.
_Lenient = Field(union_mode="left_to_right")
VmStatusCode = Annotated[VmStatus | int, _Lenient]
HostStatusCode = Annotated[HostStatus | int, _Lenient]
DeskPoolTypeCode = Annotated[DeskPoolType | int, _Lenient]
DeskPoolStatusCode = Annotated[DeskPoolStatus | int, _Lenient]
EventTypeCode = Annotated[EventType | int, _Lenient]

Item = TypeVar("Item")


class VendorModel(BaseModel):
    """Fields are ours in snake_case; the vendor's name is the same in camelCase unless an alias says otherwise."""

    model_config = ConfigDict(
        frozen=True, populate_by_name=True, alias_generator=to_camel, extra="ignore", coerce_numbers_to_str=True
    )


class Page(VendorModel, Generic[Item]):
    """`PageResult`: one page of a list; `page_num` counts from 1."""

    items: list[Item] = Field(alias="list")
    page_num: int | None = None
    page_size: int | None = None
    pages: int | None = None
    total: int | None = None

    @field_validator("items", mode="before")
    @classmethod
    def _no_items_may_be_null(cls, value: object) -> object:
        return [] if value is None else value


class LoginRequest(VendorModel):
    """`LoginDto`: `password` is the lower-case hexadecimal MD5 of the password."""

    username: str
    password: str


class LoginAnswer(VendorModel):
    """`LoginVO`. `token` goes into the header `Token` of every later call."""

    token: str = Field(min_length=1)
    username: str | None = None


class Host(VendorModel):
    """`HostVO`: one hypervisor machine. `memory` is in GiB, `cpu_size` in logical processors."""

    id: str
    name: str
    ip: str | None = None
    status: HostStatusCode | None = None
    arch: str | None = None
    cpu: str | None = None
    cpu_size: int | None = None
    memory: float | None = None
    physical_memory: float | None = None
    running_vm_count: int | None = Field(default=None, alias="runningDomainCount")
    pool_id: str | None = None
    manufacturer: str | None = None
    model: str | None = None


class Vm(VendorModel):
    """`DomainVO`: one VM. `host_ip` is the address of the host that it is on, not the guest's."""

    id: str
    name: str
    status: VmStatusCode | None = None
    host_id: str | None = None
    host_name: str | None = None
    host_ip: str | None = Field(default=None, alias="ip")
    desk_pool_id: str | None = Field(default=None, alias="desktopPoolId")
    model_id: str | None = Field(default=None, alias="motherId")
    model_name: str | None = Field(default=None, alias="motherName")
    cpu: int | None = None
    memory: int | None = None
    os_name: str | None = None
    os_type: str | None = None
    is_model: int | None = None
    is_connected: int | None = None
    user_id: str | None = None
    remark: str | None = None

    @property
    def is_running(self) -> bool:
        return self.status == VmStatus.RUNNING


class Model(Vm):
    """A template VM: a `DomainVO` with `isModel` 1. `child_count` is how many VMs were cloned from it."""

    child_count: int | None = None


class Port(VendorModel):
    """`DomainPortVO`: a display port of a running VM; `type` is "spice" or "vnc"."""

    type: str
    value: int


class ModelReference(VendorModel):
    """`ModelVO0`: a model as a desk pool names it."""

    id: str
    name: str | None = None


class DeskPool(VendorModel):
    """`DesktopPoolVO`. `amount` is how many desktops were asked for, `used_amount` how many of them are in use."""

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
    remark: str | None = None

    @property
    def is_enabled(self) -> bool:
        return self.enabled == 1


class DeskPoolRequest(VendorModel):
    """`DeskPoolCreateDto`: a desk pool to be made, with `amount` VMs that are linked clones of model `model_id`."""

    name: str
    amount: int
    type: DeskPoolTypeCode = DeskPoolType.NOT_SHARED
    model_id: str
    vm_prefix: str | None = Field(default=None, serialization_alias="domainPrefix")
    remark: str | None = None


class BatchRequest(VendorModel):
    """`DomainBatchTaskDto`: something to be done to each VM of `ids`. `is_force` 1 closes without asking the guest."""

    ids: list[str] = Field(serialization_alias="idList")
    host_id: str | None = None
    is_force: int | None = None


class DeleteRequest(VendorModel):
    """`BatchDelDomainReq`: `is_recycle` 1 moves the VMs to the recycle bin, 0 deletes them for good."""

    ids: list[str] = Field(serialization_alias="domainIdList")
    is_recycle: int = 0


class EventTicket(VendorModel):
    """`EventIdVO`: the id under which a long operation can be followed."""

    event_id: str


class Refusal(VendorModel):
    """`ErrorInfo`: a VM of a batch for which the platform didn't even start the operation, and why."""

    vm_id: str | None = Field(default=None, alias="domainId")
    vm_name: str | None = Field(default=None, alias="domainName")
    reason: str | None = Field(default=None, alias="errorMsg")

    def __str__(self) -> str:
        return f"{self.vm_name or self.vm_id or 'a VM'}: {self.reason or 'no reason given'}"


class BatchAnswer(VendorModel):
    """`DomainBatchTaskVO`: an event id for each VM that the operation was started for, a refusal for each other one."""

    event_ids: list[str] = Field(default=[], alias="eventIdList")
    refusals: list[Refusal] = Field(default=[], alias="errorList")

    @field_validator("event_ids", "refusals", mode="before")
    @classmethod
    def _nothing_may_be_null(cls, value: object) -> object:
        return [] if value is None else value


class PlatformEvent(VendorModel):
    """`EventVO`: a long operation, under way or done. Times are the platform's, as text."""

    id: str
    description: str | None = None
    is_success: int | None = None
    error_reason: str | None = None
    event_type: EventTypeCode | None = None
    operate_type: int | None = None
    vm_id: str | None = Field(default=None, alias="domainId")
    vm_name: str | None = Field(default=None, alias="domainName")
    host_id: str | None = None
    ip: str | None = None
    is_async: int | None = Field(default=None, alias="isAsc")
    create_time: str | None = None
    update_time: str | None = None

    @property
    def outcome(self) -> EventOutcome:
        if self.is_success == 0:
            return EventOutcome.SUCCEEDED
        return EventOutcome.FAILED if self.is_success == 1 else EventOutcome.PENDING
