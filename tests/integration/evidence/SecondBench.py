"""A second library in the same suite that registers the same listener."""

from __future__ import annotations

from ATPLibrary.keywords import evidence


class SecondBench:
    ROBOT_LIBRARY_SCOPE = "GLOBAL"
    ROBOT_LIBRARY_LISTENER = evidence.listener()

    def second_fails(self) -> None:
        raise AssertionError("second")
