"""A VM's screen as a film, taken from what its SPICE client draws."""

from __future__ import annotations

import asyncio
import contextlib
import time
from pathlib import Path
from typing import TYPE_CHECKING, Protocol

from ATPLibrary.errors import ChannelError
from ATPLibrary.orchestrator.folder_server import FolderServer
from ATPLibrary.orchestrator.media_recordings import writing
from ATPLibrary.orchestrator.rtsp_server import RtspServer
from ATPLibrary.protocol.spice.channels import DisplayConversation
from ATPLibrary.protocol.spice.video.encoding import H264Encoder
from ATPLibrary.protocol.spice.video.movies import Movie
from ATPLibrary.runtime import Workers, deadline

if TYPE_CHECKING:
    from ATPLibrary.protocol.spice.client import SpeakingChannel
    from ATPLibrary.protocol.spice.display import Surface

_WORKERS = Workers("spice-film", 2)
_ENCODE_SECONDS = 30.0
# A film that is watched while it grows has a picture at least this often, also of a screen on which nothing moves.
_LIVE_SECONDS = 1.0
# For so long who has come to a stream gets pictures at its full rate: a player measures what comes before it shows anything.
_WELCOME_SECONDS = 5.0
# How long a film may look away: somebody may have come who waits for a picture.
_LONGEST_PAUSE = 0.25


class Film(Protocol):
    """Where pictures go to. `name` is what a tester knows it by: a file, or a URL."""

    name: str

    def wants(self, is_new: bool, since: float) -> bool:
        """Whether to give it a picture now. `is_new`: one that it hasn't had; `since`: how many seconds ago it had its last one.

        While it is too early for another of the tester's rate: no new one, 0 seconds.
        """

    async def write(self, pixels: bytes, size: tuple[int, int], time_ms: int) -> None: ...

    async def close(self) -> None: ...


class FilmFile:
    """An MP4, a WebM, or HLS (.m3u8), whose folder can be fetched by HTTP at `url` meanwhile (`serve`)."""

    def __init__(self, path: Path, serve: bool = False) -> None:
        self.path = path
        self.name = str(path)
        self._movie: Movie | None = None
        self._server = FolderServer(path.parent) if serve else None
        self.url = f"{self._server.url}/{path.name}" if self._server is not None else ""

    def wants(self, is_new: bool, since: float) -> bool:
        return is_new or (self._movie is not None and self._movie.is_live and since >= _LIVE_SECONDS)

    async def write(self, pixels: bytes, size: tuple[int, int], time_ms: int) -> None:
        what = f"Writing '{self.path}'"
        if self._movie is None:
            self._movie = await _WORKERS.call(Movie, self.path, size, timeout=_ENCODE_SECONDS, what=what)
        await _WORKERS.call(self._movie.add, pixels, size, time_ms, timeout=_ENCODE_SECONDS, what=what)

    async def close(self) -> None:
        server, self._server = self._server, None
        if server is not None:
            await _WORKERS.call(server.close, timeout=_ENCODE_SECONDS, what=f"Closing {server.url}")
        movie, self._movie = self._movie, None
        if movie is not None:
            await _WORKERS.call(movie.close, timeout=_ENCODE_SECONDS, what=f"Closing '{self.path}'")


class RtspFilm:
    """An RTSP stream of H264. While nobody watches nothing is encoded; each who comes has a whole picture at once."""

    def __init__(self, server: RtspServer) -> None:
        self.name = server.url
        self._server = server
        self._encoder: H264Encoder | None = None

    @classmethod
    async def start(cls, address: str, port: int, path: str, timeout: float) -> RtspFilm:
        """Errors as `RtspServer.start`."""
        return cls(await RtspServer.start(address, port, path, timeout))

    def wants(self, is_new: bool, since: float) -> bool:
        self._server.require_running()
        if not self._server.is_watched or self._server.wants_key:
            return self._server.wants_key
        is_welcoming = time.monotonic() - self._server.came_at < _WELCOME_SECONDS
        return is_new or since >= _LIVE_SECONDS or (is_welcoming and since > 0)

    async def write(self, pixels: bytes, size: tuple[int, int], time_ms: int) -> None:
        if not (self._server.is_watched or self._server.wants_key):
            return
        what = f"Encoding for {self.name}"
        if self._encoder is None:
            self._encoder = await _WORKERS.call(H264Encoder, size, timeout=_ENCODE_SECONDS, what=what)
        picture, is_key = await _WORKERS.call(
            self._encoder.encode, pixels, size, time_ms, self._server.wants_key, timeout=_ENCODE_SECONDS, what=what
        )
        if picture:
            await self._server.send(picture, is_key)

    async def close(self) -> None:
        await self._server.close()


class ScreenRecording:
    """Films a display until `stop`, at most `rate` pictures a second; a screen that doesn't change costs none.

    The film is of the size that the screen has first; another size later is scaled to it. `frames` were given to it. What the
    encoder is too slow for is left out: the next picture is the newest. The film is closed with it, also when the channel ends.
    """

    def __init__(self, channel: SpeakingChannel, film: Film, rate: float) -> None:
        assert isinstance(channel.conversation, DisplayConversation)
        self.film = film
        self.name = film.name
        self.seconds = 0.0
        self.frames = 0
        self._channel = channel
        self._display = channel.conversation
        self._pause = 1.0 / rate
        self._began = time.monotonic()
        self._stopping = asyncio.Event()
        self._task = asyncio.create_task(self._run(), name=f"Filming {channel.channel.subject}")

    async def stop(self, timeout: float) -> None:
        """Write the last picture, and close the film. What went wrong while it was made comes out here."""
        self._stopping.set()
        async with deadline(timeout, f"The film '{self.name}'", wanted="be closed", got="was not"):
            with writing(self.name):
                await self._task

    async def _run(self) -> None:
        seen, written = -1, 0.0
        try:
            while not self._stopping.is_set():
                self._channel.require_open()
                screen, now = self._display.painter.screen, time.monotonic()
                strokes, since = self._display.painter.strokes, now - written
                is_time = since >= self._pause * 0.9  # a timer may be a little early
                if screen is not None and self.film.wants(is_time and strokes != seen, since if is_time else 0.0):
                    seen, written = strokes, now
                    await self._write(screen)
                with contextlib.suppress(TimeoutError):
                    left = min(self._pause, _LONGEST_PAUSE) - (time.monotonic() - now)
                    await asyncio.wait_for(self._stopping.wait(), max(left, 0.001))
            self._channel.require_open()
            screen = self._display.painter.screen
            if screen is None and not self.frames:
                raise ChannelError.about(
                    self._channel.channel.subject, wanted="have a picture to be filmed", got="had none"
                )
            if screen is not None:
                await self._write(screen)  # how long the last picture stood
        finally:
            self.seconds = time.monotonic() - self._began
            await asyncio.shield(self.film.close())

    async def _write(self, screen: Surface) -> None:
        # The copy is made here, where nothing draws meanwhile.
        pixels, size = bytes(screen.data), (screen.width, screen.height)
        if not self.frames:
            self._began = time.monotonic()
        moment = int((time.monotonic() - self._began) * 1000)
        self.frames += 1
        await self.film.write(pixels, size, moment)
