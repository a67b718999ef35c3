"""A call of each keyword that asks a platform, a module a topic; the platform lets one log in and then never answers."""

from __future__ import annotations

import importlib
import pkgutil

# The others need the session that these end.
LAST = "sessions"
_MODULES = sorted((module.name for module in pkgutil.iter_modules(__path__)), key=lambda name: (name == LAST, name))

PLATFORM_CALLS: dict[str, str] = {
    name: arguments
    for module in _MODULES
    for name, arguments in importlib.import_module(f"{__name__}.{module}").CALLS.items()
}
