"""The base of all scripted USB devices: answers what every device must, and leaves the rest to its subclass.

A device of one's own is a subclass with a `description` and the handlers that it needs:

    class Button(UsbDevice):
        def __init__(self):
            super().__init__(DeviceDescription(0x1209, 1, (Configuration((Interface(0, 0xFF, endpoints=(...,)),)),)))

        def control(self, setup, data):       # a class's or vendor's request on endpoint 0
            return b"answer" if setup.request == 1 else super().control(setup, data)
"""

from __future__ import annotations

import enum
from collections.abc import Callable
from dataclasses import dataclass

from ATPLibrary.protocol.usbredir.descriptors import Configuration, DeviceDescription, Endpoint, active
from ATPLibrary.protocol.usbredir.packets import IN

_TYPE, _STANDARD = 0x60, 0x00
_RECIPIENT, _TO_ENDPOINT = 0x1F, 2


class Request(enum.IntEnum):
    """Standard requests. Source: USB 2.0, table 9-4."""

    GET_STATUS = 0
    CLEAR_FEATURE = 1
    SET_FEATURE = 3
    GET_DESCRIPTOR = 6


class DescriptorType(enum.IntEnum):
    """Source: USB 2.0, table 9-5."""

    DEVICE = 1
    CONFIGURATION = 2
    STRING = 3
    DEVICE_QUALIFIER = 6
    OTHER_SPEED_CONFIGURATION = 7


_ENDPOINT_HALT = 0


class Stall(Exception):
    """The device refuses: the guest sees a stalled endpoint."""


@dataclass(frozen=True, slots=True)
class Setup:
    """A control request. `length` is how many bytes the guest sends, or takes at most."""

    request_type: int
    request: int
    value: int
    index: int
    length: int

    @property
    def is_incoming(self) -> bool:
        return bool(self.request_type & IN)


class UsbDevice:
    """One device. Its handlers run where its packets arrive: they don't wait.

    `configured` is the active configuration's value, 0 before. `is_driven` once a driver in the guest has spoken with it beyond
    what the guest's USB core asks of every device.
    """

    # What a tester calls it; and the guest's driver for it, as Linux names it.
    kind = "device"
    driver = ""

    def __init__(self, description: DeviceDescription) -> None:
        self.description = description
        self.configured = 0
        self.alternates: dict[int, int] = {}
        self.halted: set[int] = set()
        self.is_driven = False
        self.tell: Callable[[int], None] = lambda endpoint: None  # set by who speaks for it: an endpoint has something

    # What a subclass does otherwise.

    def control(self, setup: Setup, data: bytes) -> bytes:
        """A class's or vendor's request. Returns what is sent to the guest, b"" for an outgoing one. `Stall` refuses."""
        raise Stall

    def receive(self, endpoint: int, data: bytes) -> None:
        """What the guest sends to an outgoing endpoint. `Stall` refuses."""
        raise Stall

    def take(self, endpoint: int, size: int) -> bytes | None:
        """Up to `size` bytes for an incoming endpoint; None while there is nothing, until `tell(endpoint)`. `Stall` refuses."""
        return None

    def reset(self) -> None:
        """The guest resets it: as if it had just been plugged in."""

    def started(self, endpoint: int) -> None:
        """The guest listens to an incoming interrupt or isochronous endpoint from now on."""

    # What every device does.

    @property
    def configuration(self) -> Configuration | None:
        return self.description.configuration(self.configured)

    def endpoint(self, address: int) -> Endpoint | None:
        """The endpoint of that address in the active configuration."""
        found = active(self.configuration, self.alternates)
        return next((each for interface in found for each in interface.endpoints if each.address == address), None)

    def handle_control(self, setup: Setup, data: bytes) -> bytes:
        """Any request but those that usbredir has packets of its own for."""
        if setup.request_type & _TYPE != _STANDARD:
            self.is_driven = True
            return self.control(setup, data)[: setup.length]
        to_endpoint = setup.request_type & _RECIPIENT == _TO_ENDPOINT
        endpoint = setup.index & 0xFF
        match setup.request:
            case Request.GET_DESCRIPTOR:
                return self.descriptor(setup.value >> 8, setup.value & 0xFF)[: setup.length]
            case Request.GET_STATUS:
                return bytes([to_endpoint and endpoint in self.halted, 0])[: setup.length]
            case Request.CLEAR_FEATURE | Request.SET_FEATURE if to_endpoint and setup.value == _ENDPOINT_HALT:
                if setup.request == Request.SET_FEATURE:
                    self.halted.add(endpoint)
                else:
                    self.halted.discard(endpoint)
                    self.unhalted(endpoint)
                return b""
            case Request.CLEAR_FEATURE | Request.SET_FEATURE:
                return b""  # remote wake-up and test modes: taken, and without effect
        return self.control(setup, data)[: setup.length]

    def unhalted(self, endpoint: int) -> None:
        """The guest has cleared an endpoint's stall."""

    def descriptor(self, type: int, index: int) -> bytes:
        """Answers GET_DESCRIPTOR. A subclass adds its own types (a HID's report) and asks this for the rest."""
        text: bytes | None = None
        match type:
            case DescriptorType.DEVICE:
                text = self.description.descriptor
            case DescriptorType.CONFIGURATION | DescriptorType.OTHER_SPEED_CONFIGURATION:
                if index < len(self.description.configurations):
                    own = self.description.configurations[index].descriptor
                    text = own[:1] + bytes([type]) + own[2:]
            case DescriptorType.STRING:
                text = self.description.string(index)
            case DescriptorType.DEVICE_QUALIFIER:
                text = self.description.qualifier
        if text is None:
            raise Stall
        return text

    def restart(self) -> None:
        """As it was when it was plugged in."""
        self.configured = 0
        self.alternates = {}
        self.halted = set()
        self.reset()
