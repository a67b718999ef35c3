"""Keys and buttons that are down in a guest before an input begins, and that nobody here holds: they would make another of it."""

from __future__ import annotations

import time
from collections.abc import Callable, Collection, Iterable, Mapping
from typing import TYPE_CHECKING

from ATPLibrary.errors import InputError
from ATPLibrary.protocol.qmp.edges import EVDEV_OF_QCODE
from ATPLibrary.verifier.diagnosis import remedy
from ATPLibrary.verifier.key_names import is_button, key_name
from ATPLibrary.verifier.keys import MODIFIERS
from ATPLibrary.verifier.observation import BROWSER, EV_KEY, RELEASED, ObserverOverrun
from ATPLibrary.verifier.pointer_units import BUTTONS

if TYPE_CHECKING:
    from ATPLibrary.verifier.session import AgentSession
    from ATPLibrary.verifier.stream import ObservationStream

# A key that somebody taps is up again after this, and what was sent before has arrived.
PATIENCE = 1.0
MODIFIER_CODES = frozenset(EVDEV_OF_QCODE[qcode] for qcode in MODIFIERS if qcode in EVDEV_OF_QCODE)
MOUSE_BUTTONS = frozenset(BUTTONS.values())
# Whether a key or button that is down makes something else of an input: the session, the device's id and the code.
Minds = Callable[["AgentSession", int, int], bool]


def changes_text(session: AgentSession, number: int, code: int) -> bool:
    """A modifier does on whatever device; other keys where they could be typed: a machine's power button is none of them."""
    device = session.devices.get(number)
    return code in MODIFIER_CODES or ((device is None or device.keyboard) and not is_button(code))


def changes_clicks(_session: AgentSession, _number: int, code: int) -> bool:
    """A modifier does, and a button that is down already: then it is a drag."""
    return code in MODIFIER_CODES or code in MOUSE_BUTTONS


def changes_motions(_session: AgentSession, _number: int, code: int) -> bool:
    """A button that is down does: then it is a drag."""
    return code in MOUSE_BUTTONS


async def refuse_others_keys(
    session: AgentSession,
    stream: ObservationStream,
    what: str,
    *,
    ours: Collection[int],
    timeout: float,
    shown: Callable[[int], str] = key_name,
    minds: Minds = changes_text,
    held: frozenset[tuple[int, int]] | None = None,
) -> bool:
    """Return when nothing is down that the input `minds`, but `ours` (codes); `InputError` that names the rest when it stays down,
    or says why the agent doesn't know what is down, asked again and again.

    Whether something was, and so may have changed more than that.

    `held` is the agent's word on what is down, where it was asked since `stream` began.
    What `stream` holds afterwards came later: a key that goes down from now on is seen in it.
    """
    end, has_waited = time.monotonic() + PATIENCE, False
    while down := await _others_down(session, stream, what=what, ours=ours, timeout=timeout, minds=minds, told=held):
        held, has_waited = None, True
        left = end - time.monotonic()
        if left <= 0:
            is_one = len(down) == 1
            raise InputError.about(
                _subject(what, session),
                wanted="begin with nothing down that others hold",
                got=f"did not: {', '.join(map(shown, sorted(down)))} {'is' if is_one else 'are'} down in the guest and no "
                f"keyword here holds {'it' if is_one else 'them'}; nothing was sent",
                waited=PATIENCE,
                next_step="Let go of what is down with 'Release All Keys', or see who holds it (a console, another run)",
            )
        await stream.next_batch(left)
    return has_waited


def refuse_what_is_up(
    session: AgentSession,
    stream: ObservationStream,
    what: str,
    releases: Mapping[int, str],
    *,
    held: frozenset[tuple[int, int]],
) -> None:
    """`InputError` where the guest has one of `releases` (code -> name) up already: its release would be seen by nobody.

    `held` is the agent's word on what is down, asked since `stream` began. What was seen until now is taken out of `stream`: it
    proves nothing of what comes. Where the observer can't know, nothing is refused.
    """
    down, missed = _as_seen(held, stream)
    codes = {code for _, code in down}
    up = [name for code, name in releases.items() if code not in codes]
    if not up or missed is not None or _is_page(session):
        return
    raise InputError.about(
        _subject(what, session),
        wanted="let go of what is down in the guest",
        got=f"did not: {', '.join(up)} {'is' if len(up) == 1 else 'are'} up in it already, so nothing can prove this release",
        next_step="See who else types there (a console, another run), and which input before this one failed",
    )


def _as_seen(
    told: Iterable[tuple[int, int]], stream: ObservationStream
) -> tuple[set[tuple[int, int]], ObserverOverrun | None]:
    """What is down by the agent's word and by all that `stream` has: (device, code) of each, and what was missed last, if anything.

    What was seen before the word changes nothing of it; what came behind it does.
    """
    held: set[tuple[int, int]] = set(told)
    missed = None
    for seen in stream.take():
        if isinstance(seen, ObserverOverrun):
            missed = seen
        elif seen.type == EV_KEY:
            (held.discard if seen.value == RELEASED else held.add)((seen.device, seen.code))
    return held, missed


async def _others_down(
    session: AgentSession,
    stream: ObservationStream,
    *,
    what: str,
    ours: Collection[int],
    timeout: float,
    minds: Minds,
    told: frozenset[tuple[int, int]] | None,
) -> set[int]:
    held, missed = _as_seen(await session.held_keys(timeout) if told is None else told, stream)
    end, is_asked_anew = time.monotonic() + PATIENCE, False
    while missed is not None:
        if is_asked_anew:  # the answer itself says that it isn't known, until something comes that changes that
            left = end - time.monotonic()
            if left <= 0:
                raise _not_known(session, what, missed)
            await stream.next_batch(left)
        is_asked_anew = True
        held, missed = _as_seen(await session.held_keys(timeout), stream)
    return {code for number, code in held if code not in ours and minds(session, number, code)}


def _not_known(session: AgentSession, what: str, missed: ObserverOverrun) -> InputError:
    way_out = (
        "Click into the web verifier's page, which brings it to the front" if _is_page(session) else remedy(missed)
    )
    return InputError.about(
        _subject(what, session), wanted="begin with all known that is down in the guest",
        got=f"it is not known: {missed.reason}; nothing was sent", waited=PATIENCE, next_step=f"{way_out}; then try again",
    )  # fmt: skip


def _subject(what: str, session: AgentSession) -> str:
    return f"{what[0].upper()}{what[1:]} on VM '{session.vm_name}'"


def _is_page(session: AgentSession) -> bool:
    """Whether the web verifier's page is the agent. One that has lost the focus forgets what is down."""
    return any(device.bus == BROWSER for device in session.devices.values())
