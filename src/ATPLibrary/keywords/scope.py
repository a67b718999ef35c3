"""Where in the run a keyword is: the full names of its test and suite, as a listener hears them at their end."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TypeVar

T = TypeVar("T")


def suite() -> str:
    """The full name of the suite that runs; empty outside a run."""
    return _variable("${SUITE NAME}")


def here() -> str:
    """The full name of the test that runs; in a suite's setup or teardown that of the suite; empty outside a run."""
    test = _variable("${TEST NAME}")
    return f"{suite()}.{test}" if test else suite()


def nearest(said: Mapping[str, T]) -> T | None:
    """What was said for the test or suite where the run is, else for the suite above it, and so on; None: nothing."""
    where = here()
    while where:
        if where in said:
            return said[where]
        where = where.rpartition(".")[0]
    return None


def _variable(name: str) -> str:
    from robot.libraries.BuiltIn import BuiltIn, RobotNotRunningError

    try:
        return str(BuiltIn().get_variable_value(name) or "")
    except RobotNotRunningError:
        return ""
