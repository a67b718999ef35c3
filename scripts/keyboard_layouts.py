"""Write src/ATPLibrary/verifier/keyboards/: the layouts that come with the package, from XKB's own data (Debian's xkb-data).

And what dead keys and the Compose key make of which keys, from Xlib's (libx11-data). Run it again when those change; a test holds
the files to them.
"""

from __future__ import annotations

import json
import re
from collections import defaultdict
from collections.abc import Iterator
from pathlib import Path

from ATPLibrary.verifier import xkb

OUT = Path(__file__).resolve().parents[1] / "src/ATPLibrary/verifier/keyboards"
COMPOSE = Path("/usr/share/X11/locale/en_US.UTF-8/Compose")
LAYOUTS = (
    "be", "br", "ca", "ch", "ch(fr)", "cz", "de", "de(nodeadkeys)", "dk", "es", "fi", "fr", "fr(bepo)", "gb", "gr", "hu", "il",
    "it", "jp", "kr", "latam", "nl", "no", "pl", "pt", "ru", "se", "tr", "ua", "us", "us(colemak)", "us(dvorak)", "us(intl)",
)  # fmt: skip


def sequences() -> Iterator[tuple[list[str], str]]:
    """The key names of each sequence of the Compose file, and the one character that it makes."""
    for line in COMPOSE.read_text(encoding="utf-8").splitlines():
        if rule := re.match(r'((?:<\w+>\s*)+):\s*"(.)"', line):
            yield re.findall(r"<(\w+)>", rule[1]), rule[2]


def typed(name: str) -> str:
    """The character of a key's name: "e", "space", "U0142"."""
    return xkb.character_of(xkb.library().xkb_keysym_from_name(name.encode(), 0))


def main() -> None:
    dead: dict[str, dict[str, str]] = defaultdict(dict)
    compose: dict[str, str] = {}
    for keys, made in sequences():
        if len(keys) == 2 and keys[0].startswith("dead_"):
            if after := typed(keys[1]):
                dead[keys[0]].setdefault(after, made)
        elif keys[0] == "Multi_key" and made > "~":
            plain = "".join(map(typed, keys[1:]))
            if len(plain) == len(keys) - 1 and plain.isascii() and len(plain) < len(compose.get(made, plain + " ")):
                compose[made] = plain
    OUT.mkdir(exist_ok=True)
    write("dead_keys", dead)
    write("compose", compose)
    for layout in LAYOUTS:
        write(layout, xkb.read(layout, dead))


def write(name: str, table: object) -> None:
    text = json.dumps(table, ensure_ascii=False, sort_keys=True, indent=0)
    (OUT / f"{name}.json").write_text(f"{text}\n", encoding="utf-8")


if __name__ == "__main__":
    main()
    print(f"Wrote {OUT}")
