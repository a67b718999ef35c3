"""Which of a VM's mice takes a button: QEMU gives it to the one that is current, whether that one has such a button or not."""

from __future__ import annotations

import contextlib
from collections.abc import AsyncIterator, Collection
from typing import TYPE_CHECKING

from ATPLibrary.verifier.sending import COMMAND_TIMEOUT, shielded

if TYPE_CHECKING:
    from ATPLibrary.protocol.qmp import Qmp

# The USB tablet has three buttons and one wheel (its HID descriptor); what else it is given is dropped without a word.
USB_TABLET = "QEMU HID Tablet"
NOT_ON_USB_TABLET = frozenset({"side", "extra", "wheel-left", "wheel-right"})


@contextlib.asynccontextmanager
async def mouse_for(qmp: Qmp, buttons: Collection[str]) -> AsyncIterator[None]:
    """While this lasts, a mouse that has all `buttons` is the current one, if the VM has such a mouse.

    `input-send-event` can't name a device without a display, so the current mouse is changed by HMP's `mouse_set`, and
    changed back. Absolute motions still go to the tablet, as only that takes them.
    """
    if not NOT_ON_USB_TABLET.intersection(buttons):
        yield
        return
    mice = await qmp.execute("query-mice", timeout=COMMAND_TIMEOUT)
    current = next((mouse for mouse in mice if mouse["current"]), None)
    other = next((mouse for mouse in mice if not mouse["absolute"]), None)
    if current is None or other is None or current["name"] != USB_TABLET:
        yield
        return
    await _choose(qmp, other["index"])
    try:
        yield
    finally:
        await shielded(_choose(qmp, current["index"]))


async def _choose(qmp: Qmp, index: int) -> None:
    await qmp.execute("human-monitor-command", {"command-line": f"mouse_set {index}"}, timeout=COMMAND_TIMEOUT)
