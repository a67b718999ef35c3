"""VMs, and what belongs to one."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field

from ATPLibrary.lab.platform.requests.base import Flag, Ids, Name, Number, Request, Text

# What a VM of the lab may have: more would take the machine's own.
Processors = Annotated[int, Field(ge=1, le=16)]
Mebibytes = Annotated[int, Field(ge=16, le=16384)]
Gigabytes = Annotated[int, Field(ge=1, le=1024)]
# A limit; empty or 0 is none.
Rate = Annotated[str, Field(pattern=r"^[0-9]{0,12}$")]


class DomainBatchTaskDto(Request):
    idList: Ids
    hostId: Text | None = None
    isForce: Flag = 0


class BatchDelDomainReq(Request):
    domainIdList: Ids
    isRecycle: Flag


class IsoDto(Request):
    isoPath: Text | None = None
    storagePoolId: Text | None = None


class NetworkDto(Request):
    inAverage: Number | None = None
    inBurst: Number | None = None
    inPeak: Number | None = None
    outAverage: Number | None = None
    outBurst: Number | None = None
    outPeak: Number | None = None
    ovsId: Text | None = None
    vlanId: Text | None = None


class VolumeDto(Request):
    busType: Text | None = None
    id: Text | None = None
    isStartDisk: Number | None = None
    readBytesSec: Text | None = None
    readIopsSec: Text | None = None
    writeBytesSec: Text | None = None
    writeIopsSec: Text | None = None


class DomainCreateDto(Request):
    autoJoinDomain: Number
    bootloader: Text
    cores: Number
    cpu: Processors | None = None
    gpuType: Text | None = None
    graphicsCardNum: Number
    isoList: list[IsoDto] = Field(default=[], max_length=2)
    mainBoard: Text
    memory: Mebibytes | None = None
    name: Name
    networkList: list[NetworkDto] = Field(default=[], max_length=8)
    osType: Text | None = None
    poolId: Text | None = None
    remark: Text | None = None
    sockets: Number
    soundcardType: Text | None = None
    threads: Number
    vgpuType: Text
    vmcId: Text | None = None
    volumeList: list[VolumeDto] = Field(default=[], max_length=16)


class DomainUpdateDto(Request):
    autoJoinDomain: Number | None = None
    command: Text | None = None
    cores: Number | None = None
    cpu: Processors | None = None
    disableAlpha: Number | None = None
    domainFake: Number | None = None
    gpuType: Text | None = None
    graphicsCardNum: Number | None = None
    hostBiosEnable: Number | None = None
    hostModelEnable: Number | None = None
    memory: Mebibytes | None = None
    mouseMode: Number | None = None
    name: Name
    nestedVirtual: Number | None = None
    osType: Text | None = None
    remark: Text | None = None
    soundcardType: Text | None = None
    threads: Number | None = None
    vgpuType: Text | None = None


class DomainBatchUpdateDto(Request):
    domainFake: Number | None = None
    gpuType: Text | None = None
    hostBiosEnable: Number | None = None
    hostModelEnable: Number | None = None
    idList: Ids
    nestedVirtual: Number | None = None


class DomainBindUserDto(Request):
    domainIdList: Ids
    userId: Text


class DomainUnbindUserParam(Request):
    domainIdList: Ids


class DomainBatchFreezeReq(Request):
    freezeType: Literal[0, 1, 2, 3, 4]
    idList: Ids


class DomainUpdateMemCpuDto(Request):
    cpu: Processors | None = None
    listId: Ids
    memory: Mebibytes | None = None


class DomainCloneDto(Request):
    name: Name
    storagePoolId: Text | None = None
    templateClone: Flag = 0


class DomainSyncStatusDto(Request):
    syncType: Number | None = None


class DomainAddIndependentDiskDto(Request):
    busType: Text | None = None
    diskSize: Gigabytes
    domainIdList: Ids
    storagePoolId: Text


class DomainDiskAddDto(Request):
    volumeId: Text


class DomainDiskExpandDto(Request):
    expandSize: Gigabytes


class DomainUpdateDiskSpeedDto(Request):
    readBytesSec: Rate | None = None
    readIopsSec: Rate | None = None
    writeBytesSec: Rate | None = None
    writeIopsSec: Rate | None = None


class DomainIsoAddDto(Request):
    isoFilePath: Text
    storagePoolId: Text


class DomainIsoDeleteDto(Request):
    delTag: Flag = 0
    isoPath: Text | None = None
    storagePoolId: Text | None = None


class DomainUpdateIsoDto(Request):
    beforeIso: Text | None = None
    beforeStoragePoolId: Text | None = None
    nowIso: Text | None = None
    storagePoolId: Text | None = None


class InstallIsoDto(Request):
    domainIdList: Ids
    isoPath: Text
    storagePoolId: Text


class UninstallIsoDto(Request):
    delTag: Flag
    domainIdList: Ids
    isoPath: Text
    storagePoolId: Text


class DomainNetworkAddDto(Request):
    vlanId: Text


class DomainNetworkUpdateDto(Request):
    mac: Text
    ovsId: Text | None = None
    vlanId: Text | None = None


class DomainSerialAddDto(Request):
    serialModel: Literal[0, 1, 2]
    sourcePort: Text | None = None
    targetPort: Text | None = None
    targetServer: Text | None = None


class SnapshotCreateDto(Request):
    name: Name


class CreateSnapshotDto(Request):
    name: Name


class DomainImportDto(Request):
    busType: Text
    filename: Text
    name: Name
    storagePoolId: Text


class MonitorRequestDto(Request):
    requestId: Annotated[str, Field(min_length=1, max_length=100)]


class NetSpeedReq(Request):
    inAverage: Text | None = None
    inBurst: Text | None = None
    inFloor: Text | None = None
    inPeak: Text | None = None
    outAverage: Text | None = None
    outBurst: Text | None = None
    outPeak: Text | None = None


class StaticIpSetting(Request):
    dns1: Text | None = None
    dns2: Text | None = None
    gateway: Text | None = None
    ip: Text
    mask: Text | None = None


class DomainMigrateDto(Request):
    dconnuri: Text
    migrateType: Literal[1, 2]
    poolPath: Text | None = None
    storagePoolId: Text | None = None
