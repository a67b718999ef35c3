"""The devices that come with the package: a keyboard, a disk from an image file, a serial line."""

from ATPLibrary.protocol.usbredir.devices.keyboard import UsbKeyboard
from ATPLibrary.protocol.usbredir.devices.serial_line import UsbSerialLine
from ATPLibrary.protocol.usbredir.devices.storage import DiskImage, UsbStorage

__all__ = ["DiskImage", "UsbKeyboard", "UsbSerialLine", "UsbStorage"]
