"""Following the configuration's file: what is written there counts a moment later, unless it is wrong."""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import TYPE_CHECKING

from ATPLibrary import runtime
from ATPLibrary.errors import ATPError, ConfigError
from ATPLibrary.events import Event
from ATPLibrary.orchestrator import reload
from ATPLibrary.orchestrator.directory_watch import DirectoryWatch

if TYPE_CHECKING:
    from ATPLibrary.config import Config
    from ATPLibrary.orchestrator.workspace import Workspace

READ_SECONDS = 10.0
# Reading a file can block for ever on a dead network mount: never on the loop.
_FILES = runtime.Workers("configuration", 1)


class ConfigWatch:
    """Off until `start(file)`, which follows that file until `stop()`.

    The bus hears of `config.reloaded` and `config.refused`, and so does the tester's log.
    """

    def __init__(self, workspace: Workspace) -> None:
        self._workspace = workspace
        self._task: asyncio.Task[None] | None = None

    async def start(self, file: Path) -> None:
        """Follow `file` instead of what was followed before. `ConfigError` where the kernel gives no watch."""
        self.stop()
        # The directory is watched: editors put a new file in the place of the old one.
        watch = DirectoryWatch(file.parent)
        if not watch.works:
            raise ConfigError.about(
                f"Configuration file '{file}'",
                wanted="be watched",
                got="the kernel gives no inotify watch for its directory",
                next_step="Raise fs.inotify.max_user_instances, or use 'Reload Configuration' when it has changed",
            )
        self._task = runtime.spawn(self._follow(file, watch), f"watch {file}")
        self._task.add_done_callback(lambda task: self._ended(file, task))

    def stop(self) -> None:
        task, self._task = self._task, None
        if task is not None:
            task.cancel()

    async def _follow(self, file: Path, watch: DirectoryWatch) -> None:
        with watch:
            while True:
                if file.name not in await watch.changed():
                    continue
                try:
                    new = await _FILES.call(_load, file, timeout=READ_SECONDS, what=f"Configuration file '{file}'")
                    await reload.reload(self._workspace, new, followed=str(file))
                except ATPError as error:
                    self._refused(str(error), f"{file} is refused, and the settings stay as they were.")

    def _ended(self, file: Path, task: asyncio.Task[None]) -> None:
        if not task.cancelled() and (error := task.exception()) is not None:
            self._refused(type(error).__name__, f"{file} is not followed any more.")

    def _refused(self, error: str, what: str) -> None:
        event = Event("workspace", "config.refused", {"error": error}, notice=f"{what} {error}", is_warning=True)
        self._workspace.bus.publish(event)


def _load(file: Path) -> Config:
    """On a worker. Whatever is wrong with one file, the next one is looked at."""
    from ATPLibrary import config

    try:
        return config.load(file, may_be_empty=False)
    except ATPError:
        raise
    except Exception as error:  # nothing is waited for here
        raise ConfigError.about(
            f"Configuration file '{file}'", wanted="be readable", got=f"is not: {type(error).__name__}"
        ) from error  # its words may quote a value
