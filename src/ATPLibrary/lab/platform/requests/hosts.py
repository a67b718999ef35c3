"""Hosts and resource pools."""

from __future__ import annotations

from ATPLibrary.lab.platform.requests.base import Flag, Name, Number, Request, Text


class HostSetStatusDto(Request):
    status: Flag


class HostSetDomainLimitDto(Request):
    limit: Number


class HostSetExtranetIpDto(Request):
    ip: Text | None = None
    ipV6: Text | None = None


class HostAddToPoolDto(Request):
    poolId: Text


class PoolAddDto(Request):
    arch: Text
    name: Name
    vmcId: Text


class PoolUpdateDto(Request):
    cpuOver: Number | None = None
    memoryOver: Number | None = None
    name: Name | None = None
    status: Flag | None = None
