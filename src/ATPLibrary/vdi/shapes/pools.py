"""Resource pools: hosts of one architecture that share VMs and storage."""

from __future__ import annotations

from typing import Annotated

from pydantic import Field

from ATPLibrary.vdi.codes import PoolStatus
from ATPLibrary.vdi.shapes.base import LENIENT, Request, VendorModel

PoolStatusCode = Annotated[PoolStatus | int, LENIENT]


class Pool(VendorModel):
    """`PoolVO`: `cpu_over` and `memory_over` are how far processors and memory may be promised more than once."""

    id: str
    name: str
    status: PoolStatusCode | None = None
    arch: str | None = None
    cpu_over: int | None = None
    memory_over: int | None = None
    vmc_id: str | None = None
    create_time: str | None = None


class PoolFilter(Request):
    """The filters of `GET /pool`."""

    name: str | None = None
    statuses: list[PoolStatus] | None = Field(default=None, serialization_alias="statusList")
    archs: list[str] | None = Field(default=None, serialization_alias="archList")
    vmc_id: str | None = None


class AllPoolsFilter(Request):
    """The filters of `GET /pool/all`."""

    name: str | None = None
    vmc_id: str | None = None


class NewPool(Request):
    """`PoolAddDto`: a pool for hosts of one architecture in one data centre."""

    name: str
    arch: str
    vmc_id: str


class PoolChange(Request):
    """`PoolUpdateDto`: what is to be another; what is left out stays."""

    name: str | None = None
    status: PoolStatus | None = None
    cpu_over: int | None = None
    memory_over: int | None = None
