"""USB devices that are made here and plugged into a VM: the usbredir protocol's device side, without I/O.

`packets` is the codec, `host` the state machine that speaks for one device, `descriptors` what a device says it is, `device` the
base of all devices, `devices/` the keyboard, the disk and the serial line that come with the package. Nothing here knows SPICE:
whoever has a stream of usbredir (a SPICE channel, a socket) feeds it in.
"""

from ATPLibrary.protocol.usbredir.descriptors import Configuration, DeviceDescription, Endpoint, Interface, TransferType
from ATPLibrary.protocol.usbredir.device import Setup, Stall, UsbDevice
from ATPLibrary.protocol.usbredir.host import UsbHost, UsbState

__all__ = [
    "Configuration",
    "DeviceDescription",
    "Endpoint",
    "Interface",
    "Setup",
    "Stall",
    "TransferType",
    "UsbDevice",
    "UsbHost",
    "UsbState",
]
