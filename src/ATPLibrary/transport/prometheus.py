"""Host statistics as Prometheus text (the text exposition format, version 0.0.4)."""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence

from ATPLibrary.transport.statistics import HostStatistics

CONTENT_TYPE = "text/plain; version=0.0.4; charset=utf-8"

_Sample = tuple[dict[str, str], float]


def exposition(hosts: Iterable[HostStatistics]) -> str:
    """One family a figure, one sample a host (and operation). Times are seconds, as Prometheus wants them."""
    hosts = list(hosts)
    each = [({"host": host.host}, host) for host in hosts]
    operations = [
        ({"host": host.host, "operation": name}, operation)
        for host in hosts
        for name, operation in host.operations.items()
    ]
    lines = [
        *_family("atp_host_up", "gauge", "1 while the host is connected.",
                 [(labels, float(host.state == "connected")) for labels, host in each]),
        *_family("atp_host_drained", "gauge", "1 while the host takes no new work.",
                 [(labels, float(host.drained)) for labels, host in each]),
        *_family("atp_host_connections", "gauge", "Open libvirt connections.",
                 [(labels, host.connections) for labels, host in each]),
        *_family("atp_host_calls_in_flight", "gauge", "Calls that wait for an answer.",
                 [(labels, host.in_flight) for labels, host in each]),
        *_family("atp_host_connection_events_total", "counter", "What happened to connections.",
                 [({**labels, "event": name}, count) for labels, host in each for name, count in host.counts.items()]),
        *_family("atp_host_errors_total", "counter", "Calls, and attempts to connect, that failed.",
                 [(labels, operation.errors) for labels, operation in operations]),
        "# HELP atp_host_call_duration_seconds How long calls took.",
        "# TYPE atp_host_call_duration_seconds summary",
    ]  # fmt: skip
    for labels, operation in operations:
        name = "atp_host_call_duration_seconds"
        lines.append(_sample(name, {**labels, "quantile": "0.99"}, operation.p99_ms / 1000))
        lines.append(_sample(f"{name}_sum", labels, operation.sum_ms / 1000))
        lines.append(_sample(f"{name}_count", labels, operation.count))
    return "\n".join(lines) + "\n"


def _family(name: str, kind: str, explained: str, samples: Sequence[_Sample]) -> list[str]:
    return [f"# HELP {name} {explained}", f"# TYPE {name} {kind}", *(_sample(name, *sample) for sample in samples)]


def _sample(name: str, labels: dict[str, str], value: float) -> str:
    said = ",".join(f'{label}="{_escaped(text)}"' for label, text in labels.items())
    number = "NaN" if math.isnan(value) else f"{value:.9g}"
    return f"{name}{{{said}}} {number}"


def _escaped(text: str) -> str:
    return text.replace("\\", "\\\\").replace('"', '\\"').replace("\n", "\\n")
