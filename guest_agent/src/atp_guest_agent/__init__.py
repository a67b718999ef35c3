"""The ATP guest agent: reports from inside a VM which keys, buttons and motions its kernel saw, and when.

One process, one epoll loop, no dependencies. It speaks the ATPLibrary project's agent protocol, version 1, over a
virtio-serial port (or a UNIX socket, or a serial line).
"""

__version__ = "0.1.0"
PROTOCOL = 1
