"""The `atp` command. Each subcommand is loaded only when it is run or asked for help, so that `atp --help` is quick.

Exit codes: 0 fine, 1 a test failed, 2 wrong usage, 3 the machine or the lab isn't as it should be, 4 a verification timed out,
130 interrupted.
"""

from __future__ import annotations

from ATPLibrary.cli.root import main

__all__ = ["main"]
