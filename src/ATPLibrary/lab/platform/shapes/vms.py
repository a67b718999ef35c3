"""VMs, and what belongs to one. A model is shown as a VM."""

from __future__ import annotations

from pydantic import with_config
from typing_extensions import TypedDict

from ATPLibrary.lab.platform.shapes.base import CLOSED, Timestamp


@with_config(CLOSED)
class DomainVO(TypedDict, total=False):
    id: str
    name: str
    status: int
    hostId: str
    hostName: str
    ip: str
    poolId: str
    poolName: str
    desktopPoolId: str
    motherId: str
    motherName: str
    cpu: int
    cores: int
    sockets: int
    threads: int
    memory: int
    isModel: int
    isCloneDomain: int
    cloneType: str
    isRecycle: int
    isConnected: int
    userId: str
    freeze: int
    lastFreezeTime: Timestamp
    hasSnapshot: int
    childCount: int
    independDiskCnt: int
    isoPath: str
    osType: str
    osName: str
    osEdition: str
    systemType: str
    bootloader: str
    mainboard: str
    command: str
    mouseMode: str
    soundcardType: str
    gpuType: str
    vgpuType: str
    graphicsCardNum: int
    autoJoinDomain: int
    disableAlpha: int
    domainFake: int
    hostBiosEnable: int
    hostModelEnable: int
    nestedVirtual: int
    createTime: Timestamp
    remark: str


@with_config(CLOSED)
class RecycleDomainVO(DomainVO, total=False):
    cleanTime: int
    countDown: int
    duringTime: int


@with_config(CLOSED)
class DomainPortVO(TypedDict, total=False):
    type: str
    value: int


@with_config(CLOSED)
class SpiceKeyVO(TypedDict, total=False):
    domainId: str
    hostId: str
    ip: str
    key: str
    name: str
    port: str


@with_config(CLOSED)
class DomainGetVncPasswordVO(TypedDict, total=False):
    password: str


@with_config(CLOSED)
class DomainStartMonitorVO(TypedDict, total=False):
    status: int


@with_config(CLOSED)
class DomainTaskVO(TypedDict, total=False):
    cpu: int
    handle: int
    memory: int
    name: str
    pid: int


@with_config(CLOSED)
class DomainCreateVO(TypedDict, total=False):
    uuid: str


@with_config(CLOSED)
class DomainCloneVO(TypedDict, total=False):
    cloneUuid: str
    eventId: str


@with_config(CLOSED)
class DomainBindUserVO(TypedDict, total=False):
    notBindDomainIdList: list[str]


# Its first field's name is a word of Python's.
DomainUserStatVO = TypedDict("DomainUserStatVO", {"in": int, "offline": int, "out": int}, total=False)


@with_config(CLOSED)
class DomainGetAllIpVO(TypedDict, total=False):
    id: str
    ip: str


@with_config(CLOSED)
class DomainSnapshotVO(TypedDict, total=False):
    id: str
    name: str
    domainId: str
    domainStatus: int
    createTime: str
    isFreeze: int
    isTerminal: int
    snapXml: str


@with_config(CLOSED)
class DomainIsoVO(TypedDict, total=False):
    capacity: str
    isoName: str
    storagePoolId: str
    storagePoolName: str
    storagePoolPath: str


@with_config(CLOSED)
class DomainNetcardVO(TypedDict, total=False):
    id: str
    mac: str
    domainId: str
    domainName: str
    ovsId: str
    ovsName: str
    vlanId: str
    vlanName: str
    vlanValue: str
    dhcp: str
    createTime: str


@with_config(CLOSED)
class DomainSerialDeviceVO(TypedDict, total=False):
    comNum: str
    domainId: str
    enable: int
    id: int
    serialModel: int
    serverClient: int
    showPort: str
    sourcePort: str
    targetPort: str
    targetServer: str
    targetServerName: str


@with_config(CLOSED)
class Port(TypedDict, total=False):
    showPort: str
    sourcePort: str


@with_config(CLOSED)
class ServerSerialVO(TypedDict, total=False):
    id: str
    name: str
    portList: list[Port]


@with_config(CLOSED)
class SnapshotVO(TypedDict, total=False):
    id: str
    name: str
    createTime: str
