"""Desk pools and models."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import AfterValidator, Field

from ATPLibrary.lab.platform.requests.base import (
    LONGEST_NAME,
    Amount,
    Flag,
    Ids,
    Name,
    Number,
    Request,
    Text,
    check_name,
)


def _prefix(value: str) -> str:
    if len(value) > LONGEST_NAME:
        raise ValueError(f"should have at most {LONGEST_NAME} characters")
    return check_name(value) if value else value


class DeskPoolCreateDto(Request):
    name: Name
    amount: Amount
    type: Literal[0, 1, 2]
    modelId: Text
    domainPrefix: Annotated[Text, AfterValidator(_prefix)] | None = None
    remark: Text = ""
    classNo: Text | None = None
    forceFreeze: Flag = 0


class DeskPoolUpdateDto(Request):
    amount: Amount
    modelId: Text | None = None
    name: Name
    remark: Text | None = None


class DeskPoolRemoveDomainDto(Request):
    domainIdList: Ids
    id: Text


class DeskPoolBindGroupDto(Request):
    groupNameList: Ids
    id: Text


class ModeSwitchReq(Request):
    classNo: Text | None = None
    deskPoolId: Text
    modelId: Text
    task: Number | None = None


class PcieDevicePassInfo(Request):
    addr: Text | None = None
    autoAlloc: Number | None = None
    domainName: Text | None = None
    gpuRate: Text | None = None
    group: Text | None = None
    hardwareProduct: Text | None = None
    hostId: Text | None = None
    ip: Text | None = None
    memo1: Text | None = None
    memoryRate: Text | None = None
    own: Text | None = None
    pageNo: Number | None = None
    pageSize: Number | None = None
    poolId: Text | None = None
    product: Text | None = None
    vendor: Text | None = None
    virtualCard: bool | None = None


class DeskPoolVGpuPassThroughDto(Request):
    graphicsList: list[PcieDevicePassInfo] = Field(max_length=500)
    id: Text
    name: Name
    total: Number
    vGpuCount: Number


class ModelCloneDto(Request):
    amount: Amount
    check: bool | None = None
    name: Name
    storageNameList: list[Text] | None = Field(default=None, max_length=500)


class ModelInfo(Request):
    id: Text | None = None
    ip: Text | None = None
    modelName: Text | None = None
    path: Text | None = None


class ModelSyncDto(Request):
    modelList: list[ModelInfo] = Field(min_length=1, max_length=500)


class ModelShareDto(Request):
    shareCheck: Text | None = None
    shareExp: Text | None = None
    sharePassword: Text | None = None
    shareUrlPrefix: Text | None = None
    validDay: Number | None = None
