"""What counts as a difference between a platform and its hypervisors, with both sides made up."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

import pytest

from ATPLibrary.errors import HostError, PlatformError
from ATPLibrary.orchestrator.consistency import differences
from ATPLibrary.orchestrator.consistency.report import Comparison, Difference
from ATPLibrary.orchestrator.consistency.sides import Devices, Hypervisors, PlatformDevices, PlatformSide
from ATPLibrary.orchestrator.platform_hosts import KnownHost
from ATPLibrary.transport.domain_state import VmState
from ATPLibrary.transport.inventory import DeviceFacts, DiskFacts, VmFacts
from ATPLibrary.vdi.shapes.hosts import Host
from ATPLibrary.vdi.shapes.vm_devices import Disk, Nic
from ATPLibrary.vdi.shapes.vms import Vm

pytestmark = pytest.mark.unit

GIB = 2**30


def vm(number: int, **more: Any) -> Vm:
    """A running VM of host h1 with one processor and 96 MiB."""
    values = {"id": f"id-{number}", "name": f"vm-{number}", "status": 1, "hostId": "h1", "cpu": 1, "memory": 96}
    return Vm(**{**values, **more})


def facts(number: int, **more: Any) -> VmFacts:
    """The same as its hypervisor sees it."""
    values = {
        "name": f"vm-{number}",
        "uuid": f"ID-{number}",
        "state": VmState.RUNNING,
        "processors": 1,
        "memory_mib": 96,
    }
    return VmFacts(**{**values, **more})


def platform(vms: Iterable[Vm], *, whole: bool = True, others: Iterable[str] = (), **hosts: Any) -> PlatformSide:
    """A platform of hosts h1 (rack-1) and h2 (rack-2), whose statuses may be named: `h2=3` is off line."""
    listed = {
        id_: Host(id=id_, name=f"rack-{id_[1]}", ip=f"192.0.2.{id_[1]}", status=hosts.get(id_, 1))
        for id_ in ("h1", "h2")
    }
    homes: Mapping[str, KnownHost | None] = {id_: KnownHost(host.name, "ip") for id_, host in listed.items()}
    return PlatformSide("lab", listed, homes, list(vms), frozenset(others), whole)


def there(*first: VmFacts, second: Iterable[VmFacts] = (), **errors: str) -> Hypervisors:
    vms = {"rack-1": first, "rack-2": tuple(second)}
    known = {name: {each.uuid.lower(): each for each in on} for name, on in vms.items()}
    failed = {name.replace("_", "-"): HostError(text) for name, text in errors.items()}
    return Hypervisors({name: on for name, on in known.items() if name not in failed}, failed)


def about_vms(side: PlatformSide, asked: Hypervisors) -> list[tuple[str, str, object, object]]:
    return [(each.subject, each.field, each.platform, each.hypervisor) for each in differences.of_vms(side, asked)]


CONFIGURED = {"rack-1": "192.0.2.1", "rack-2": "192.0.2.2"}


def about_hosts(
    side: PlatformSide, asked: Hypervisors, configured: dict[str, str] | None = None
) -> list[tuple[str, str, object, object]]:
    found = differences.of_hosts(side, asked, CONFIGURED if configured is None else configured)
    return [(each.subject, each.field, each.platform, each.hypervisor) for each in found]


@pytest.mark.parametrize(
    ("status", "states"),
    [
        (0, {VmState.SHUTOFF, VmState.CRASHED}),
        (1, {VmState.RUNNING, VmState.BLOCKED}),
        (2, {VmState.PAUSED, VmState.SUSPENDED}),
        (5, set()),
        (6, set(VmState)),
        (9, set()),
        (None, set()),
    ],
)
def test_each_of_the_vendor_s_codes_agrees_with_its_states_and_no_other(
    status: int | None, states: set[VmState]
) -> None:
    for state in VmState:
        found = about_vms(platform([vm(1, status=status)]), there(facts(1, state=state)))
        assert (found == []) == (state in states), state


def test_what_is_in_transition_is_marked_so_that_it_is_looked_at_again() -> None:
    def passing(status: int, state: VmState) -> list[bool]:
        found = differences.of_vms(platform([vm(1, status=status)]), there(facts(1, state=state)))
        return [each.is_passing for each in found]

    assert passing(5, VmState.RUNNING) == [True]
    assert passing(1, VmState.SHUTDOWN) == [True]
    assert passing(1, VmState.SHUTOFF) == [False]


def test_a_status_is_told_in_words_also_one_that_nobody_knows() -> None:
    assert about_vms(platform([vm(1, status=0)]), there(facts(1))) == [("VM 'vm-1'", "status", "shut off", "running")]
    assert about_vms(platform([vm(1, status=9)]), there(facts(1))) == [("VM 'vm-1'", "status", "code 9", "running")]
    assert about_vms(platform([vm(1, status=None)]), there(facts(1))) == [("VM 'vm-1'", "status", "unknown", "running")]


def test_cpu_and_memory_are_compared_and_what_the_platform_leaves_out_is_not() -> None:
    assert about_vms(platform([vm(1, cpu=2, memory=128)]), there(facts(1))) == [
        ("VM 'vm-1'", "cpu", 2, 1),
        ("VM 'vm-1'", "memory", 128, 96),
    ]
    assert about_vms(platform([vm(1, cpu=None, memory=None)]), there(facts(1))) == []


def test_uuids_are_compared_without_regard_to_case_and_names_are_the_platform_s_own() -> None:
    assert about_vms(platform([vm(1, id="ID-1", name="销售一号")]), there(facts(1))) == []


def test_a_vm_that_is_on_one_side_only_is_named_with_what_the_other_says() -> None:
    assert about_vms(platform([vm(1), vm(2, status=0)]), there(facts(1), facts(3, state=VmState.PAUSED))) == [
        ("VM 'vm-2'", "domain", "shut off", "missing"),
        ("VM 'vm-3'", "domain", "not managed", "paused"),
    ]


def test_models_and_what_is_in_the_recycle_bin_are_known_to_the_platform() -> None:
    assert about_vms(platform([vm(1)], others=["id-3"]), there(facts(1), facts(3))) == []


def test_other_domains_are_no_question_where_some_desktops_only_are_compared() -> None:
    assert about_vms(platform([vm(1)], whole=False), there(facts(1), facts(3))) == []


def test_a_vm_on_another_host_than_the_platform_says_is_one_difference_and_is_compared_there() -> None:
    found = about_vms(platform([vm(1, cpu=4)]), there(second=[facts(1)]))
    assert found == [("VM 'vm-1'", "host", "rack-1", "rack-2"), ("VM 'vm-1'", "cpu", 4, 1)]


def test_a_vm_that_two_hosts_have_names_both_and_is_compared_where_it_is_on() -> None:
    off = facts(1, state=VmState.SHUTOFF)
    assert about_vms(platform([vm(1)]), there(off, second=[facts(1)])) == [
        ("VM 'vm-1'", "host", "rack-1", "rack-1 (shutoff), rack-2 (running)")
    ]
    assert about_vms(platform([vm(1, status=0)]), there(off, second=[off])) == [
        ("VM 'vm-1'", "host", "rack-1", "rack-1 (shutoff), rack-2 (shutoff)")
    ]


def test_a_name_that_belongs_to_another_uuid_is_one_difference_not_two() -> None:
    assert about_vms(platform([vm(1)]), there(facts(1, uuid="ID-9"))) == [("VM 'vm-1'", "uuid", "id-1", "ID-9")]


def test_a_name_that_belongs_to_another_of_the_platform_s_vms_leaves_the_vm_missing() -> None:
    side = platform([vm(1), vm(2, name="other")])
    assert about_vms(side, there(facts(1, uuid="ID-2"))) == [("VM 'vm-1'", "domain", "running", "missing")]


def test_the_vms_of_a_host_that_can_t_be_asked_are_not_missing() -> None:
    side = platform([vm(1), vm(2, hostId="h2")])
    asked = there(facts(1), rack_2="Host 'rack-2' refused.")
    assert about_vms(side, asked) == []
    assert about_hosts(side, asked) == [
        ("Host 'rack-2'", "connection", "enabled", "unreachable (Host 'rack-2' refused)")
    ]


def test_a_vm_without_a_host_that_no_hypervisor_has_is_missing() -> None:
    for host in (None, "h9"):
        side = platform([vm(1, hostId=host, hostName="gone"), vm(2)])
        assert about_vms(side, there(facts(2))) == [("VM 'vm-1'", "domain", "running", "missing")]
        asked = there(facts(2), rack_2="no route to it")
        assert about_vms(side, asked) == [("VM 'vm-1'", "domain", "running", "on no host that answers")]
        # One that is off may be on the host that can't be asked.
        assert about_vms(platform([vm(1, hostId=host, status=0), vm(2)]), asked) == []


@pytest.mark.parametrize(("status", "told"), [(0, None), (None, None), (1, "running"), (2, "suspended")])
def test_what_the_platform_claims_of_a_vm_on_a_host_that_it_calls_dead_is_a_difference(
    status: int | None, told: str | None
) -> None:
    asked = there(rack_2="no route to it")
    one = vm(1, hostId="h2", status=status)
    claimed = [("VM 'vm-1'", "status", told, "unknown: its host is offline")] if told else []
    assert about_vms(platform([one], h2=3), asked) == claimed
    # Of a desktop that was asked for nothing is known, which is no agreement.
    (asked_for,) = about_vms(platform([one], whole=False, h2=3), asked)
    assert asked_for[3] == "unknown: its host is offline"


def test_a_vm_of_a_dead_host_that_runs_on_another_is_found_there() -> None:
    side = platform([vm(1, hostId="h2")])
    assert about_vms(side, there(facts(1), rack_2="dead")) == [("VM 'vm-1'", "host", "rack-2", "rack-1")]


@pytest.mark.parametrize(("status", "is_difference"), [(0, True), (1, True), (2, False), (3, False)])
def test_a_host_that_the_platform_calls_closed_or_off_line_need_not_answer(status: int, is_difference: bool) -> None:
    found = about_hosts(platform([], h2=status), there(rack_2="no route to it"))
    assert bool(found) == is_difference


def test_a_host_that_is_off_line_to_the_platform_and_answers_is_a_difference() -> None:
    assert about_hosts(platform([], h2=3), there()) == [("Host 'rack-2'", "status", "offline", "connected")]


def test_a_host_that_one_side_lacks_is_named_by_the_side_that_has_it() -> None:
    side = platform([])
    unknown = PlatformSide("lab", side.hosts, {**side.homes, "h2": None}, [], frozenset(), True)
    assert about_hosts(unknown, there(), {"rack-1": "192.0.2.1", "rack-9": ""}) == [
        ("Host 'rack-2'", "host", "listed at 192.0.2.2", "not configured"),
        ("Host 'rack-9'", "host", "not listed", "connected"),
    ]


def test_a_host_with_another_address_than_ours_is_a_difference_in_its_ip() -> None:
    side = platform([])
    by_name = PlatformSide("lab", side.hosts, {**side.homes, "h1": KnownHost("rack-1", "name")}, [], frozenset(), True)
    assert about_hosts(by_name, there(), CONFIGURED | {"rack-1": "198.51.100.1"}) == [
        ("Host 'rack-1'", "ip", "192.0.2.1", "198.51.100.1")
    ]


def test_only_the_hosts_of_the_desktops_are_compared_where_some_desktops_are() -> None:
    assert about_hosts(platform([vm(1)], whole=False), there(rack_2="dead")) == []


# -- disks and network cards


def about_devices(
    told: PlatformDevices | PlatformError, here: DeviceFacts, **more: Any
) -> list[tuple[str, object, object]]:
    devices = Devices({"id-1": told}, {"id-1": here})
    found = differences.of_devices(vm(1, **more), "rack-1", devices, facts(1))
    return [(each.field, each.platform, each.hypervisor) for each in found]


def disk(path: str | None, size: int | None = 1) -> Disk:
    return Disk(id=str(path), path=path, size=size)


def here(
    *disks: tuple[str, int | None], macs: tuple[str, ...] = (), processors: int = 1, memory: int = 96
) -> DeviceFacts:
    return DeviceFacts(
        tuple(DiskFacts(f"vd{n}", path, capacity) for n, (path, capacity) in enumerate(disks)), macs, processors, memory
    )


def listed(*disks: Disk, macs: Iterable[str] = ()) -> PlatformDevices:
    return PlatformDevices(disks, [Nic(mac=mac) for mac in macs])


def test_disks_agree_by_path_and_by_size_in_whole_gigabytes() -> None:
    assert about_devices(listed(disk("/d//a"), disk("/d/b", 2)), here(("/d/a", GIB), ("/d/b", GIB + 1))) == []
    assert about_devices(listed(disk("/d/a", 2)), here(("/d/a", GIB))) == [("disk /d/a", "2 GB", "1073741824 bytes")]


def test_a_disk_that_one_side_lacks_is_named_with_the_counts() -> None:
    assert about_devices(listed(disk("/d/a"), disk("/d/b")), here(("/d/a", GIB))) == [
        ("disks", 2, 1),
        ("disk /d/b", "1 GB", "not attached"),
    ]
    assert about_devices(listed(disk("/d/a")), here(("/d/a", GIB), ("/d/c", 5))) == [
        ("disks", 1, 2),
        ("disk /d/c", "not listed", "5 bytes"),
    ]


def test_where_the_platform_tells_no_paths_only_the_count_is_compared() -> None:
    assert about_devices(listed(disk(None)), here(("/d/a", GIB))) == []
    assert about_devices(listed(disk(None)), here()) == [("disks", 1, 0)]


def test_a_capacity_that_nobody_tells_is_no_difference() -> None:
    assert about_devices(listed(disk("/d/a", None)), here(("/d/a", GIB))) == []
    assert about_devices(listed(disk("/d/a")), here(("/d/a", None))) == []


def test_mac_addresses_are_compared_in_any_order_and_case() -> None:
    assert about_devices(listed(macs=["52:54:00:AA:00:02", "52:54:00:aa:00:01"]),
                         here(macs=("52:54:00:aa:00:01", "52:54:00:aa:00:02"))) == []  # fmt: skip
    assert about_devices(listed(macs=["52:54:00:aa:00:01"]), here()) == [("macs", "52:54:00:aa:00:01", "none")]


def test_what_a_running_vm_will_start_with_is_compared_too() -> None:
    assert about_devices(listed(), here(processors=4, memory=256)) == [
        ("cpu at next start", 1, 4),
        ("memory at next start", 96, 256),
    ]
    # Changed through the platform and not yet in effect: what it has now is the difference, of which `of_vms` tells.
    assert about_devices(listed(), here(processors=4), cpu=4) == []


def test_devices_that_the_platform_can_t_tell_are_no_difference() -> None:
    assert about_devices(PlatformError("no"), here(("/d/a", 1))) == []


# -- the outcome


def test_the_outcome_names_the_first_few_and_counts_the_rest() -> None:
    many = [Difference(f"VM 'vm-{n}'", f"id-{n}", "rack-1", "status", "running", "shutoff") for n in range(5)]
    outcome = Comparison("lab", ["rack-1", "rack-2"], [(f"vm-{n}", "rack-1") for n in range(1000)], many, [])
    assert str(outcome) == "Platform 'lab' and hypervisors differ in 5 about 1,000 VMs on 2 hosts."
    assert outcome.first().startswith(
        "VM 'vm-0' on host 'rack-1': status is running to the platform, shutoff to the hypervisor; VM 'vm-1'"
    )
    assert outcome.first().endswith("; and 2 more")
    told = outcome.as_json()
    assert (told["agree"], len(told["differences"])) == (False, 5)
    assert told["differences"][0] == {
        "subject": "VM 'vm-0'", "id": "id-0", "host": "rack-1", "field": "status", "platform": "running",
        "hypervisor": "shutoff",
    }  # fmt: skip
    assert told["hosts"] == ["rack-1", "rack-2"]
    assert told["vms"][999] == {"name": "vm-999", "host": "rack-1"}


def test_nothing_compared_is_no_agreement() -> None:
    outcome = Comparison("lab", [], [], [], ["1 VMs, whose hosts can't be asked: 'vm-1'"])
    assert (outcome.agree, outcome.as_json()["agree"]) == (False, False)
    assert str(outcome) == "Platform 'lab' and hypervisors: nothing was compared, neither a VM nor a host."
    assert Comparison("lab", ["rack-1"], [], [], []).agree  # a platform without VMs, and its host has none either


def test_the_rows_have_every_host_and_vm_or_the_different_ones_only() -> None:
    one = Difference("VM 'vm-1'", "id-1", "rack-2", "host", "rack-1", "rack-2")
    outcome = Comparison("lab", ["rack-1"], [("vm-0", "rack-1"), ("vm-1", "rack-1")], [one], [])
    assert outcome.rows(only_different=True) == [("VM 'vm-1'", "rack-2", "host", "rack-1", "rack-2")]
    assert outcome.rows()[1:] == [
        ("Host 'rack-1'", "rack-1", "", "same", "same"),
        ("VM 'vm-0'", "rack-1", "", "same", "same"),
    ]
