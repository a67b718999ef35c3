"""USB devices of the hosts."""

from __future__ import annotations

from pydantic import Field

from ATPLibrary.vdi.codes import UsbRedirection
from ATPLibrary.vdi.shapes.base import Request, VendorModel


class UsbDevice(VendorModel):
    """`UsbInfoVO`: a device that is plugged into a host; `owner` is the VM that has it.

    `way` is "0" where the VM has the device itself (pass-through) and "1" where it is redirected over the network.
    """

    usb_name: str | None = None
    product: str | None = None
    product_id: str | None = None
    vendor: str | None = None
    vendor_id: str | None = None
    owner: str | None = Field(default=None, alias="own")
    vm_name: str | None = Field(default=None, alias="domainName")
    way: str | None = Field(default=None, alias="memo2")
    host_id: str | None = None
    ip: str | None = None
    pool_id: str | None = None


class PassThrough(Request):
    """`UsbPassThroughDto`: a host's device, by name, and the VM that gets it or has it."""

    host_id: str
    usb_name: str
    owner: str | None = Field(default=None, serialization_alias="own")


class Redirect(Request):
    """`UsbRedirectDto`: a host's device over the network to a VM, or back."""

    host_id: str
    host_ip: str
    device_name: str
    vm_id: str = Field(serialization_alias="domainId")
    operation: UsbRedirection = Field(serialization_alias="operate")
