"""Times as the platform writes them: "2024-01-31 08:00:00", in its own zone."""

from __future__ import annotations

from datetime import datetime, timedelta

from ATPLibrary.errors import InputError

DEFAULT_SPAN = timedelta(hours=1)


def written(moment: datetime | None) -> str | None:
    return None if moment is None else moment.strftime("%Y-%m-%d %H:%M:%S")


def period(begin: datetime | None, end: datetime | None, span: timedelta = DEFAULT_SPAN) -> tuple[str, str]:
    """From when to when, both written; by default until now, and for `span` before the end. `InputError` for one that is empty."""
    # What is written has whole seconds: of the one that isn't over yet nothing may be missing.
    until = end if end is not None else datetime.now() + timedelta(seconds=1)
    since = begin if begin is not None else until - span
    if since > until:
        raise InputError.about(
            "A span of time", wanted="begin before it ends", got=f"is from {written(since)} to {written(until)}"
        )
    return since.strftime("%Y-%m-%d %H:%M:%S"), until.strftime("%Y-%m-%d %H:%M:%S")
