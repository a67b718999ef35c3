"""What `atp lab status` says: the lab as it is at this moment, and what is wrong with it."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import Any, Literal

Condition = Literal["down", "starting", "up", "stopping", "broken"]


@dataclass(frozen=True)
class HostStatus:
    """One host. `vms` maps each VM's name to its state; None when the host didn't answer."""

    name: str
    uri: str
    ip: str
    running: bool
    vms: dict[str, str] | None


@dataclass(frozen=True)
class LabStatus:
    """`broken` means that something runs or is left but not all that should; `problems` says what, one sentence each."""

    condition: Condition
    directory: str
    problems: tuple[str, ...] = ()
    accelerator: str = ""
    accelerator_reason: str = ""
    url: str = ""
    hosts: tuple[HostStatus, ...] = ()
    processes: tuple[dict[str, int | str], ...] = ()
    notes: tuple[str, ...] = ()  # what this machine keeps the lab from doing

    def as_json(self) -> dict[str, Any]:
        return asdict(self)

    def lines(self) -> list[str]:
        """The same for people, a line each."""
        lines = [f"Lab {self.condition} ({self.directory})"]
        if self.url:
            lines.append(f"  platform     {self.url}")
        if self.accelerator:
            lines.append(f"  accelerator  {self.accelerator}: {self.accelerator_reason}")
        for host in self.hosts:
            if host.vms is None:
                vms = "does not answer" if host.running else "not running"
            else:
                vms = ", ".join(f"{name} ({state})" for name, state in sorted(host.vms.items())) or "no VMs"
            lines.append(f"  host         {host.name}  {host.ip}  {vms}")
        lines += [f"  note         {note}" for note in self.notes]
        lines += [f"  problem      {problem}" for problem in self.problems]
        return lines
