"""Hosts: hypervisor machines."""

from __future__ import annotations

from typing import Annotated

from pydantic import Field

from ATPLibrary.vdi.codes import HostStatus
from ATPLibrary.vdi.shapes.base import LENIENT, Request, VendorModel

HostStatusCode = Annotated[HostStatus | int, LENIENT]


class Host(VendorModel):
    """`HostVO`: one hypervisor machine.

    `memory` and `physical_memory` are in GiB, `cpu_size` in logical processors. `vm_limit` is how many VMs may run on it. The
    `extranet_...` addresses are those that it is reached by from outside.
    """

    id: str
    name: str
    ip: str | None = None
    ip_v6: str | None = None
    status: HostStatusCode | None = None
    arch: str | None = None
    cpu: str | None = None
    cpu_size: int | None = None
    memory: float | None = None
    physical_memory: float | None = None
    running_vm_count: int | None = Field(default=None, alias="runningDomainCount")
    vm_limit: int | None = Field(default=None, alias="domainLimit")
    pool_id: str | None = None
    pool_name: str | None = None
    vmc_id: str | None = None
    manufacturer: str | None = None
    model: str | None = None
    extranet_ip: str | None = None
    extranet_ip_v6: str | None = None
    create_time: str | None = None


class HostDetail(VendorModel):
    """`HostDetailVO`: as `Host`, with the host's own address (`local_ip`) and without what runs on it."""

    id: str
    name: str
    ip: str | None = None
    ip_v6: str | None = None
    local_ip: str | None = None
    status: HostStatusCode | None = None
    arch: str | None = None
    cpu: str | None = None
    cpu_size: int | None = None
    memory: float | None = None
    physical_memory: float | None = None
    vm_limit: int | None = Field(default=None, alias="domainLimit")
    pool_id: str | None = None
    vmc_id: str | None = None
    host_count: int | None = Field(default=None, alias="hostNum")
    manufacturer: str | None = None
    model: str | None = None
    extranet_ip: str | None = None
    extranet_ip_v6: str | None = None
    create_time: str | None = None


class WholeHost(Host):
    """`HostVO` with what only `HostDetailVO` has: its own address, and of how many hosts it is one."""

    local_ip: str | None = None
    host_count: int | None = None


class HostFilter(Request):
    """The filters of `GET /host`; `status` and `arch` may name several, with commas."""

    name: str | None = None
    status: str | None = None
    arch: str | None = None
    pool_id: str | None = None


class AllHostsFilter(HostFilter):
    """Those of `GET /host/all`, which also knows data centres, and `not_bound` 1: hosts of no resource pool."""

    not_bound: int | None = Field(default=None, serialization_alias="notBindPool")
    vmc_id: str | None = None


class Hardware(VendorModel):
    """`HostHardwareVO`: the processor. `virtualization` and `iommu` are 1 where it has them."""

    arch: str | None = None
    cpu: str | None = None
    vendor: str | None = None
    sockets: int | None = None
    cores: int | None = None
    threads: int | None = None
    virtualization: int | None = None
    iommu: int | None = None


class Uptime(VendorModel):
    """`HostUptimeVO`: how long the host has been running; the vendor's document names no unit."""

    uptime: float | None = None


class HostVersion(VendorModel):
    """`HostVersionVO`: of the platform's agent on the host, and of SPICE."""

    agent_version: str | None = None
    spice_version: str | None = None


class VmLimit(Request):
    """`HostSetDomainLimitDto`: how many VMs may run on the host at once."""

    limit: int


class ExtranetAddress(Request):
    """`HostSetExtranetIpDto`: the addresses by which the host is reached from outside."""

    ip: str | None = None
    ip_v6: str | None = None


class HostStatusRequest(Request):
    """`HostSetStatusDto`: 0 puts the host into maintenance, 1 into service."""

    status: HostStatus


class PoolReference(Request):
    """`HostAddToPoolDto`: the resource pool to join."""

    pool_id: str


class GraphicsCard(VendorModel):
    """`PcieDevicePassInfo`: a graphics card of a host, or a virtual one (`is_virtual`) cut from the card `group`.

    `address` is its PCI address, `owner` the VM that has it, `is_automatic` 1 where the platform chose it; `gpu_rate` and
    `memory_rate` say how busy it is; `profile` is a virtual card's kind.
    """

    address: str | None = Field(default=None, alias="addr")
    product: str | None = None
    hardware_product: str | None = None
    vendor: str | None = None
    profile: str | None = Field(default=None, alias="memo1")
    group: str | None = None
    is_virtual: bool | None = Field(default=None, alias="virtualCard")
    is_automatic: int | None = Field(default=None, alias="autoAlloc")
    owner: str | None = Field(default=None, alias="own")
    vm_name: str | None = Field(default=None, alias="domainName")
    gpu_rate: str | None = None
    memory_rate: str | None = None
    host_id: str | None = None
    ip: str | None = None
    pool_id: str | None = None
    page_no: int | None = None
    page_size: int | None = None
