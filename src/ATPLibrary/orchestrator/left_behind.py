"""Keys that were down in a VM that refused their release when it was disconnected: let go of when it is connected again."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple

from ATPLibrary.events import Event

if TYPE_CHECKING:
    from ATPLibrary.events import EventBus
    from ATPLibrary.orchestrator.machine import Machine


class StillDown(NamedTuple):
    """`names` in words, `releases` as QMP events."""

    names: list[str]
    releases: list[dict[str, Any]]


class LeftBehind:
    """Of one workspace, by the VMs' UUIDs: a VM that is paused or hangs takes no release."""

    def __init__(self, bus: EventBus) -> None:
        self._bus = bus
        self._releases: dict[str, list[dict[str, Any]]] = {}

    def keep(self, machine: Machine, down: StillDown) -> None:
        """After a disconnect: a warning in the log says what stays down."""
        if not down.releases:
            return
        self._releases[machine.uuid] = down.releases
        names = {"names": ", ".join(down.names)}
        notice = (
            f"VM '{machine.name}' was disconnected while down there was: {names['names'] or 'what an earlier connection held'}. It "
            "took no release, as it is paused or its QEMU doesn't answer. Connect it again in this run, and that is let go of "
            "as soon as it runs."
        )
        self._bus.publish(Event(machine.source, "input.left_behind", names, notice=notice, is_warning=True))

    def hand_over(self, machine: Machine) -> None:
        """To the machine of a VM that is connected again."""
        if (releases := self._releases.pop(machine.uuid, None)) is not None:
            machine.engines.left_down = releases
            machine.letting_go.soon()
