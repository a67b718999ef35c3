"""The dashboard: counts by state, and how busy hosts and storage are."""

from __future__ import annotations

from pydantic import Field

from ATPLibrary.vdi.shapes.base import Request, VendorModel


class AlarmCount(VendorModel):
    """`PanelAlarmNumberVO`."""

    number: int | None = None


class VmCounts(VendorModel):
    """`PanelPoolDomainNumberVO`: VMs by what they do."""

    running: int | None = None
    closed: int | None = Field(default=None, alias="close")
    suspended: int | None = Field(default=None, alias="suspend")
    asleep: int | None = Field(default=None, alias="dormancy")
    busy: int | None = Field(default=None, alias="doing")


class HostCounts(VendorModel):
    """`PanelPoolHostNumberVO`: hosts by state."""

    running: int | None = None
    closed: int | None = Field(default=None, alias="close")
    maintenance: int | None = Field(default=None, alias="maintain")
    offline: int | None = None


class PoolCounts(VendorModel):
    """`PanelPoolNumberVO`: resource pools by state."""

    running: int | None = None
    maintenance: int | None = Field(default=None, alias="maintain")


class StoragePoolCounts(VendorModel):
    """`PanelStoragePoolNumberVO`: storage pools by state."""

    running: int | None = None
    closed: int | None = Field(default=None, alias="close")


class TerminalCounts(VendorModel):
    """`PanelTerminalNumberVO`."""

    online: int | None = None
    offline: int | None = None
    total: int | None = None


class Carbon(VendorModel):
    """`PanelCarbonVO`: what the VMs have saved against machines; the vendor's document names no units."""

    base_line: str | None = None
    machine_value: str | None = None
    total_carbon: int | None = None
    total_number: int | None = Field(default=None, alias="totalNum")
    total_time: str | None = None


class StorageUsage(VendorModel):
    """`PanelStoragePoolSpaceVO`: what of a storage pool is really taken; the vendor's document names no unit."""

    storage_pool_name: str | None = None
    capacity: int | None = None
    allocation: int | None = None
    available: int | None = None


class Performance(VendorModel):
    """`RunningHostPerformanceVO`: all running hosts together.

    `user`, `kernel`, `iowait` and `idle` are the processors' time, `total`, `free`, `buffers` and `cached` the memory, as Linux
    counts them.
    """

    user: int | None = None
    kernel: int | None = None
    iowait: int | None = None
    idle: int | None = None
    total: int | None = None
    free: int | None = None
    buffers: int | None = None
    cached: int | None = None


class HostPerformance(Performance):
    """`HostPerformanceVO`: one host (`host_id`) at one moment."""

    id: int | None = None
    host_id: str | None = Field(default=None, alias="uuid")
    host_name: str | None = None
    create_time: str | None = None


class Period(Request):
    """From when to when, as the platform writes times: "2024-01-31 08:00:00"."""

    begin_time: str
    end_time: str
