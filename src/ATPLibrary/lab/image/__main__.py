"""`python -m ATPLibrary.lab.image [--desktop] [--refresh]`: build the guest image if it isn't there, and print where it is.

`--desktop` is the one with a desktop; `--refresh` asks apt whether there are newer packages, and builds anew if so.
"""

from __future__ import annotations

import sys

from ATPLibrary.errors import ATPError
from ATPLibrary.lab.image import DESKTOP, LINUX, build


def main(arguments: list[str]) -> int:
    if not {*arguments} <= {"--desktop", "--refresh"}:
        print(__doc__, file=sys.stderr)
        return 2
    try:
        recipe = DESKTOP if "--desktop" in arguments else LINUX
        refresh = "--refresh" in arguments
        image = build(lambda text: print(text, file=sys.stderr, flush=True), recipe, refresh=refresh)
    except ATPError as error:
        print(error, file=sys.stderr)
        return 1
    for name in ("directory", "kernel", "initrd", "disk", "cmdline", "key"):
        print(f"{name}\t{getattr(image, name)}")
    return 0


if __name__ == "__main__":
    raise SystemExit(main(sys.argv[1:]))
