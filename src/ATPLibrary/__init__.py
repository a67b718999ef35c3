"""ATPLibrary drives virtual desktops from Robot Framework and proves inside the guest that every input arrived.

Libraries: `ATPLibrary` (the facade with every keyword), `ATPLibrary.Transport`, `ATPLibrary.QMP`, `ATPLibrary.QGA`,
`ATPLibrary.VirtioSerial`, `ATPLibrary.Spice`, `ATPLibrary.VDIPlatform`, `ATPLibrary.Verifier`. They share one set of connections.
docs/architecture.md is the plan of the packages below.
"""

from __future__ import annotations

from typing import Any

__version__ = "0.1.0"

# The libraries beside the facade, which has all their keywords. The one list of them.
LIBRARIES = ("Transport", "QMP", "QGA", "VirtioSerial", "Spice", "VDIPlatform", "Verifier")


def __getattr__(name: str) -> Any:
    # Lazy, so that importing one floor (or `atp --help`) doesn't load the keywords and Robot Framework.
    if name == "ATPLibrary" or name in LIBRARIES:
        import importlib

        return getattr(importlib.import_module("ATPLibrary.keywords.libraries"), name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")


def __dir__() -> list[str]:
    return sorted([*globals(), "ATPLibrary", *LIBRARIES])
