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


def is_here(where: str) -> bool:
    """Whether what was done there may speak for what runs: it was this test, or the setup of a suite around it."""
    return is_within(where, here())


def is_within(where: str, now: str) -> bool:
    """`is_here` for a thread that isn't Robot Framework's: `now` is what `here()` said on that."""
    return where == now or now.startswith(f"{where}.")


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
