"""What keys that a guest saw mean: the text that they write, what beside it isn't text, and how often a combination was pressed."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Sequence
from typing import TYPE_CHECKING, NamedTuple

from ATPLibrary.verifier.keys import MODIFIERS
from ATPLibrary.verifier.pointer_units import BUTTONS

if TYPE_CHECKING:
    from ATPLibrary.verifier.layout import Layout
    from ATPLibrary.verifier.watching import KeyEdge

_SHIFTS = frozenset({"shift", "shift_r"})
# With one of these a key is a command, not a text.
_COMMANDS = frozenset({"ctrl", "ctrl_r", "alt", "meta_l", "meta_r"})
_POINTING = frozenset({*(f"{button} button" for button in BUTTONS), "touch"})


class Typed(NamedTuple):
    text: str
    beside: tuple[
        str, ...
    ]  # what wrote nothing, in order: "backspace", "ctrl+u", "caps_lock", a dead key without a letter
    down: tuple[str, ...]  # keys that are down at the end


def read(
    edges: Iterable[KeyEdge],
    layout: Layout,
    *,
    held: Iterable[str] = (),
    caps_lock: bool = False,
    masked: bool = False,
) -> Typed:
    """What a guest with that layout makes of the keys, dead keys included. Buttons and fingers are no keys.

    `held` were down and Caps Lock was on before. `masked`: an asterisk for each character that was typed of a secret.
    """
    down: dict[str, bool] = dict.fromkeys(held, False)  # whether its name is a secret's
    text, beside = "", list[str]()
    before: tuple[tuple[str, frozenset[str]], ...] = ()  # dead keys that wait for their letter
    waiting: list[str] = []  # and their names
    alone: set[str] = set()  # modifiers with which nothing was pressed yet
    for edge in edges:
        if edge.name in _POINTING:
            continue
        name = "a key" if edge.is_hidden else edge.name
        if not edge.down:
            down.pop(edge.name, None)
            if edge.name in alone:
                beside.append(name)
                alone.discard(edge.name)
            continue
        held_now = frozenset(down) - {edge.name}
        down[edge.name] = edge.is_hidden
        if edge.name in MODIFIERS:
            alone |= {edge.name} & _COMMANDS
            continue
        alone.clear()
        modifiers = frozenset("shift" if key in _SHIFTS else key for key in held_now)
        said = "+".join([*(key for key in down if key in MODIFIERS), name])
        chord = edge.name, modifiers & {"shift", "alt_r"}
        if not modifiers & _COMMANDS:
            for chords in ((*before, chord), (chord,)):
                if (character := layout.read(chords)) is not None:
                    character = _capital(character, chords, layout) if caps_lock else character
                    beside += waiting if len(chords) <= len(before) else []
                    text += "*" if masked and edge.is_hidden else character
                    before, waiting = (), []
                    break
                if layout.begins(chords):
                    beside += waiting if len(chords) <= len(before) else []
                    waiting = [*(waiting if len(chords) > len(before) else []), said]
                    before = chords
                    break
            else:
                beside.append(said)
        else:
            beside.append(said)
        caps_lock ^= edge.name == "caps_lock"
    still_down = tuple("a key" if is_hidden else key for key, is_hidden in down.items() if key not in _POINTING)
    return Typed(text, (*beside, *waiting), still_down)


def _capital(character: str, chords: tuple[tuple[str, frozenset[str]], ...], layout: Layout) -> str:
    """What Caps Lock makes of it: what Shift would, where that is only its other case."""
    key, modifiers = chords[-1]
    other = layout.read((*chords[:-1], (key, modifiers ^ {"shift"})))
    return other if other is not None and other == character.swapcase() else character


def text_of(edges: Iterable[KeyEdge], layout: Layout, *, masked: bool = False) -> str:
    """What a guest with that layout makes of the keys; those that write nothing are left out. See `read`."""
    return read(edges, layout, masked=masked).text


def pressed(edges: Iterable[KeyEdge], keys: Sequence[str], held: Collection[str] = ()) -> int:
    """How many times a combination was pressed and all of it let go of: exactly its modifiers, then its keys in order.

    The modifiers may come in any order. Modifiers without a key count where no key is pressed with them. `held` were down before.
    """
    modifiers = [key for key in keys if key in MODIFIERS]
    others = [key for key in keys if key not in MODIFIERS]
    down: dict[str, None] = dict.fromkeys(held)
    going = times = 0  # presses of which something is still down
    for edge in edges:
        if not edge.down:
            down.pop(edge.name, None)
            if going and not any(key in down for key in keys):
                times, going = times + going, 0
            continue
        down.pop(edge.name, None)
        down[edge.name] = None
        if not others and edge.name not in keys:
            going = 0  # it was a part of another combination
        if edge.name != (others or modifiers)[-1] and (others or edge.name not in modifiers):
            continue
        order = [key for key in down if key in MODIFIERS or key in others]
        if set(order[: len(modifiers)]) == set(modifiers) and order[len(modifiers) :] == others:
            going += 1
    return times
