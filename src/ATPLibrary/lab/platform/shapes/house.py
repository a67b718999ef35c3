"""Alarms, terminals, USB devices and logs."""

from __future__ import annotations

from pydantic import with_config
from typing_extensions import TypedDict

from ATPLibrary.lab.platform.shapes.base import CLOSED


@with_config(CLOSED)
class AlarmVO(TypedDict, total=False):
    alarmTime: str
    content: str
    hostIp: str
    id: int
    level: str
    module: str


@with_config(CLOSED)
class AlarmHistoryVO(TypedDict, total=False):
    content: str
    createTime: str
    hostIp: str
    id: int
    level: str
    module: str


@with_config(CLOSED)
class AlarmCodeVO(TypedDict, total=False):
    checkTimes: int
    code: str
    enable: int
    id: int
    level: str
    module: str
    pushMethod: str
    thresholdType: str
    thresholdValue: int


@with_config(CLOSED)
class TerminalVO(TypedDict, total=False):
    bandwidthLimit: int
    clientType: str
    clientVersion: str
    cpu: str
    frameRate: int
    id: str
    ipMac: str
    linkShutdown: int
    memory: int
    offlineTime: str
    online: int
    onlineTime: str
    osInfo: str
    requestIp: str
    socksProxy: int
    spiceDecodePixFormat: int
    spiceDecodeQuality: int
    spiceDecodeSpeed: int
    spiceDecodeType: int
    spiceEncodeFormat: int
    spiceGameMode: int
    spiceMouseMode: int
    usbRedirectOption: int
    user: str


@with_config(CLOSED)
class TerminalGroupVO(TypedDict, total=False):
    id: str
    name: str
    remark: str
    terminalCount: int


@with_config(CLOSED)
class TerminalGetConfigRsp(TypedDict, total=False):
    code: int
    config: str


@with_config(CLOSED)
class UsbInfoVO(TypedDict, total=False):
    domainName: str
    hostId: str
    ip: str
    memo2: str
    own: str
    poolId: str
    product: str
    productId: str
    usbName: str
    vendor: str
    vendorId: str


@with_config(CLOSED)
class OperationLogVO(TypedDict, total=False):
    createTime: str
    fromIp: str
    id: str
    isSuccess: int
    operateContent: str
    operateType: str
    username: str


@with_config(CLOSED)
class AccessLogVO(TypedDict, total=False):
    domainId: str
    domainName: str
    id: int
    ip: str
    mac: str
    offlineTime: str
    onlineTime: str
    username: str


@with_config(CLOSED)
class LoginappLoginLogVO(TypedDict, total=False):
    action: str
    createTime: str
    id: int
    ip: str
    loginResult: int
    mac: str
    remark: str
    systemVersion: str
    terminalType: str
    username: str


@with_config(CLOSED)
class LoginAppReportDto(TypedDict, total=False):
    count: int
    date: str


@with_config(CLOSED)
class OvsVO(TypedDict, total=False):
    createTime: str
    id: str
    name: str
    remark: str
    vmcId: str


@with_config(CLOSED)
class VlanVO(TypedDict, total=False):
    createTime: str
    dns1: str
    dns2: str
    freeIpCount: int
    gateway: str
    id: str
    ipBegin: str
    ipEnd: str
    mask: str
    mode: int
    name: str
    ovsId: str
    type: int
    value: str
    vmCount: int
