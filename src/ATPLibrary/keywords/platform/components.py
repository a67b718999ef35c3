"""The components with which a library speaks to a VDI platform: those of this package's files, found by their names.

Who adds a topic adds a file. A list here would be a line that everybody changes at once, and one that can be forgotten.
"""

from __future__ import annotations

import importlib
import pkgutil
from collections.abc import Iterator
from types import ModuleType

from ATPLibrary.keywords import platform
from ATPLibrary.keywords.component import Component


def _modules() -> Iterator[ModuleType]:
    """In the order of their names, wherever the package lies."""
    for name in sorted(each.name for each in pkgutil.iter_modules(platform.__path__)):
        if f"{platform.__name__}.{name}" != __name__:
            yield importlib.import_module(f"{platform.__name__}.{name}")


PLATFORM_COMPONENTS: tuple[type[Component], ...] = tuple(
    kind
    for module in _modules()
    for kind in vars(module).values()
    if isinstance(kind, type) and kind.__module__ == module.__name__ and kind.__name__.endswith("Keywords")
)
