"""`python -m ATPLibrary.lab.image [--refresh]`: build the guest image if it isn't there, and print where it is.

`--refresh` asks apt whether there are newer packages, and builds anew if so.
"""

from __future__ import annotations

import sys

from ATPLibrary.errors import ATPError
from ATPLibrary.lab.image.cache import build


def main(arguments: list[str]) -> int:
    if arguments not in ([], ["--refresh"]):
        print(__doc__, file=sys.stderr)
        return 2
    try:
        image = build(lambda text: print(text, file=sys.stderr, flush=True), refresh=bool(arguments))
    except ATPError as error:
        print(error, file=sys.stderr)
        return 1
    for name in ("directory", "kernel", "initrd", "disk", "cmdline", "key"):
        print(f"{name}\t{getattr(image, name)}")
    return 0


if __name__ == "__main__":
    raise SystemExit(main(sys.argv[1:]))
