"""What the keywords about protocols and about verifiers have in common: registries of both kinds."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from robot.api import logger

if TYPE_CHECKING:
    from ATPLibrary.protocol.registry import Registry


def names_told(registry: Registry[Any]) -> list[str]:
    """All names that can be used now; the log says where each comes from."""
    known = registry.names()
    for each in known.values():
        logger.info(f"{each.name}: {each.target} ({each.origin})")
    return list(known)
