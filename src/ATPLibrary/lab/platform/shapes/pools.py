"""Desk pools and models."""

from __future__ import annotations

from pydantic import with_config
from typing_extensions import TypedDict

from ATPLibrary.lab.platform.shapes.base import CLOSED


@with_config(CLOSED)
class ModelVO0(TypedDict, total=False):
    id: str
    name: str


@with_config(CLOSED)
class ModelVO(TypedDict, total=False):
    id: str
    name: str
    active: int
    cpu: int
    cores: int
    sockets: int
    threads: int
    memory: int
    osType: str
    osName: str
    remark: str


@with_config(CLOSED)
class DesktopPoolVO(TypedDict, total=False):
    id: str
    name: str
    type: int
    status: int
    enabled: int
    amount: int
    usedAmount: int
    domainPrefix: str
    classNo: str
    forceFreeze: int
    modelId: str
    modelList: list[ModelVO0]
    curModelId: str
    curModelName: str
    groupNameList: list[str]
    remark: str


@with_config(CLOSED)
class DeskPoolVgpuCountVO(TypedDict, total=False):
    id: str
    name: str
    total: int
    vGpuCount: int


@with_config(CLOSED)
class ModelUpgradeVO(TypedDict, total=False):
    hostId: str
    id: str
    ip: str


@with_config(CLOSED)
class ModelShareVO(TypedDict, total=False):
    sharePassword: str
    shareUrl: str


@with_config(CLOSED)
class SyncModelVO(TypedDict, total=False):
    modelId: str
    modelName: str
    hostId: str
    ip: str
    path: str
    id: str
    filename: str
    storagePoolId: str
    storagePoolName: str
