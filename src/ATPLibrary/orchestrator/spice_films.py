"""A VM's screen as a film, taken from what its SPICE client draws."""

from __future__ import annotations

import asyncio
import contextlib
import time
from pathlib import Path
from typing import TYPE_CHECKING

from ATPLibrary.errors import ChannelError
from ATPLibrary.orchestrator.folder_server import FolderServer
from ATPLibrary.orchestrator.media_recordings import writing
from ATPLibrary.protocol.spice.channels import DisplayConversation
from ATPLibrary.protocol.spice.video.movies import Movie
from ATPLibrary.runtime import Workers, deadline

if TYPE_CHECKING:
    from ATPLibrary.protocol.spice.client import SpeakingChannel
    from ATPLibrary.protocol.spice.display import Surface

_WORKERS = Workers("spice-film", 2)
_ENCODE_SECONDS = 30.0
# A film that is watched while it grows has a picture at least this often, also of a screen on which nothing moves.
_LIVE_SECONDS = 1.0


class ScreenRecording:
    """Films a display until `stop`, at most `rate` pictures a second; a screen that doesn't change costs none.

    The film is of the size that the screen has first; another size later is scaled to it. `frames` were written. What the encoder
    is too slow for is left out: the next picture is the newest. `serve`: its folder can be fetched by HTTP meanwhile, the film at
    `url`.
    """

    def __init__(self, channel: SpeakingChannel, path: Path, rate: float, serve: bool = False) -> None:
        assert isinstance(channel.conversation, DisplayConversation)
        self.path = path
        self.seconds = 0.0
        self.frames = 0
        self._channel = channel
        self._display = channel.conversation
        self._pause = 1.0 / rate
        self._began = time.monotonic()
        self._stopping = asyncio.Event()
        self._movie: Movie | None = None
        self._server = FolderServer(path.parent) if serve else None
        self._task = asyncio.create_task(self._run(), name=f"Filming {channel.channel.subject}")

    @property
    def url(self) -> str:
        """Empty without a server."""
        return f"{self._server.url}/{self.path.name}" if self._server is not None else ""

    async def stop(self, timeout: float) -> None:
        """Write the last picture, and close the film. What went wrong while it was made comes out here."""
        self._stopping.set()
        async with deadline(timeout, f"The film '{self.path}'", wanted="be closed", got="was not"):
            with writing(self.path):
                await self._task

    async def _run(self) -> None:
        seen, written = -1, 0.0
        try:
            while not self._stopping.is_set():
                self._channel.require_open()
                screen, now = self._display.painter.screen, time.monotonic()
                is_due = self._movie is not None and self._movie.is_live and now - written >= _LIVE_SECONDS
                if screen is not None and (self._display.painter.strokes != seen or is_due):
                    seen, written = self._display.painter.strokes, now
                    await self._write(screen)
                with contextlib.suppress(TimeoutError):
                    left = self._pause - (time.monotonic() - now)
                    await asyncio.wait_for(self._stopping.wait(), max(left, 0.001))
            self._channel.require_open()
            screen = self._display.painter.screen
            if screen is None and self._movie is None:
                raise ChannelError.about(
                    self._channel.channel.subject, wanted="have a picture to be filmed", got="had none"
                )
            if screen is not None:
                await self._write(screen)  # how long the last picture stood
        finally:
            server, self._server = self._server, None
            if server is not None:
                await asyncio.shield(_WORKERS.call(server.close, timeout=_ENCODE_SECONDS, what=f"Closing {server.url}"))
            movie, self._movie = self._movie, None
            self.seconds = time.monotonic() - self._began
            if movie is not None:
                await asyncio.shield(_WORKERS.call(movie.close, timeout=_ENCODE_SECONDS, what=f"Closing '{self.path}'"))

    async def _write(self, screen: Surface) -> None:
        # The copy is made here, where nothing draws meanwhile.
        pixels, size = bytes(screen.data), (screen.width, screen.height)
        what = f"Writing '{self.path}'"
        if self._movie is None:
            self._began = time.monotonic()
            self._movie = await _WORKERS.call(Movie, self.path, size, timeout=_ENCODE_SECONDS, what=what)
        moment = int((time.monotonic() - self._began) * 1000)
        await _WORKERS.call(self._movie.add, pixels, size, moment, timeout=_ENCODE_SECONDS, what=what)
        self.frames += 1
