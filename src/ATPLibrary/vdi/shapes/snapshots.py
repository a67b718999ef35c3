"""Snapshots of VMs."""

from __future__ import annotations

from typing import Annotated

from pydantic import Field

from ATPLibrary.vdi.codes import VmStatus
from ATPLibrary.vdi.shapes.base import LENIENT, Request, VendorModel


class Snapshot(VendorModel):
    """`DomainSnapshotVO`: a snapshot of a VM; `vm_status` is what the VM was doing when it was taken.

    `vm_xml` and `xml` are libvirt's descriptions of the VM and of the snapshot. `is_freeze` 1 is a restore point, `is_terminal`
    1 one that the user took.
    """

    id: str
    name: str | None = None
    vm_id: str | None = Field(default=None, alias="domainId")
    vm_status: Annotated[VmStatus | int, LENIENT] | None = Field(default=None, alias="domainStatus")
    vm_xml: str | None = Field(default=None, alias="domainXml")
    xml: str | None = Field(default=None, alias="snapXml")
    path: str | None = None
    is_freeze: int | None = None
    is_terminal: int | None = None
    create_time: str | None = None


class SnapshotFilter(Request):
    """The filter of `GET /domain/{id}/snapshot`: part of the name."""

    keyword: str | None = None


class SnapshotRequest(Request):
    """`SnapshotCreateDto`."""

    name: str
