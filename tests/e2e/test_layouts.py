"""Text typed into a real guest of another keyboard layout: what a program there read from its terminal is that text."""

from __future__ import annotations

import pytest
from resources.console_keymaps import console_keymap

from ATPLibrary.protocol.qga import GuestFiles, open_qga
from ATPLibrary.verifier import InputReport, Layout

from .test_typing import Connected, connected

pytestmark = pytest.mark.e2e

SECONDS = 30.0
# Umlauts, dead keys, the third level, digits behind shift; one layout a keyboard.
TEXTS = [
    ("de", "ps2", "Grüße, Köln! ÄÖÜ ß € @ µ {[]}\\ | ~ ^ é ô"),
    ("fr", "virtio", "Où êtes-vous ? C'est l'été, ça ! 1234 àéèùç ô ï € @ # [] {}"),
    ("ch", "usb", "Zürich à é è ç ñ ô € @ # | ~ {}"),
]
# A terminal of its own in front, where nothing but this program reads the keyboard.
READER = """
rm -f /tmp/read*
openvt -c 2 -s sh -c ': >/tmp/reading; IFS= read -r line; printf %s "$line" >/tmp/read'
until [ -e /tmp/reading ]; do usleep 20000; done
"""


async def read_back(vm: Connected, text: str, layout: Layout, *, caps: bool = False) -> tuple[str, InputReport]:
    """What a program in the guest read of a typed text, and the report about it. `caps`: with Caps Lock on."""
    qga = await open_qga(vm.domain, SECONDS)
    try:
        assert (await qga.exec(READER, timeout=SECONDS)).exit_code == 0
        if caps:  # each terminal has lock keys of its own
            assert await vm.typing.set_lock_keys({"caps": True}, SECONDS) == ["caps"]
        report = await vm.typing.type_text(f"{text}\n", layout=layout)
        assert (await vm.session.lock_keys(SECONDS))["caps"] is caps
        if caps:  # the terminal would keep it for its next user, whose keymap may have no key for it
            assert await vm.typing.set_lock_keys({"caps": False}, SECONDS) == ["caps"]
        ended = await qga.exec(
            "until [ -s /tmp/read ]; do usleep 20000; done; cat /tmp/read; rm /tmp/read*", timeout=SECONDS
        )
        return ended.stdout, report
    finally:
        await qga.exec("chvt 1", timeout=SECONDS)  # also where nothing came to be read: others type into the first one
        await qga.close()


@pytest.mark.parametrize(("name", "keyboard", "text"), TEXTS)
async def test_a_program_in_a_guest_of_that_layout_reads_what_was_typed(
    name: str, keyboard: str, text: str, request: pytest.FixtureRequest
) -> None:
    async with connected(request.getfixturevalue(f"{keyboard}_vm")) as vm:
        qga = await open_qga(vm.domain, SECONDS)
        try:
            assert (await qga.exec("dumpkmap </dev/tty1 >/tmp/before.bmap", timeout=SECONDS)).exit_code == 0
            await GuestFiles(qga).write("/tmp/layout.bmap", console_keymap(name), timeout=SECONDS)
            assert (await qga.exec("loadkmap </tmp/layout.bmap", timeout=SECONDS)).exit_code == 0
            try:
                got, report = await read_back(vm, text, Layout(name))
                report.raise_if_bad(must_be_verified=True)
                assert got == text
                # And it was the layout: the same keys on another one write something else.
                got, report = await read_back(vm, "Zyx;", Layout("us"))
                report.raise_if_bad(must_be_verified=True)
                assert got != "Zyx;"
            finally:
                await qga.exec("loadkmap </tmp/before.bmap; rm /tmp/*.bmap", timeout=SECONDS)
        finally:
            await qga.close()


@pytest.mark.parametrize("keyboard", ["ps2", "usb", "virtio"])
async def test_with_caps_lock_on_a_program_in_the_guest_reads_what_was_meant(
    keyboard: str, request: pytest.FixtureRequest
) -> None:
    async with connected(request.getfixturevalue(f"{keyboard}_vm")) as vm:
        got, report = await read_back(vm, "Hello, World", Layout(), caps=True)
        report.raise_if_bad(must_be_verified=True)
        assert got == "Hello, World"
        assert "Caps Lock was on" in report.note
