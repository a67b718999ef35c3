"""Files of this machine, read and written on threads: a dead network mount must not stop the loop."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from ATPLibrary import runtime
from ATPLibrary.errors import InputError

WORKERS = runtime.Workers("files", 2)


async def open_local(path: Path, mode: str, timeout: float) -> Any:
    """The file's binary stream, whose calls are for `WORKERS`. `InputError` with the system's reason when it can't be opened."""
    try:
        return await WORKERS.call(path.open, mode, timeout=timeout, what=f"File '{path}'")
    except OSError as error:
        does = "written" if "w" in mode else "read"
        raise InputError(f"File '{path}' of this machine can't be {does}: {error.strerror}.") from error
