"""What is ordered to be done to VMs: making, changing, switching, deleting, binding."""

from __future__ import annotations

from pydantic import Field

from ATPLibrary.vdi.codes import MigrationKind, RestorePoint
from ATPLibrary.vdi.shapes.base import Request, VendorModel


class BatchRequest(Request):
    """`DomainBatchTaskDto`: something to be done to each VM of `ids`.

    `host_id` is where to start them; `is_force` 1 closes without asking the guest.
    """

    ids: list[str] = Field(serialization_alias="idList")
    host_id: str | None = None
    is_force: int | None = None


class DeleteRequest(Request):
    """`BatchDelDomainReq`: `is_recycle` 1 moves the VMs to the recycle bin, 0 deletes them for good."""

    ids: list[str] = Field(serialization_alias="domainIdList")
    is_recycle: int = 0


class FreezeRequest(Request):
    """`DomainBatchFreezeReq`: gives the VMs a restore point, which they go back to as often as `restore_point` says."""

    ids: list[str] = Field(serialization_alias="idList")
    restore_point: RestorePoint = Field(default=RestorePoint.EACH_START, serialization_alias="freezeType")


class BindUserRequest(Request):
    """`DomainBindUserDto`: makes the VMs the user's own."""

    user_id: str
    vm_ids: list[str] = Field(serialization_alias="domainIdList")


class UnbindUserRequest(Request):
    """`DomainUnbindUserParam`: takes the VMs from whoever has them."""

    vm_ids: list[str] = Field(serialization_alias="domainIdList")


class NotBound(VendorModel):
    """`DomainBindUserVO`: the VMs that the user was not given."""

    vm_ids: list[str] | None = Field(default=None, alias="notBindDomainIdList")


class NewIso(Request):
    """`IsoDto`: an image in a new VM's drive, by its path and the storage pool that has it."""

    iso_path: str
    storage_pool_id: str


class NewNic(Request):
    """`NetworkDto`: a network card of a new VM, on a port group (`vlan_id`) of a switch (`ovs_id`).

    The limits are of traffic to (`in_...`) and from (`out_...`) the VM: libvirt's `average`, `peak` and `burst`.
    """

    vlan_id: str | None = None
    ovs_id: str | None = None
    in_average: int | None = None
    in_burst: int | None = None
    in_peak: int | None = None
    out_average: int | None = None
    out_burst: int | None = None
    out_peak: int | None = None


class NewDisk(Request):
    """`VolumeDto`: a storage volume that a new VM gets as a disk. `is_start_disk` 1 is the one it boots from.

    The limits are bytes and operations a second, as text. `bus_type` is libvirt's, "virtio" or "sata".
    """

    id: str
    bus_type: str | None = None
    is_start_disk: int | None = None
    read_bytes_sec: str | None = None
    read_iops_sec: str | None = None
    write_bytes_sec: str | None = None
    write_iops_sec: str | None = None


class NewVm(Request):
    """`DomainCreateDto`: a VM to be made from volumes that are there.

    `sockets` x `cores` x `threads` are its processors (`cpu`); `memory` is in MiB. `pool_id` is the pool that it belongs to and
    `vmc_id` the data centre. `bootloader` is "bios" or "uefi", `auto_join_domain` 0 or 1.
    """

    name: str
    cpu: int
    memory: int
    sockets: int = 1
    cores: int = 1
    threads: int = 1
    os_type: str | None = None
    pool_id: str | None = None
    vmc_id: str | None = None
    bootloader: str = "bios"
    mainboard: str = Field(default="pc", serialization_alias="mainBoard")
    graphics_card_count: int = Field(default=1, serialization_alias="graphicsCardNum")
    gpu_type: str | None = None
    vgpu_type: str = ""
    soundcard_type: str | None = None
    auto_join_domain: int = 0
    disks: list[NewDisk] = Field(default=[], serialization_alias="volumeList")
    isos: list[NewIso] = Field(default=[], serialization_alias="isoList")
    nics: list[NewNic] = Field(default=[], serialization_alias="networkList")
    remark: str | None = None


class CreatedVm(VendorModel):
    """`DomainCreateVO`: the new VM's id."""

    id: str = Field(alias="uuid")


class VmChange(Request):
    """`DomainUpdateDto`: what is to be another; what is left out stays, except the name, which the platform always wants.

    Meanings are as in `Vm`; `mouse_mode` 0 is the client's mouse, 1 the server's.
    """

    name: str
    cpu: int | None = None
    cores: int | None = None
    threads: int | None = None
    memory: int | None = None
    os_type: str | None = None
    command: str | None = None
    soundcard_type: str | None = None
    gpu_type: str | None = None
    vgpu_type: str | None = None
    graphics_card_count: int | None = Field(default=None, serialization_alias="graphicsCardNum")
    mouse_mode: int | None = None
    disable_alpha: int | None = None
    auto_join_domain: int | None = None
    nested_virtual: int | None = None
    domain_fake: int | None = None
    host_bios_enable: int | None = None
    host_model_enable: int | None = None
    remark: str | None = None


class VmsChange(Request):
    """`DomainBatchUpdateDto`: the same of several VMs (0 or 1 each): a disguised machine, the host's BIOS and model, nesting."""

    ids: list[str] = Field(serialization_alias="idList")
    domain_fake: int | None = None
    gpu_type: str | None = None
    host_bios_enable: int | None = None
    host_model_enable: int | None = None
    nested_virtual: int | None = None


class SizeChange(Request):
    """`DomainUpdateMemCpuDto`: processors and memory (MiB) of several VMs."""

    ids: list[str] = Field(serialization_alias="listId")
    cpu: int
    memory: int


class ImportRequest(Request):
    """`DomainImportDto`: a VM out of a disk file that lies in a storage pool. `name` is the volume's, `filename` the file's."""

    name: str
    filename: str
    storage_pool_id: str
    bus_type: str


class CloneRequest(Request):
    """`DomainCloneDto`: a full copy under a new name. `template_clone` 1 copies a model, which needs `storage_pool_id`."""

    name: str
    storage_pool_id: str | None = None
    template_clone: int | None = None


class CloneAnswer(VendorModel):
    """`DomainCloneVO`: the copy's id, and the event to wait for."""

    vm_id: str | None = Field(default=None, alias="cloneUuid")
    event_id: str


class MigrateRequest(Request):
    """`DomainMigrateDto`: to the host at `host_ip`; with storage into the pool of that id, whose path is `pool_path`."""

    kind: MigrationKind = Field(serialization_alias="migrateType")
    host_ip: str = Field(serialization_alias="dconnuri")
    storage_pool_id: str | None = None
    pool_path: str | None = None


class SyncStatusRequest(Request):
    """`DomainSyncStatusDto`: 1 says that a person asked, 0 a program."""

    sync_type: int = 1


class MonitorRequest(Request):
    """`MonitorRequestDto`: asks the VM's user to be watched; the answer is found under `request_id`, which we choose."""

    request_id: str
