"""Configuration: one YAML file, overridden from the environment, checked whole before anything is done.

`load()` looks at an explicit path, `$ATP_CONFIG`, `./atp.yaml` and the running lab's `config.yaml`, in this order, and takes
the first. `ATP__PLATFORMS__LAB__PASSWORD=...` overrides `platforms: {lab: {password: ...}}`; names match without regard to case,
and `_` also stands for `-`.
"""

from __future__ import annotations

from ATPLibrary.config.loading import file, lab_directory, load
from ATPLibrary.config.settings import (
    AgentSettings,
    Config,
    HostSettings,
    PlatformSettings,
    PoolSettings,
    ReconnectSettings,
    ServiceSettings,
    SpiceSettings,
    Timeouts,
    TypingSettings,
)

__all__ = [
    "AgentSettings",
    "Config",
    "HostSettings",
    "PlatformSettings",
    "PoolSettings",
    "ReconnectSettings",
    "ServiceSettings",
    "SpiceSettings",
    "Timeouts",
    "TypingSettings",
    "file",
    "lab_directory",
    "load",
]
