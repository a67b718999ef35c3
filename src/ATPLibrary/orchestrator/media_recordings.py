"""The recordings that run: one of each kind a VM."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Literal, Protocol

from ATPLibrary.errors import ATPError, ConfigError, InputError
from ATPLibrary.events import Event, EventBus

Kind = Literal["screen", "sound", "live", "rtsp"]
_CALLED: dict[Kind, str] = {
    "screen": "recording of its screen", "sound": "recording of its sound",
    "live": "live stream", "rtsp": "RTSP stream",
}  # fmt: skip
_CLOSE_SECONDS = 5.0


@contextmanager
def writing(file: str) -> Iterator[None]:
    """What the system says of that file within the block, such as that the disk is full, becomes an `InputError`."""
    try:
        yield
    except ATPError:
        raise  # one of them is an OSError as well
    except OSError as error:
        raise InputError.about(
            f"The recording '{file}'", wanted="be written", got=f"can't be: {error.strerror or error}",
            next_step="Check the folder, and the room on its disk",
        ) from error  # fmt: skip


class Recording(Protocol):
    """`name` is what a tester knows it by: a file, or a URL."""

    name: str
    seconds: float

    async def stop(self, timeout: float) -> None: ...


class Recordings:
    """By VM (UUID) and kind. One that nobody has stopped is when its session ends."""

    def __init__(self, bus: EventBus) -> None:
        self._bus = bus
        self._running: dict[tuple[str, Kind], Recording] = {}

    def start(self, uuid: str, vm: str, kind: Kind, make: Callable[[], Recording]) -> Recording:
        """`ConfigError` where one of that kind runs already."""
        self.require_none(uuid, vm, kind)
        made = self._running[uuid, kind] = make()
        return made

    def require_none(self, uuid: str, vm: str, kind: Kind) -> None:
        running = self._running.get((uuid, kind))
        if running is not None:
            raise ConfigError.about(
                f"VM '{vm}'", wanted=f"have one {_CALLED[kind]}", got=f"has one already: '{running.name}'",
                next_step="Stop that first",
            )  # fmt: skip

    def take(self, uuid: str, vm: str, kind: Kind) -> Recording:
        """The one that runs, which whoever takes it has to stop. `ConfigError` where none does."""
        found = self._running.pop((uuid, kind), None)
        if found is None:
            article = "an" if kind == "rtsp" else "a"
            raise ConfigError.about(f"VM '{vm}'", wanted=f"have {article} {_CALLED[kind]}", got="has none running")
        return found

    async def close(self, uuid: str | None = None) -> None:
        """Stop those of one VM, or all; what goes wrong then is told as `spice.recording-failed`."""
        ending = [self._running.pop(key) for key in list(self._running) if uuid in (None, key[0])]
        for recording, failure in zip(
            ending, await asyncio.gather(*(each.stop(_CLOSE_SECONDS) for each in ending), return_exceptions=True), strict=True
        ):  # fmt: skip
            if isinstance(failure, ATPError | OSError):
                notice = f"The recording '{recording.name}' may not be whole: {failure}"
                self._bus.publish(Event("runtime", "spice.recording-failed", notice=notice, is_warning=True))
            elif failure is not None:
                raise failure
