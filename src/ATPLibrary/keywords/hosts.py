"""Keywords about hosts: the hypervisor machines, each reached through one libvirt URI."""

from __future__ import annotations

from datetime import timedelta

from robot.api import logger
from robot.api.deco import keyword

from ATPLibrary.keywords.component import Component


class HostKeywords(Component):
    @keyword(tags=["Host"])
    def connect_to_host(self, host: str, uri: str | None = None, timeout: timedelta | None = None) -> None:
        """Connects to a hypervisor host, and fails with one sentence when it can't be reached.

        Use it first when a suite shall fail early if a host is down. Other keywords connect to configured hosts by
        themselves when they need them.

        - ``host``: the name of a host in the configuration, or any name together with ``uri``.
        - ``uri``: a libvirt URI, for a host that is not in the configuration.
        - ``timeout``: how long to try; by default ``timeouts.connect`` of the configuration (30 s).

        Example:
        | Connect To Host    lab-a
        | Connect To Host    old-server    uri=qemu+tcp://192.0.2.10/system    timeout=10 s
        """
        seconds = self.seconds(timeout, "connect")
        connection = self.wait(self.workspace.host(host, seconds, uri), seconds, f"Connecting to host '{host}'")
        logger.info(f"Connected to host '{connection.name}' at {connection.uri}.")

    @keyword(tags=["Host"])
    def disconnect_from_host(self, host: str, timeout: timedelta | None = None) -> None:
        """Closes the connection to a host and to its VMs. It is opened again when a keyword needs it.

        - ``host``: the name that the host was connected by.
        - ``timeout``: how long closing may take; by default ``timeouts.connect`` of the configuration.

        Example:
        | Connect To Host    lab-a
        | Disconnect From Host    lab-a
        """
        seconds = self.seconds(timeout, "connect")
        self.wait(self.workspace.disconnect_host(host, seconds), seconds, f"Disconnecting from host '{host}'")
        logger.info(f"Disconnected from host '{host}'.")

    @keyword(tags=["Host"])
    def get_hosts(self) -> list[str]:
        """Returns the names of the hosts that are known: those of the configuration and those connected by URI.

        Example:
        | @{hosts} =    Get Hosts
        | Should Not Be Empty    ${hosts}
        """
        return sorted({*self.workspace.config.hosts, *self.workspace.transport.hosts})
