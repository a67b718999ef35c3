"""Typing and pointing into real VMs: every key and motion is proved inside the guest, on each kind of keyboard."""

from __future__ import annotations

import contextlib
import itertools
from collections.abc import AsyncIterator
from typing import Any

import pytest

from ATPLibrary import events
from ATPLibrary.errors import AgentError, VmStateError
from ATPLibrary.protocol.qga import open_qga
from ATPLibrary.protocol.qmp import Qmp, open_qmp
from ATPLibrary.protocol.qmp.edges import EVDEV_OF_QCODE, key_event
from ATPLibrary.protocol.virtio_serial import open_channel
from ATPLibrary.transport import Domain, Transport
from ATPLibrary.verifier import AgentSession, Observation, Part, Pointer, TypingEngine, Verdict
from ATPLibrary.verifier.observation import EV_REL, REL_HWHEEL, REL_WHEEL, REL_X, REL_Y

pytestmark = pytest.mark.e2e

AGENT_CHANNEL = "com.vmagent.sock"
BUSES = {"ps2": "i8042", "usb": "usb", "virtio": "virtio"}
EVERY_CHARACTER = "Hello from ATP! 0123456789 `~!@#$%^&*()-_=+[{]}\\|;:'\",<.>/?\tAbCdEfGhIjKlMnOpQrStUvWxYz\n"


class Connected:
    """A lab VM with all that typing needs."""

    def __init__(self, domain: Domain, qmp: Qmp, session: AgentSession, keyboards: list[str]) -> None:
        self.domain = domain
        self.qmp = qmp
        self.session = session
        self.typing = TypingEngine(qmp, session, keyboards)
        self.pointer = Pointer(qmp, session)

    async def run(self, command: str) -> str:
        """What a command in the guest printed."""
        qga = await open_qga(self.domain, 60)
        try:
            return (await qga.exec(command, timeout=30)).stdout.strip()
        finally:
            await qga.close()


@contextlib.asynccontextmanager
async def connected(vm: Any, mode: Any = "auto") -> AsyncIterator[Connected]:
    transport = Transport(events.bus())
    transport.add_host("here", vm.uri)
    try:
        domain = await transport.find(vm.uuid, timeout=30)
        session = AgentSession(
            lambda: open_channel(domain, AGENT_CHANNEL, timeout=10), vm.name, events.bus(), vm.spec.token
        )
        qmp = await open_qmp(domain, mode)
        try:
            await session.start(60)
            yield Connected(domain, qmp, session, list((await domain.description(10)).keyboards))
        finally:
            await session.close()
            await qmp.close()
    finally:
        await transport.close(5)


@pytest.mark.parametrize("keyboard", ["ps2", "usb", "virtio"])
async def test_every_character_arrives_once_and_in_order_on_every_keyboard(
    keyboard: str, request: pytest.FixtureRequest
) -> None:
    async with connected(request.getfixturevalue(f"{keyboard}_vm")) as vm:
        await vm.typing.press("ctrl+c")
        report = await vm.typing.type_text("#" + EVERY_CHARACTER)
        report.raise_if_bad(must_be_verified=True)
        assert report.verified
        assert report.device == BUSES[keyboard]
        assert report.verdicts == {Verdict.OK: report.edges}
        assert [report.histogram(part).count for part in Part] == [report.edges] * 4
        assert report.clock_error_ms is not None
        slack = report.clock_error_ms / 1000
        for row in report.timeline:
            moments = [moment for moment in (row.injected, row.kernel, row.agent, row.host) if moment is not None]
            assert len(moments) == 4
            assert all(earlier <= later + slack for earlier, later in itertools.pairwise(moments)), row
        assert f"{len(EVERY_CHARACTER) + 1} characters" in report.sentence()
        assert not await vm.session.held_keys(10)


async def test_text_through_libvirt_arrives_just_as_well(ps2_vm: Any) -> None:
    async with connected(ps2_vm, "libvirt") as vm:
        assert vm.qmp.kind == "libvirt"
        report = await vm.typing.type_text("# Through libvirt, too.\n")
        report.raise_if_bad(must_be_verified=True)


async def test_typed_text_does_in_the_guest_what_it_says(ps2_vm: Any) -> None:
    async with connected(ps2_vm) as vm:
        await vm.typing.press("ctrl+c")
        (await vm.typing.type_text('echo "Typed & proved: $((6*7))" > /tmp/typed; sync\n')).raise_if_bad()
        # The shell is the one that reads: ask until it has done so.
        written = await vm.run("until [ -s /tmp/typed ]; do usleep 50000; done; cat /tmp/typed; rm /tmp/typed")
        assert written == "Typed & proved: 42"


@pytest.mark.parametrize("keyboard", ["usb", "virtio"])
async def test_a_held_key_repeats_and_is_let_go(keyboard: str, request: pytest.FixtureRequest) -> None:
    async with connected(request.getfixturevalue(f"{keyboard}_vm")) as vm:
        report = await vm.typing.hold("left", 1.0)
        assert report.verified
        assert report.repeated > 2
        assert (report.lost, report.duplicated, report.reordered) == (0, 0, 0)
        assert not await vm.session.held_keys(10)


