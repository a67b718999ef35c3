"""Hosts, resource pools, and the panel's numbers."""

from __future__ import annotations

from pydantic import with_config
from typing_extensions import TypedDict

from ATPLibrary.lab.platform.shapes.base import CLOSED


@with_config(CLOSED)
class HostVO(TypedDict, total=False):
    id: str
    name: str
    ip: str
    status: int
    arch: str
    cpu: str
    cpuSize: int
    memory: float
    physicalMemory: float
    manufacturer: str
    poolId: str
    poolName: str
    domainLimit: int
    extranetIp: str
    extranetIpV6: str
    runningDomainCount: int
    createTime: str


@with_config(CLOSED)
class HostDetailVO(TypedDict, total=False):
    id: str
    name: str
    ip: str
    localIp: str
    status: int
    arch: str
    cpu: str
    cpuSize: int
    memory: float
    physicalMemory: float
    manufacturer: str
    poolId: str
    domainLimit: int
    extranetIp: str
    extranetIpV6: str
    hostNum: int
    createTime: str


@with_config(CLOSED)
class HostHardwareVO(TypedDict, total=False):
    arch: str
    cores: int
    cpu: str
    iommu: int
    sockets: int
    threads: int
    vendor: str
    virtualization: int


@with_config(CLOSED)
class HostUptimeVO(TypedDict, total=False):
    uptime: float


@with_config(CLOSED)
class HostVersionVO(TypedDict, total=False):
    agentVersion: str
    spiceVersion: str


@with_config(CLOSED)
class PoolVO(TypedDict, total=False):
    arch: str
    cpuOver: int
    createTime: str
    id: str
    memoryOver: int
    name: str
    status: int
    vmcId: str


@with_config(CLOSED)
class VmcVO(TypedDict, total=False):
    createTime: str
    id: str
    name: str
    status: int


@with_config(CLOSED)
class PanelAlarmNumberVO(TypedDict, total=False):
    number: int


@with_config(CLOSED)
class PanelPoolDomainNumberVO(TypedDict, total=False):
    close: int
    doing: int
    dormancy: int
    running: int
    suspend: int


@with_config(CLOSED)
class PanelPoolHostNumberVO(TypedDict, total=False):
    close: int
    maintain: int
    offline: int
    running: int


@with_config(CLOSED)
class PanelPoolNumberVO(TypedDict, total=False):
    maintain: int
    running: int


@with_config(CLOSED)
class PanelStoragePoolNumberVO(TypedDict, total=False):
    close: int
    running: int


@with_config(CLOSED)
class PanelStoragePoolSpaceVO(TypedDict, total=False):
    allocation: int
    available: int
    capacity: int
    storagePoolName: str


@with_config(CLOSED)
class PanelTerminalNumberVO(TypedDict, total=False):
    offline: int
    online: int
    total: int


@with_config(CLOSED)
class RunningHostPerformanceVO(TypedDict, total=False):
    buffers: int
    cached: int
    free: int
    idle: int
    iowait: int
    kernel: int
    total: int
    user: int


@with_config(CLOSED)
class HostPerformanceVO(TypedDict, total=False):
    buffers: int
    cached: int
    createTime: str
    free: int
    hostName: str
    id: int
    idle: int
    iowait: int
    kernel: int
    total: int
    user: int
    uuid: str


@with_config(CLOSED)
class PanelCarbonVO(TypedDict, total=False):
    baseLine: str
    machineValue: str
    totalCarbon: int
    totalNum: int
    totalTime: str


@with_config(CLOSED)
class VersionVO(TypedDict, total=False):
    module: str
    time: str
    version: str


@with_config(CLOSED)
class PcieDevicePassInfo(TypedDict, total=False):
    addr: str
    autoAlloc: int
    domainName: str
    gpuRate: str
    group: str
    hardwareProduct: str
    hostId: str
    ip: str
    memo1: str
    memoryRate: str
    own: str
    poolId: str
    product: str
    vendor: str
    virtualCard: bool
