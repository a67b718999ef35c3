"""A VM's parts: disks, images in its drives, network cards, serial ports."""

from __future__ import annotations

from typing import Annotated

from pydantic import Field

from ATPLibrary.vdi.codes import SerialKind
from ATPLibrary.vdi.shapes.base import LENIENT, Request, VendorModel

SerialKindCode = Annotated[SerialKind | int, LENIENT]


class Disk(VendorModel):
    """`StorageVolumeVO`: a storage volume as a disk of a VM or model.

    `size` is its capacity (GB); `path` is the whole path, `filename` and `pool_path` its parts. `is_start_disk`, `is_share` and
    `is_recycle` are 0 or 1. The limits are bytes and operations a second, as text.
    """

    id: str
    name: str | None = None
    size: int | None = None
    bus_type: str | None = None
    is_start_disk: int | None = None
    is_share: int | None = None
    is_recycle: int | None = None
    vm_id: str | None = Field(default=None, alias="domainId")
    domains: str | None = None
    host_id: str | None = None
    storage_pool_id: str | None = None
    pool_name: str | None = None
    pool_path: str | None = None
    pool_type: str | None = None
    filename: str | None = None
    path: str | None = Field(default=None, alias="volFullPath")
    key: str | None = None
    read_bytes_sec: str | None = None
    read_iops_sec: str | None = None
    write_bytes_sec: str | None = None
    write_iops_sec: str | None = None
    create_time: str | None = None


class AddDisk(Request):
    """`DomainDiskAddDto`: the volume that becomes a disk."""

    volume_id: str


class IndependentDisk(Request):
    """`DomainAddIndependentDiskDto`: each VM gets a new disk of `size` GB that no restore point touches."""

    vm_ids: list[str] = Field(serialization_alias="domainIdList")
    size: int = Field(serialization_alias="diskSize")
    storage_pool_id: str
    bus_type: str


class ExpandDisk(Request):
    """`DomainDiskExpandDto`: how many GB are added."""

    added: int = Field(serialization_alias="expandSize")


class DiskLimit(Request):
    """`DomainUpdateDiskSpeedDto`: bytes and operations a second, as text; "0" is no limit to libvirt."""

    read_bytes_sec: str | None = None
    read_iops_sec: str | None = None
    write_bytes_sec: str | None = None
    write_iops_sec: str | None = None


class VmIso(VendorModel):
    """`DomainIsoVO`: an image in a VM's drive; `capacity` is its size, as text."""

    name: str | None = Field(default=None, alias="isoName")
    capacity: str | None = None
    storage_pool_id: str | None = None
    storage_pool_name: str | None = None
    storage_pool_path: str | None = None


class AddIso(Request):
    """`DomainIsoAddDto`: the image at `path` in a storage pool."""

    path: str = Field(serialization_alias="isoFilePath")
    storage_pool_id: str


class ChangeIso(Request):
    """`DomainUpdateIsoDto`: one image for another, in a drive of a VM that may be running."""

    old_path: str = Field(serialization_alias="beforeIso")
    old_storage_pool_id: str = Field(serialization_alias="beforeStoragePoolId")
    path: str = Field(serialization_alias="nowIso")
    storage_pool_id: str


class DeleteIso(Request):
    """`DomainIsoDeleteDto`: takes the image out; `del_tag` 1 takes the drive away too."""

    path: str = Field(serialization_alias="isoPath")
    storage_pool_id: str
    del_tag: int = 0


class Nic(VendorModel):
    """`DomainNetcardVO`: a network card of a VM.

    `assigned_ip` is what it was told to have and `actual_ip` what the guest reported at `report_time`. `dhcp` is "yes", or "no"
    for a static address. The `vlan_...` fields are its port group's. Limits are libvirt's average, peak, burst and floor.
    """

    id: str | None = None
    mac: str | None = None
    actual_ip: str | None = None
    assigned_ip: str | None = Field(default=None, alias="assignIp")
    dhcp: str | None = None
    gateway: str | None = None
    netmask: str | None = None
    dns1: str | None = None
    dns2: str | None = None
    vm_id: str | None = Field(default=None, alias="domainId")
    vm_name: str | None = Field(default=None, alias="domainName")
    bridge_id: str | None = Field(default=None, alias="cascadId")
    ovs_id: str | None = None
    ovs_name: str | None = None
    vlan_id: str | None = None
    vlan_name: str | None = None
    vlan_value: str | None = None
    vlan_mode: str | None = None
    vlan_gateway: str | None = None
    vlan_mask: str | None = None
    vlan_dns1: str | None = None
    vlan_dns2: str | None = None
    in_average: str | None = None
    in_burst: str | None = None
    in_floor: str | None = None
    in_peak: str | None = None
    out_average: str | None = None
    out_burst: str | None = None
    out_peak: str | None = None
    is_recycle: int | None = None
    remark: str | None = None
    create_time: str | None = None
    report_time: str | None = None


class AddNic(Request):
    """`DomainNetworkAddDto`: the port group that the new card is on."""

    vlan_id: str


class ChangeNic(Request):
    """`DomainNetworkUpdateDto`: moves the card of that MAC address to another port group (and switch)."""

    mac: str
    vlan_id: str
    ovs_id: str | None = None


class NicAddress(Request):
    """`StaticIpSetting`: the address that the card gets."""

    ip: str
    mask: str | None = None
    gateway: str | None = None
    dns1: str | None = None
    dns2: str | None = None


class NicLimit(Request):
    """`NetSpeedReq`: libvirt's bandwidth of the card, as text; `in_...` is to the VM, `out_...` from it."""

    in_average: str | None = None
    in_burst: str | None = None
    in_floor: str | None = None
    in_peak: str | None = None
    out_average: str | None = None
    out_burst: str | None = None
    out_peak: str | None = None


class SerialPort(VendorModel):
    """`DomainSerialDeviceVO`: a serial port of a VM, `com_number` in the guest.

    It joins `source_port` with `target_port`, of the server `target_server` where `kind` says so. `is_usable` and `is_client`
    are 0 or 1.
    """

    id: int
    com_number: str | None = Field(default=None, alias="comNum")
    kind: SerialKindCode | None = Field(default=None, alias="serialModel")
    vm_id: str | None = Field(default=None, alias="domainId")
    source_port: str | None = None
    target_port: str | None = None
    shown_port: str | None = Field(default=None, alias="showPort")
    target_server: str | None = None
    target_server_name: str | None = None
    is_usable: int | None = Field(default=None, alias="enable")
    is_client: int | None = Field(default=None, alias="serverClient")


class SerialPortRequest(Request):
    """`DomainSerialAddDto`: a serial port as it is to be; meanings as in `SerialPort`."""

    kind: SerialKind = Field(serialization_alias="serialModel")
    source_port: str | None = None
    target_port: str | None = None
    target_server: str | None = None


class FreePort(VendorModel):
    """`Port`: an end that nothing is joined to."""

    source_port: str | None = None
    shown_port: str | None = Field(default=None, alias="showPort")


class ServerPorts(VendorModel):
    """`ServerSerialVO`: the free serial ports of another VM."""

    vm_id: str | None = Field(default=None, alias="id")
    vm_name: str | None = Field(default=None, alias="name")
    ports: list[FreePort] | None = Field(default=None, alias="portList")
