"""Storage pools, volumes and ISO files."""

from __future__ import annotations

from pydantic import with_config
from typing_extensions import TypedDict

from ATPLibrary.lab.platform.shapes.base import CLOSED


@with_config(CLOSED)
class StoragePoolVO(TypedDict, total=False):
    id: str
    name: str
    hostId: str
    hostName: str
    hostStatus: int
    ip: str
    isIso: int
    isShare: int
    path: str
    poolId: str
    poolName: str
    poolType: str
    remark: str
    status: int
    vmcId: str


@with_config(CLOSED)
class StoragePoolDetailVO(TypedDict, total=False):
    id: str
    name: str
    hostId: str
    hostName: str
    hostStatus: int
    ip: str
    isIso: int
    isShare: int
    path: str
    poolId: str
    poolName: str
    poolType: str
    remark: str
    status: int
    vmcId: str
    allocation: str
    volumeUsed: int


@with_config(CLOSED)
class StoragePoolSpaceVO(TypedDict, total=False):
    allocation: int
    available: int
    capacity: int


@with_config(CLOSED)
class IsoStoragePoolVolumeVO(TypedDict, total=False):
    capacity: str
    name: str
    path: str


@with_config(CLOSED)
class StorageVolumeVO(TypedDict, total=False):
    id: str
    name: str
    busType: str
    createTime: str
    domainId: str
    filename: str
    hostId: str
    isShare: int
    isStartDisk: int
    poolName: str
    poolPath: str
    poolType: str
    readBytesSec: str
    readIopsSec: str
    size: int
    storagePoolId: str
    volFullPath: str
    writeBytesSec: str
    writeIopsSec: str


@with_config(CLOSED)
class PoolVolumeVO(TypedDict, total=False):
    busType: str
    domainId: str
    domainName: str
    domains: str
    id: str
    isModel: int
    isStartDisk: int
    name: str
    poolPath: str
    size: int
    storagePoolId: str


@with_config(CLOSED)
class StorageVolumeCreateVO(TypedDict, total=False):
    id: str
