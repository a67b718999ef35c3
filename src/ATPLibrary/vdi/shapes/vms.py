"""VMs, which the vendor calls domains: what the platform says about them."""

from __future__ import annotations

from typing import Annotated, ClassVar

from pydantic import Field

from ATPLibrary.vdi.codes import MonitorState, VmStatus
from ATPLibrary.vdi.shapes.base import LENIENT, Request, SecretAnswer, SecretRequest, Timestamp, VendorModel

VmStatusCode = Annotated[VmStatus | int, LENIENT]
MonitorStateCode = Annotated[MonitorState | int, LENIENT]


class Vm(VendorModel):
    """`DomainVO`: one VM.

    `host_ip` is the address of the host that it is on, not the guest's. `cpu` is the number of virtual processors, that is
    `sockets` x `cores` x `threads`; `memory` is in MiB. 0 and 1 mean no and yes in every `is_...`, in
    `has_restore_point` (the vendor's `freeze`), `has_snapshot`, `auto_join_domain`, `allow_monitor`, `nested_virtual`,
    `domain_fake` (the guest is shown a disguised machine), `host_bios_enable`, `host_model_enable`, `disable_alpha` and
    `sync_template`. `clone_type` is "0" for a full clone and "1" for a linked one; `mouse_mode` "0" is the client's mouse and
    "1" the server's; `bootloader` is "bios" or "uefi". `connect_time` and `disconnect_time` are of the user's last session.
    `last_host_id` is where it last started; `hide_id` says that the administrator who asks may not manage it.
    """

    id: str
    name: str
    status: VmStatusCode | None = None
    host_id: str | None = None
    host_name: str | None = None
    host_ip: str | None = Field(default=None, alias="ip")
    last_host_id: str | None = Field(default=None, alias="lastSuccessfulHostId")
    affinity_ip: str | None = None
    desk_pool_id: str | None = Field(default=None, alias="desktopPoolId")
    pool_id: str | None = None
    pool_name: str | None = None
    model_id: str | None = Field(default=None, alias="motherId")
    model_name: str | None = Field(default=None, alias="motherName")
    child_count: int | None = None
    cpu: int | None = None
    sockets: int | None = None
    cores: int | None = None
    threads: int | None = None
    memory: int | None = None
    os_name: str | None = None
    os_type: str | None = None
    os_edition: str | None = None
    system_type: str | None = None
    bootloader: str | None = None
    command: str | None = None
    mainboard: str | None = None
    soundcard_type: str | None = None
    gpu_type: str | None = None
    vgpu_type: str | None = None
    graphics_card_count: int | None = Field(default=None, alias="graphicsCardNum")
    mouse_mode: str | None = None
    disable_alpha: int | None = None
    nested_virtual: int | None = None
    domain_fake: int | None = None
    host_bios_enable: int | None = None
    host_model_enable: int | None = None
    is_model: int | None = None
    is_clone: int | None = Field(default=None, alias="isCloneDomain")
    clone_type: str | None = None
    is_recycle: int | None = None
    is_connected: int | None = None
    is_inner: bool | None = None
    hide_id: bool | None = None
    has_restore_point: int | None = Field(default=None, alias="freeze")
    has_snapshot: int | None = None
    independent_disk_count: int | None = Field(default=None, alias="independDiskCnt")
    iso_path: str | None = None
    user_id: str | None = None
    admin_id: str | None = None
    admin_name: str | None = None
    working_group: str | None = None
    auto_join_domain: int | None = None
    allow_monitor: int | None = None
    agent_version: str | None = None
    sync_template: str | None = None
    original_ip: str | None = None
    original_mac: str | None = None
    vmc_id: str | None = None
    remark: str | None = None
    create_time: Timestamp | None = None
    update_time: Timestamp | None = None
    connect_time: Timestamp | None = None
    disconnect_time: Timestamp | None = None
    last_freeze_time: Timestamp | None = None

    @property
    def is_running(self) -> bool:
        return self.status == VmStatus.RUNNING

    @property
    def is_on(self) -> bool:
        """Running or suspended: a QEMU process is there."""
        return self.status in (VmStatus.RUNNING, VmStatus.SUSPENDED)


class Model(Vm):
    """A template VM: a `DomainVO` with `isModel` 1. `child_count` is how many VMs were cloned from it."""


class RecycledVm(Vm):
    """`RecycleDomainVO`: a VM in the recycle bin. It is deleted for good at `clean_time`, `count_down` from now."""

    clean_time: int | None = None
    count_down: int | None = None
    during_time: int | None = None


class VmFilter(Request):
    """The filters of `GET /domain`. `status`, `restore_point`, `os_type` and `agent_version` may name several, with commas.

    `is_bound` and `is_connected` are 0 or 1; `os_type_order` is "asc" or "desc".
    """

    keyword: str | None = None
    host_id: str | None = None
    model_id: str | None = Field(default=None, serialization_alias="motherId")
    pool_id: str | None = None
    status: str | None = None
    is_bound: int | None = Field(default=None, serialization_alias="isBindUser")
    is_connected: int | None = None
    restore_point: str | None = Field(default=None, serialization_alias="freeze")
    os_type: str | None = None
    os_type_order: str | None = None
    agent_version: str | None = None


class ActiveUserFilter(Request):
    """The filters of `GET /domain/active-user`: `is_inner` 1 is from inside, `is_mobile` 1 a phone (0 a computer).

    `sort_order` is a field and a direction, "userId:asc" or "connectTime:desc".
    """

    user_id: str | None = None
    is_inner: int | None = None
    is_mobile: int | None = None
    sort_order: str | None = None


class UserCounts(VendorModel):
    """`DomainUserStatVO`: how many users are on line from `inside` and `outside`, and how many aren't."""

    inside: int | None = Field(default=None, alias="in")
    outside: int | None = Field(default=None, alias="out")
    offline: int | None = None


class Port(VendorModel):
    """`DomainPortVO`: a display port of a running VM; `type` is "spice" or "vnc"."""

    type: str
    value: int


class SpiceKey(VendorModel):
    """`SpiceKeyVO`: how the VM's SPICE server is reached: `ip` and `port` of the host, and the `key` that opens it."""

    holds_secrets: ClassVar[bool] = True

    vm_id: str | None = Field(default=None, alias="domainId")
    name: str | None = None
    host_id: str | None = None
    ip: str | None = None
    port: str | None = None
    key: SecretAnswer | None = None


class VncPassword(VendorModel):
    """`DomainGetVncPasswordVO`."""

    holds_secrets: ClassVar[bool] = True

    password: SecretAnswer


class SharePasswordQuery(Request):
    """The query of `GET /domain/{id}/vnc-password`: the password of the link that a VM is shared by, if it is reached by one."""

    share_password: SecretRequest | None = None


class GuestTask(VendorModel):
    """`DomainTaskVO`: a process in the guest. `cpu` is per cent, `memory` as the guest counts it, `handles` its open handles."""

    pid: int
    name: str | None = None
    cpu: int | None = None
    memory: int | None = None
    handles: int | None = Field(default=None, alias="handle")


class MonitorAnswer(VendorModel):
    """`DomainStartMonitorVO`: whether the user lets an administrator watch."""

    status: MonitorStateCode | None = None


class PossibleHost(VendorModel):
    """`DomainGetAllIpVO`: a host that the VM could be started on."""

    id: str | None = None
    ip: str | None = None


class StoragePoolsQuery(Request):
    """The query of `GET /domain/common-storage-pool`: the VMs that are to reach them."""

    vm_ids: list[str] = Field(serialization_alias="idList")
