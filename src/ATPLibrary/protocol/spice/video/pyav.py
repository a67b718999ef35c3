"""PyAV, the Python package av (extra `video`): imported when it is first needed."""

from __future__ import annotations

from typing import Any

from ATPLibrary.errors import ConfigError


def pyav(subject: str, wanted: str) -> Any:
    """The package. `ConfigError` about `subject`, which should be `wanted` by it, where it isn't installed."""
    try:
        import av
    except ImportError as error:
        raise ConfigError.about(
            subject, wanted=f"be {wanted} by the Python package av (PyAV)", got="it is not installed",
            next_step="pip install 'robotframework-atp[video]'",
        ) from error  # fmt: skip
    return av
