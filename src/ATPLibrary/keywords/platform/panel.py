"""Keywords about the platform's dashboard: counts by state, and how busy hosts and storage are."""

from __future__ import annotations

import enum
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any

from robot.api.deco import keyword

from ATPLibrary.errors import InputError
from ATPLibrary.keywords.platform.fields import value_of
from ATPLibrary.keywords.platform.getting import getter, lister
from ATPLibrary.keywords.platform.looking import Looking
from ATPLibrary.keywords.platform.times import period

if TYPE_CHECKING:
    from ATPLibrary.vdi import VdiClient
    from ATPLibrary.vdi.shapes.panel import HostPerformance

GETTER = ("Dashboard", "Getter")


class CountOf(enum.Enum):
    """What the platform counts."""

    DESKTOPS = "desktops"
    HOSTS = "hosts"
    RESOURCE_POOLS = "resource_pools"
    STORAGE_POOLS = "storage_pools"
    TERMINALS = "terminals"
    ALARMS = "alarms"


class PanelKeywords(Looking):
    @getter("The platform's count of {what}", tags=GETTER, such="==    2")
    async def get_platform_counts(self, client: VdiClient, seconds: float, what: CountOf) -> Any:
        """Returns how many there are by state, or one of the numbers.

        The fields: of ``desktops`` ``running``, ``closed``, ``suspended``, ``asleep``, ``busy``; of ``hosts`` ``running``,
        ``closed``, ``maintenance``, ``offline``; of ``resource pools`` ``running``, ``maintenance``; of ``storage pools``
        ``running``, ``closed``; of ``terminals`` ``online``, ``offline``, ``total``; of ``alarms`` ``number``.

        - ``what``: what is counted.

        Example:
        | Log In To Platform
        | Get Platform Counts    hosts    running    ==    2
        | Get Platform Counts    desktops    running    >=    10    timeout=2 min
        | ${counts} =    Get Platform Counts    storage pools
        | Log    ${counts.running}
        """
        return await _counts(client, what, seconds)

    @keyword(tags=["Dashboard", "Assertion"])
    def platform_counts_should_be(self, what: CountOf, timeout: timedelta | None = None, **counts: int) -> None:
        """Fails unless the platform counts as expected, all at once. With ``timeout`` it is waited for.

        - ``what``: what is counted.
        - ``timeout``: how long to wait for it; without it, it is checked once.
        - ``counts``: how many there should be, by the fields of `Get Platform Counts`. What isn't named isn't checked.

        Example:
        | Log In To Platform
        | Platform Counts Should Be    hosts    running=2    maintenance=0
        | Platform Counts Should Be    desktops    running=3    suspended=0    timeout=1 min
        """
        subject = f"The platform's count of {what.value.replace('_', ' ')}"
        if not counts:
            raise InputError(f"{subject}: nothing is expected. Say a number, such as running=2.")

        async def look(client: VdiClient, seconds: float) -> tuple[bool | None, str]:
            now = await _counts(client, what, seconds)
            found = {name: value_of(subject, now, name) for name in counts}
            return found == counts, f"has {_told(found)}"

        self.should(subject, f"have {_told(counts)}", look, timeout)

    @getter("The running hosts' performance", tags=GETTER, such=">    1000000")
    async def get_platform_performance(self, client: VdiClient, seconds: float) -> Any:
        """Returns how busy the running hosts are now, all together, or one number of it, as Linux counts it.

        The fields: ``user``, ``kernel``, ``iowait``, ``idle`` (the processors' time), ``total``, ``free``, ``buffers``, ``cached``
        (the memory; the lab's is in KiB).

        Example:
        | Log In To Platform
        | Get Platform Performance    free    >    0
        """
        return await client.panel.performance(timeout=seconds)

    @lister("measurements", tags=GETTER)
    async def get_platform_host_performance(
        self,
        client: VdiClient,
        seconds: float,
        host: str | None = None,
        *,
        begin: datetime | None = None,
        end: datetime | None = None,
    ) -> list[HostPerformance]:
        """Returns how busy hosts were: the measurements that the platform has of a span of time.

        Each has ``host_id``, ``host_name``, ``create_time``, and the fields of `Get Platform Performance`.

        - ``host``: the host's name or id; by default all hosts.
        - ``begin``: from when, such as ``2025-01-31 08:00:00``; by default an hour ago.
        - ``end``: until when; by default now.

        Example:
        | Log In To Platform
        | @{measured} =    Get Platform Host Performance    lab-a    begin=2025-01-31 08:00:00
        """
        since, until = period(begin, end)
        if host is None:
            return [*await client.panel.all_hosts_performance(since, until, timeout=seconds)]
        found = await client.hosts.find(host, timeout=seconds)
        return [*await client.panel.host_performance(found.id, since, until, timeout=seconds)]

    @getter("The platform's storage", tags=GETTER, such=">    10000000000")
    async def get_platform_storage_usage(self, client: VdiClient, seconds: float) -> Any:
        """Returns what of the platform's storage is taken, as its dashboard says, or one number of it. The lab counts in bytes.

        The fields: ``storage_pool_name``, ``capacity``, ``allocation`` (what is taken), ``available``.

        Example:
        | Log In To Platform
        | Get Platform Storage Usage    available    >    0
        """
        return await client.panel.storage_usage(timeout=seconds)

    @getter("The platform's carbon savings", tags=GETTER, such=">    0")
    async def get_platform_carbon_savings(self, client: VdiClient, seconds: float) -> Any:
        """Returns what the desktops have saved against machines, as the dashboard says, or one number of it.

        The fields: ``base_line``, ``machine_value``, ``total_carbon``, ``total_number``, ``total_time``, in the platform's units.

        Example:
        | Log In To Platform
        | Get Platform Carbon Savings    total_number    >=    0
        """
        return await client.panel.carbon(timeout=seconds)


async def _counts(client: VdiClient, what: CountOf, seconds: float) -> Any:
    match what:
        case CountOf.DESKTOPS:
            return await client.panel.vms(timeout=seconds)
        case CountOf.HOSTS:
            return await client.panel.hosts(timeout=seconds)
        case CountOf.RESOURCE_POOLS:
            return await client.panel.pools(timeout=seconds)
        case CountOf.STORAGE_POOLS:
            return await client.panel.storage_pools(timeout=seconds)
        case CountOf.TERMINALS:
            return await client.panel.terminals(timeout=seconds)
        case CountOf.ALARMS:
            return {"number": await client.panel.alarms(timeout=seconds)}


def _told(counts: dict[str, int]) -> str:
    return ", ".join(f"{name}={number}" for name, number in counts.items())
