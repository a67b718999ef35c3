"""Storage pools and volumes."""

from __future__ import annotations

from typing import Annotated

from pydantic import Field

from ATPLibrary.lab.platform.requests.base import Flag, Name, Number, Request, Text


class DirStoragePoolCreateDto(Request):
    hostId: Text
    isIso: Flag
    name: Name
    path: Text
    vmcId: Text


class StoragePoolGfsCreateDto(Request):
    isIso: Flag
    name: Name
    path: Text
    vmcId: Text


class StoragePoolGlusterCreateDto(Request):
    isIso: Flag
    name: Name
    path: Text
    sourceHostName: Text
    sourceName: Text
    vmcId: Text


class StoragePoolLvmCreateDto(Request):
    hostId: Text
    name: Name
    nfsPath: Text
    sourceName: Text
    vmcId: Text


class StoragePoolNfsCreateDto(Request):
    isIso: Flag
    name: Name
    nfsIp: Text
    nfsPath: Text
    path: Text
    vmcId: Text


class StoragePoolDeleteIsoDto(Request):
    pageNum: Number | None = None
    pageSize: Number | None = None
    path: Text
    storagePoolId: Text


class StoragePoolBindPoolDto(Request):
    poolId: Text


class StoragePoolRenameDto(Request):
    newName: Name
    pageNum: Number | None = None
    pageSize: Number | None = None


class StorageVolumeCreateDto(Request):
    busType: Text
    name: Name
    size: Annotated[int, Field(ge=1, le=1024)]
    storagePoolId: Text
