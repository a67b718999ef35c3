"""Keywords about hosts: the hypervisor machines, each reached through one libvirt URI."""

from __future__ import annotations

import dataclasses
from datetime import timedelta
from typing import TYPE_CHECKING, Any

from robot.api import logger
from robot.api.deco import keyword
from robot.api.types import Secret

from ATPLibrary.errors import InputError
from ATPLibrary.keywords.assertions import Operator, check, holds, in_words
from ATPLibrary.keywords.component import Component, in_seconds
from ATPLibrary.transport.host_state import HostState
from ATPLibrary.transport.selection import Strategy

if TYPE_CHECKING:
    from ATPLibrary.transport import HostConnection


class HostKeywords(Component):
    @keyword(tags=["Host"])
    def add_host(
        self,
        host: str,
        uri: str,
        tags: list[str] | None = None,
        username: str | None = None,
        password: Secret | None = None,
    ) -> None:
        """Makes a hypervisor host known for this run; it is connected when a keyword needs it. One in the configuration needs
        no adding.

        The URI is checked now: a wrong part of it is named, and so is a key, known_hosts or certificate file that isn't there.

        - ``host``: any name that is free.
        - ``uri``: a libvirt URI, such as ``qemu:///system``, ``qemu+tls://192.0.2.10/system`` or ``qemu+ssh://root@192.0.2.10/system``.
        - ``tags``: words that `Choose Host` looks for.
        - ``username``: for a libvirt that asks for it (SASL).
        - ``password``: a secret variable: ``VAR    ${name: secret}    %{ENVIRONMENT_VARIABLE}`` makes one, and so does
          ``robot --variable "name: secret:VALUE"``. Plain text is refused: Robot Framework would show it in the log.

        Example:
        | @{tags} =    Create List    gpu    production
        | VAR    ${password: secret}    %{HOST_PASSWORD=horse-battery}
        | Add Host    rack-7    qemu+tls://192.0.2.10/system    tags=${tags}    username=tester    password=${password}
        """
        from ATPLibrary.secrets import as_secret
        from ATPLibrary.transport import Credentials
        from ATPLibrary.transport.uri import check_local_files

        check_local_files(host, uri)
        user = Credentials(username or "", as_secret(password) if password is not None else None)
        self.workspace.transport.add_host(host, uri, tags=tags or (), credentials=user)
        logger.info(f"Host '{host}' is known as {uri}.")

    @keyword(tags=["Host"])
    def connect_to_host(self, host: str, uri: str | None = None, timeout: timedelta | None = None) -> None:
        """Connects to a hypervisor host, and fails with one sentence when it can't be reached.

        A host that is connected already must answer too. Use it first when a suite shall fail early if a host is down.
        Other keywords connect to configured hosts by themselves when they need them, except to a host that failed several times
        in a row: that one is tried only once in a while (``pool.reconnect`` of the configuration), while this keyword tries at
        once.

        Over SSH the URI names user, port, key and known_hosts: ``qemu+ssh://user@host:22/system?keyfile=/key&known_hosts=/file``.
        What it doesn't name is as in your own SSH. SSH never asks; what it would have asked is said by the error.

        - ``host``: the name of a host in the configuration, or any name together with ``uri``.
        - ``uri``: a libvirt URI, for a host that is not in the configuration.
        - ``timeout``: how long to try; by default ``timeouts.connect`` of the configuration (30 s).

        Example:
        | Connect To Host    lab-a
        | Connect To Host    rack-7    uri=qemu+ssh://root@192.0.2.7:2222/system?keyfile=/home/me/.ssh/rack
        | Connect To Host    old-server    uri=qemu+tcp://192.0.2.10/system    timeout=10 s
        """
        seconds = self.seconds(timeout, "connect")
        if (known := self.workspace.transport.hosts.get(host)) is not None:
            known.forgive()
        reaching = self.workspace.host(host, seconds, uri, must_answer=True)
        connection = self.wait(reaching, seconds, f"Connecting to host '{host}'")
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

    @keyword(tags=["Host", "Getter"])
    def get_hosts(self, *tags: str) -> list[str]:
        """Returns the names of the hosts that are known: those of the configuration, and those added or connected by URI.

        - ``tags``: only hosts that have all of these.

        Example:
        | @{hosts} =    Get Hosts
        | Should Not Be Empty    ${hosts}
        | @{with gpu} =    Get Hosts    gpu    production
        """
        hosts = self.workspace.transport.hosts
        return sorted(name for name, host in hosts.items() if all(tag in host.tags for tag in tags))

    @keyword(tags=["Host", "Getter"])
    def get_host_state(
        self,
        host: str,
        operator: Operator | None = None,
        expected: HostState | None = None,
        timeout: timedelta | None = None,
    ) -> str:
        """Returns the state of the connection to a host, after asserting it if asked to. Connects nothing.

        States are ``new`` (not needed yet), ``connecting``, ``connected``, ``failed`` (lost, or refused; one that was lost is tried
        again by itself), ``broken`` (it failed several times in a row and is tried only once in a while) and ``closed``.

        - ``host``: the name of a host.
        - ``operator`` and ``expected``: an assertion, such as ``==  connected``.
        - ``timeout``: without it the assertion is checked once, now; with it the keyword waits that long for the state.

        Example:
        | Get Host State    lab-a    ==    connected    timeout=1 min
        | ${state} =    Get Host State    lab-a
        """
        connection = self._known(host)
        if operator is not None and expected is not None and timeout is not None:
            seconds = in_seconds(timeout)
            words = in_words(operator, expected.value)
            met = connection.wait_for_state(lambda now: holds(now.value, operator, expected.value), seconds, words)
            self.wait(met, seconds, f"The state of host '{host}'")
        else:
            check(f"Host '{host}'", connection.state.value, operator, expected.value if expected is not None else None)
        reason = f": {connection.failure}" if connection.failure else ""
        logger.info(f"Host '{host}' is {connection.state.value}{reason}.")
        return connection.state.value

    @keyword(tags=["Host"])
    def choose_host(self, *tags: str, strategy: Strategy | None = None, timeout: timedelta | None = None) -> str:
        """Returns the name of a healthy host for new work, connected. Hosts that are drained, can't be reached or don't answer
        are passed over.

        Fails when there is none, and says of each host why.

        - ``tags``: the host must have all of these.
        - ``strategy``: ``round_robin``, ``least_connections`` (the one with the fewest calls under way) or ``random``; by default
          ``pool.selection_strategy`` of the configuration.
        - ``timeout``: by default ``timeouts.connect`` of the configuration (30 s), for all hosts that are tried together.

        Example:
        | ${host} =    Choose Host    production    strategy=least_connections
        | Get VMs    host=${host}
        """
        seconds = self.seconds(timeout, "connect")
        placing = self.workspace.transport.place(tags=tags, strategy=strategy, timeout=seconds)
        name = self.wait(placing, seconds, "Choosing a host").name
        logger.info(f"Chose host '{name}'.")
        return name

    @keyword(tags=["Host"])
    def drain_host(self, host: str) -> None:
        """Gives a host no new work: `Choose Host` passes it over. Its VMs go on, and keywords reach them as before.

        - ``host``: the name of a host.

        Example:
        | Drain Host    lab-a
        | Return Host To Service    lab-a
        """
        self._set_drained(host, True)
        logger.info(f"Host '{host}' takes no new work.")

    @keyword(tags=["Host"])
    def return_host_to_service(self, host: str) -> None:
        """Gives a host new work again, after `Drain Host` or ``drained: true`` in the configuration.

        - ``host``: the name of a host.

        Example:
        | Drain Host    lab-a
        | Return Host To Service    lab-a
        """
        self._set_drained(host, False)
        logger.info(f"Host '{host}' takes new work.")

    @keyword(tags=["Host"])
    def remove_host(self, host: str) -> None:
        """Forgets a host for this run. VMs that are connected through it go on until they are disconnected; then it is closed.

        - ``host``: the name of a host.

        Example:
        | Add Host    rack-7    qemu+tls://192.0.2.10/system
        | Remove Host    rack-7
        """
        workspace = self.workspace

        async def remove() -> bool:
            from ATPLibrary.orchestrator import reload

            gone = workspace.known_host(host)
            del workspace.transport.hosts[host]
            reload.retire(workspace, [gone])
            return gone in workspace.retired

        needed = self.wait(remove(), 5.0, f"Removing host '{host}'")
        logger.info(f"Host '{host}' is not known any more{'; it serves the VMs that are connected' if needed else ''}.")

    @keyword(tags=["Host", "Getter"])
    def get_host_statistics(
        self,
        host: str,
        name: str | None = None,
        operator: Operator | None = None,
        expected: float | None = None,
    ) -> Any:
        """Returns what the connections to a host have done so far: a dictionary, or with ``name`` one of its entries.

        Keys are ``state``, ``drained``, ``connections`` (open now), ``in_flight`` (calls under way), ``requests``,
        ``requests_per_second`` (over the last 10 s), ``errors``, ``mean_ms`` and ``p99_ms`` (of all calls), ``counts``
        (``opened``, ``not_opened``, ``idle_closed``, ``lost``, ``reconnected``, ``retried``, ``heartbeats``: those that are
        not 0), and ``operations``: ``count``, ``requests_per_second``, ``errors``, ``mean_ms`` and ``p99_ms`` by what was
        asked, such as ``list the VMs``, or ``connect``: a failed attempt to connect is an error and no request.

        - ``host``: the name of a host.
        - ``name``: the entry that is wanted.
        - ``operator`` and ``expected``: an assertion about that entry, such as ``<  100``.

        Example:
        | Get VMs    host=lab-a
        | Get Host Statistics    lab-a    requests    >    0
        | Get Host Statistics    lab-a    p99_ms    <    1000
        | ${statistics} =    Get Host Statistics    lab-a
        | Log    ${statistics}[operations][list the VMs][p99_ms] ms
        """
        connection = self._known(host)

        async def of_this_host() -> dict[str, Any]:
            return dataclasses.asdict(connection.statistics())

        statistics = self.wait(of_this_host(), 5.0, f"The statistics of host '{host}'")
        logger.info("\n".join(f"{key}: {value}" for key, value in statistics.items()))
        if name is None:
            return statistics
        if name not in statistics:
            raise InputError(f"Host '{host}' has no number called '{name}': there are {', '.join(statistics)}.")
        check(f"{name} of host '{host}'", statistics[name], operator, expected)
        return statistics[name]

    @keyword(tags=["Host", "Getter"])
    def get_host_events(self, host: str, limit: int = 50) -> list[dict[str, Any]]:
        """Returns what happened to a host lately, oldest first, each a dictionary: how it was lost and came back, for example.

        Its entries: ``time`` (seconds since 1970), ``kind`` and ``reason`` (empty where there is none). Kinds are the states of
        `Get Host State`, ``drained`` and ``in-service``, and of the connections to it ``connection.opened``,
        ``connection.idle-closed``, ``connection.lost`` and ``connection.not-opened``.

        - ``host``: the name of a host.
        - ``limit``: at most so many, the newest.

        Example:
        | Connect To Host    lab-a
        | @{events} =    Get Host Events    lab-a
        | FOR    ${event}    IN    @{events}
        |     Log    ${event}[kind] ${event}[reason]
        | END
        """
        self._known(host)
        events = self.workspace.bus.recent(f"host:{host}", limit)
        logger.info("\n".join(map(str, events)) or f"Nothing has happened to host '{host}' yet.")
        return [
            {"time": each.time, "kind": each.kind.removeprefix("host."), "reason": each.data.get("reason", "")}
            for each in events
        ]

    @keyword(tags=["Host", "Getter"])
    def get_host_metrics(self) -> str:
        """Returns the statistics of all hosts as Prometheus text, to be kept beside the log or pushed to a gateway.

        Example:
        | ${text} =    Get Host Metrics
        | Should Contain    ${text}    atp_host_connections
        """
        from ATPLibrary.transport.prometheus import exposition

        async def all_hosts() -> str:
            return exposition(self.workspace.transport.statistics())

        return self.wait(all_hosts(), 5.0, "The statistics of the hosts")

    def _known(self, host: str) -> HostConnection:
        return self.workspace.known_host(host)

    def _set_drained(self, host: str, drained: bool) -> None:
        self._known(host).drained = drained
