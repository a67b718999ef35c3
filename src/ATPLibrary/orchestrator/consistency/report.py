"""The outcome of a comparison: each difference by subject, field, and what either side says."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import Any

# How many differences a sentence names.
NAMED = 3

Value = str | int | None


@dataclass(frozen=True, slots=True)
class Difference:
    """What platform and hypervisor say of one `field` of one `subject` ("VM 'sales-1'", "Host 'rack-1'").

    `id` is the VM's UUID or the platform's id of the host; `host` where it is, by our name, else by the platform's. The fields
    of a VM: "domain" (one side lacks it), "host", "uuid", "status", "cpu", "memory" (MiB), "disks" (how many), "disk PATH"
    (its size, the platform's in GB and the hypervisor's in bytes), "macs", and "cpu at next start", "memory at next start". Those
    of a host: "host" (one side lacks it), "connection", "status", "ip".
    """

    subject: str
    id: str
    host: str
    field: str
    platform: Value
    hypervisor: Value
    is_passing: bool = False  # an operation is under way on it: it may be over at the next look

    def __str__(self) -> str:
        where = f" on host '{self.host}'" if self.host and not self.subject.startswith("Host ") else ""
        return f"{self.subject}{where}: {self.field} is {self.platform} to the platform, {self.hypervisor} to the hypervisor"

    @property
    def key(self) -> tuple[str, str]:
        return self.id or self.subject, self.field

    @property
    def row(self) -> tuple[str, str, str, str, str]:
        """Subject, host, field, the platform's value, the hypervisor's."""
        return self.subject, self.host, self.field, str(self.platform), str(self.hypervisor)


COLUMNS = ("subject", "host", "field", "platform", "hypervisor")


@dataclass(frozen=True, slots=True)
class Comparison:
    """`hosts` and `vms` are the names of those that were compared, each VM with its host by the platform; `not_compared` has a
    sentence for each thing that could not be.
    """

    platform: str
    hosts: Sequence[str]
    vms: Sequence[tuple[str, str]]
    differences: Sequence[Difference]
    not_compared: Sequence[str]

    @property
    def agree(self) -> bool:
        """Whether something was compared, and nothing of it differs."""
        return not self.differences and not self.is_empty

    @property
    def is_empty(self) -> bool:
        """Whether there was nothing that could be compared, which is no agreement."""
        return not self.hosts and not self.vms

    def __str__(self) -> str:
        compared = f"{_count(len(self.vms), 'VM')} on {_count(len(self.hosts), 'host')}"
        if self.agree:
            return f"Platform '{self.platform}' and hypervisors agree about {compared}."
        if not self.differences:
            return f"Platform '{self.platform}' and hypervisors: nothing was compared, neither a VM nor a host."
        return f"Platform '{self.platform}' and hypervisors differ in {len(self.differences)} about {compared}."

    def first(self) -> str:
        """The first few differences, for a sentence."""
        more = len(self.differences) - NAMED
        named = "; ".join(str(each) for each in self.differences[:NAMED])
        return f"{named}{f'; and {more} more' if more > 0 else ''}"

    def rows(self, *, only_different: bool = False) -> list[tuple[str, str, str, str, str]]:
        """A row for each difference, by `COLUMNS`; and one that says "same" for each host and VM that has none."""
        rows = [each.row for each in self.differences]
        if only_different:
            return rows
        compared = [(f"Host '{name}'", name) for name in self.hosts] + [(f"VM '{vm}'", host) for vm, host in self.vms]
        subjects = {row[0] for row in rows}
        return rows + [(subject, host, "", "same", "same") for subject, host in compared if subject not in subjects]

    def as_json(self) -> dict[str, Any]:
        differences = [
            {name: value for name, value in asdict(each).items() if name != "is_passing"} for each in self.differences
        ]
        return {
            "platform": self.platform,
            "agree": self.agree,
            "hosts": list(self.hosts),
            "vms": [{"name": name, "host": host} for name, host in self.vms],
            "differences": differences,
            "not_compared": list(self.not_compared),
        }


def _count(number: int, what: str) -> str:
    return f"{number:,} {what}{'' if number == 1 else 's'}"
