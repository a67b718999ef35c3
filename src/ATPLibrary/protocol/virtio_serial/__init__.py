"""virtio-serial: named byte streams between the host and a VM, with no network in the guest.

`open_channel` opens one by its name ("com.vmagent.sock") and gives a `ByteChannel`.
"""

from __future__ import annotations

from ATPLibrary.protocol.virtio_serial.opening import Mode, open_channel

__all__ = ["Mode", "open_channel"]
