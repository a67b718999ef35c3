"""Faults of docs/input-faults.md in a real guest: its agent stopped and overrun, its clock set, somebody else at its keyboard."""

from __future__ import annotations

import json
import re
import time
from typing import Any

import pytest

from ATPLibrary.errors import InputError, VerificationError
from ATPLibrary.orchestrator.held_input import let_go_of_everything
from ATPLibrary.verifier import InputReport

from .test_faults_vms import TEXT, Desk, one_desk, workspace  # noqa: F401

pytestmark = pytest.mark.e2e

AGENT = "$(cat /run/atp-agent.pid)"
# Has the device of its argument to itself (EVIOCGRAB) until it is ended.
GRAB = (
    "import fcntl, os, sys, time; fd = os.open(sys.argv[1], os.O_RDONLY); fcntl.ioctl(fd, 0x40044590, 1); "
    'print("grabbed", flush=True); time.sleep(600)'
)
SHORT = TEXT[:2500]  # its end is seconds away when the fault is made
TAP = [{"type": "key", "data": {"down": down, "key": {"type": "qcode", "data": "z"}}} for down in (True, False)]


async def somebody_else_taps(desk: Desk, times: int, bunches: int = 1) -> None:
    """On a connection of their own, as another run would."""
    import libvirt_qemu

    command = json.dumps({"execute": "input-send-event", "arguments": {"events": TAP * times}})

    def tap(vm: Any) -> None:
        for _ in range(bunches):
            libvirt_qemu.qemuMonitorCommand(vm, command, 0)
            time.sleep(0.03)  # so that the keyboard's own queue is read out between

    await desk.elsewhere(tap)


def _sentence(report: InputReport) -> str:
    with pytest.raises(VerificationError) as caught:
        report.raise_if_bad(must_be_verified=True)
    return str(caught.value)


async def test_keys_that_somebody_else_sends_are_duplicated_and_not_the_texts(one_desk: Desk) -> None:  # noqa: F811
    report = await one_desk.interrupted(lambda: somebody_else_taps(one_desk, 1), within=40, text=SHORT)
    assert report.duplicated == 2
    assert "A duplicated edge was seen more often than it was sent" in _sentence(report)
    await one_desk.is_well()


async def test_a_key_that_somebody_else_holds_refuses_the_text_and_is_let_go_of(one_desk: Desk) -> None:  # noqa: F811
    import libvirt_qemu

    press = {"type": "key", "data": {"down": True, "key": {"type": "qcode", "data": "shift"}}}
    command = json.dumps({"execute": "input-send-event", "arguments": {"events": [press]}})
    await one_desk.elsewhere(lambda vm: libvirt_qemu.qemuMonitorCommand(vm, command, 0))
    with pytest.raises(InputError, match=r"shift is down in the guest and no keyword here holds it; nothing was sent"):
        await one_desk.type("hello")
    pointer = await one_desk.machine.pointer(20)
    with pytest.raises(InputError, match=r"Left click .*shift is down in the guest and no keyword here holds it"):
        await pointer.click()
    (await pointer.move(0.5, 0.5)).raise_if_bad(must_be_verified=True)
    assert [held.partition(" of ")[0] for held in await one_desk.machine.held_keys(10)] == ["shift"]
    done = await let_go_of_everything(one_desk.machine, 20)
    assert (done.ours, done.others, done.unknown_because) == ([], ["shift"], "")
    await one_desk.is_well()


async def test_a_program_that_has_the_keyboard_to_itself_is_named(one_desk: Desk) -> None:  # noqa: F811
    keyboard = next(each for each in (await one_desk.machine.agent(20)).devices.values() if each.keyboard)
    pid = await one_desk.run(f"/usr/bin/python3.11 -c '{GRAB}' {keyboard.path} >/tmp/grabs 2>&1 & echo $!")
    try:
        await one_desk.run("until grep -q grabbed /tmp/grabs; do sleep 0.1; done")
        with pytest.raises(VerificationError, match=rf"python3.11 \(process {pid}\) in the guest has .* to itself"):
            await one_desk.type("hello")
    finally:
        await one_desk.run(f"kill {pid}; rm /tmp/grabs")
    await one_desk.is_well()


async def test_an_agent_that_is_stopped_is_called_frozen(one_desk: Desk) -> None:  # noqa: F811
    error = await one_desk.interrupted(lambda: one_desk.run(f"kill -STOP {AGENT}"), within=15)
    await one_desk.run(f"kill -CONT {AGENT}")
    assert isinstance(error, VerificationError)
    assert "the agent has its port open and stopped answering: it is frozen" in str(error)
    await one_desk.is_well()


async def test_what_the_kernel_dropped_while_the_agent_stood_still_is_unknown(one_desk: Desk) -> None:  # noqa: F811
    async def overrun() -> None:
        await one_desk.run(f"kill -STOP {AGENT}")
        await somebody_else_taps(one_desk, 3, bunches=12)  # its buffer takes some twenty edges
        await one_desk.run(f"kill -CONT {AGENT}")

    report = await one_desk.interrupted(overrun, within=40, text=SHORT)
    assert isinstance(report, InputReport), report
    assert report.observer_overrun > 0
    assert "(SYN_DROPPED)" in _sentence(report)
    await one_desk.is_well()


@pytest.mark.parametrize(("step", "way"), [("+ 3600", "forwards"), ("- 3600", "backwards")])
async def test_a_clock_that_is_set_changes_no_verdict_and_is_told(one_desk: Desk, step: str, way: str) -> None:  # noqa: F811
    async def set_clock() -> None:
        await one_desk.run(f"date -s @$(( $(date +%s) {step} ))")

    report = await one_desk.interrupted(set_clock, within=40, text=SHORT)
    assert isinstance(report, InputReport), report
    report.raise_if_bad(must_be_verified=True)
    # `date` is given whole seconds, and a busy guest takes its time between the two.
    assert re.search(rf"the guest's clock was set {way} by 3(59\d|60\d)\.\d s", report.sentence())
    assert -5 < report.latency.percentile(50) < 5000, "measured on the clock that can't be set"
    await one_desk.is_well()