async def test_more_keys_than_a_usb_keyboard_can_tell_of_are_all_let_go(usb_vm: Any) -> None:
    async with connected(usb_vm) as vm:
        letters = "abcdefghijklm"
        for down in letters:
            await vm.qmp.execute("input-send-event", {"events": [key_event(down, True)]})
        await vm.session.wait_until_quiet(0.5, 2)
        held = {code for _, code in await vm.session.held_keys(10)}
        assert held == {EVDEV_OF_QCODE[down] for down in letters[:6]}  # of the others the guest isn't told
        await vm.typing.release_others(letters[:6])
        still = {code for _, code in await vm.session.held_keys(10)}
        assert still == held  # seven are down yet, which are more than it tells of
        await vm.typing.release_unseen()
        await vm.session.wait_until_quiet(0.5, 2)
        assert not await vm.session.held_keys(10)
        (await vm.typing.type_text("# again\n")).raise_if_bad(must_be_verified=True)


async def test_the_tablet_moves_clicks_drags_and_scrolls_and_each_is_seen(ps2_vm: Any) -> None:
    async with connected(ps2_vm) as vm:
        pointer = vm.pointer
        assert (await pointer.move(0.25, 0.75)).verified
        # It is there already: proved all the same, by a step away and back.
        again = await pointer.move(0.25, 0.75)
        assert again.verdicts == {Verdict.OK: 2}
        for report in (
            again,
            await pointer.move(0.25, 0.5),  # one axis only
            await pointer.move(639, 479, screen=(640, 480)),
            await pointer.move(0, 0),
            await pointer.click(),
            await pointer.click("right"),
            await pointer.double_click(),
            await pointer.drag(0.5, 0.5, start=(0.1, 0.1)),
            await pointer.scroll(3),
            await pointer.scroll(-2),
        ):
            assert report.verified, report.sentence()
            assert not report.bad
        assert not await vm.session.held_keys(10)
        assert not pointer.buttons_down


async def test_a_relative_motion_is_seen_count_by_count_and_the_wheel_on_both_axes(ps2_vm: Any) -> None:
    """The guest's kernel tells a mouse's own counts: no desktop has speeded them up yet."""
    async with connected(ps2_vm) as vm:
        with vm.session.observations.subscribe() as stream:
            (await vm.pointer.move_by(250, -40)).raise_if_bad(must_be_verified=True)
            (await vm.pointer.scroll(2)).raise_if_bad(must_be_verified=True)
            (await vm.pointer.scroll(-3, horizontal=True)).raise_if_bad(must_be_verified=True)
            seen = [each for each in stream.take() if isinstance(each, Observation) and each.type == EV_REL]
        sums = {
            code: sum(each.value for each in seen if each.code == code)
            for code in (REL_X, REL_Y, REL_WHEEL, REL_HWHEEL)
        }
        assert sums == {REL_X: 250, REL_Y: -40, REL_WHEEL: 2, REL_HWHEEL: -3}


async def test_a_pointer_whose_place_is_unknown_is_found_again(ps2_vm: Any) -> None:
    """Whatever the guest's pointer is at, and whoever moved it there, a motion is proved on both axes."""
    async with connected(ps2_vm) as vm:
        assert (await vm.pointer.move(0.5, 0.5)).verified
        for _ in range(2):
            report = await Pointer(vm.qmp, vm.session).move(0.5, 0.5)
            assert report.verified
            assert report.verdicts == {Verdict.OK: 2}


async def test_a_paused_vm_refuses_input_and_types_again_when_resumed(running_vm: Any) -> None:
    async with connected(running_vm("virtio")) as vm:
        # Just booted: the guest may not have set up its keyboard yet, and still nothing is lost.
        (await vm.typing.type_text("# before\n")).raise_if_bad(must_be_verified=True)
        await vm.domain.suspend(10)
        with pytest.raises(VmStateError, match="is paused, and nothing was sent"):
            await vm.typing.type_text("x")
        await vm.domain.resume(10)
        (await vm.typing.type_text("# after\n")).raise_if_bad(must_be_verified=True)


async def test_with_the_agent_stopped_a_verified_key_fails_and_says_why_and_works_when_it_is_back(
    running_vm: Any,
) -> None:
    async with connected(running_vm("ps2")) as vm:
        assert await vm.run("atp-agent stop") == "stopped"
        with pytest.raises(AgentError, match=r"said bye.*atp-agent status"):
            await vm.typing.type_text("x")
        assert vm.typing.last_report is not None
        assert vm.typing.last_report.edges == 0
        assert not vm.typing.last_report.verified
        assert await vm.run("atp-agent start") == "started"
        await vm.session.wait_ready(30)
        (await vm.typing.type_text("# back\n")).raise_if_bad(must_be_verified=True)
