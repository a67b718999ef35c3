"""Calling code of somebody else: a plug-in's errors as sentences of ours."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from ATPLibrary.errors import ATPError
from ATPLibrary.secrets import redact


@contextmanager
def in_its_name(subject: str, vm: str, kind: type[ATPError], next_step: str) -> Iterator[None]:
    """What is raised inside names `subject`: put before an `ATPError` that doesn't name the VM; anything else becomes a `kind`."""
    try:
        yield
    except ATPError as error:
        if f"'{vm}'" not in str(error):
            error.args = (f"{subject}: {error}", *error.args[1:])
        raise
    except Exception as error:
        raise kind.about(
            subject, got=f"failed: {type(error).__name__}: {redact(str(error))}", next_step=next_step
        ) from error
