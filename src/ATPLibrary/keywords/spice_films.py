"""Keywords about a VM's screen as a film: recorded into a file, or watched while the test runs, by HLS or RTSP."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Coroutine
from datetime import timedelta
from ipaddress import ip_address
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

from robot.api import logger
from robot.api.deco import keyword

from ATPLibrary.errors import InputError
from ATPLibrary.keywords import output
from ATPLibrary.keywords.component import Component, named
from ATPLibrary.keywords.spice_words import speaking

if TYPE_CHECKING:
    from ATPLibrary.orchestrator import Machine
    from ATPLibrary.orchestrator.media_recordings import Kind
    from ATPLibrary.orchestrator.spice_films import Film, FilmFile, ScreenRecording

_FILMS = (".mp4", ".webm")
_MOST_PICTURES = 60.0
_RTSP_PATH = "/screen"
_AnyFilm = TypeVar("_AnyFilm", bound="Film")


class SpiceFilmKeywords(Component):
    @keyword(tags=["SPICE", "Screen"])
    def start_screen_recording(
        self,
        file: str | None = None,
        frames_per_second: float = 10.0,
        *,
        channel: str = "display",
        vm: str | None = None,
        timeout: timedelta | None = None,
    ) -> str:
        """Films what a VM's SPICE display shows, until `Stop Screen Recording`. Returns the file's path.

        A screen that doesn't change costs nothing; sound is recorded beside it by `Start Audio Recording`. The film has the size
        that the screen has first, and ends with the VM's session at the latest. Needs PyAV:
        ``pip install 'robotframework-atp[video]'``. The display must be open.

        - ``file``: where to write it: ``.mp4`` (H264) or ``.webm`` (VP8); by default an MP4 beside the log, named after the VM,
          with a number. A relative path is relative to the log.
        - ``frames_per_second``: at most so many pictures; by default 10.
        - ``channel``: ``display``, or with its number ``display:1``.
        - ``vm``: the VM's name or UUID; by default the current VM.
        - ``timeout``: by default ``timeouts.command`` of the configuration (10 s).

        Example:
        | Connect To VM    win11
        | Open SPICE Channel    display
        | Start Screen Recording    logon.mp4
        | Stop Screen Recording
        """
        if file is not None and Path(file).suffix.lower() not in _FILMS:
            raise InputError.about("The file of a film", wanted=f"end in {' or '.join(_FILMS)}", got=f"is '{file}'")
        film = self._start_file("screen", file, ".mp4", frames_per_second, channel=channel, vm=vm, timeout=timeout)
        return film.name

    @keyword(tags=["SPICE", "Screen"])
    def stop_screen_recording(self, vm: str | None = None, timeout: timedelta | None = None) -> str:
        """Ends what `Start Screen Recording` began, and shows the film in the log. Returns its path.

        In a teardown it makes the film evidence of what happened. An error says why a film may not be whole, such as that its
        channel has ended.

        - ``vm``: the VM's name or UUID; by default the current VM.
        - ``timeout``: by default ``timeouts.command`` of the configuration (10 s).

        Example:
        | Connect To VM    win11
        | Open SPICE Channel    display
        | Start Screen Recording
        | ${film} =    Stop Screen Recording
        """
        film = self._stop("screen", vm, timeout)
        path = Path(film.name)
        link = output.link(path)
        logger.info(
            f'{film.seconds:.1f} s, {film.frames} pictures: <a href="{link}">{link}</a><br>'
            f'<video controls width="400" src="{link}"></video>',
            html=True,
        )
        return str(path)

    @keyword(tags=["SPICE", "Screen"])
    def start_live_view(
        self,
        folder: str = "live",
        frames_per_second: float = 10.0,
        serve: bool = True,
        *,
        channel: str = "display",
        vm: str | None = None,
        timeout: timedelta | None = None,
    ) -> str:
        """Shows what a VM's SPICE display shows as HLS, for a player that watches while the test runs. Returns where.

        A playlist ``screen.m3u8`` and segments of 2 s are written into the folder, the last 20 s of them; a player is some segments
        behind; `Start RTSP Stream` shows the screen without that delay.
        Needs PyAV: ``pip install 'robotframework-atp[video]'``.
        The display must be open; the view ends with `Stop Live View`, or with the VM's session.

        - ``folder``: where to write; a relative path is relative to the log. Each VM needs its own.
        - ``frames_per_second``: at most so many pictures; by default 10.
        - ``serve``: whether the folder can be fetched by HTTP, on this machine only: then the URL of the playlist is
          returned, else its path.
        - ``channel``: ``display``, or with its number ``display:1``.
        - ``vm``: the VM's name or UUID; by default the current VM.
        - ``timeout``: by default ``timeouts.command`` of the configuration (10 s).

        Example:
        | Connect To VM    win11
        | Open SPICE Channel    display
        | ${url} =    Start Live View    live/win11
        | Stop Live View
        """
        if "://" in folder:
            raise InputError.about(
                "A live view", wanted="be written into a folder, as HLS", got=f"is wished at '{folder}'",
                next_step="For RTSP use 'Start RTSP Stream'; other streaming isn't offered",
            )  # fmt: skip
        film = self._start_file(
            "live", f"{folder}/screen.m3u8", ".m3u8", frames_per_second,
            channel=channel, vm=vm, timeout=timeout, serve=serve,
        )  # fmt: skip
        playlist = film.url or film.name
        logger.info(f"The screen can be watched at {playlist}.")
        return playlist

    @keyword(tags=["SPICE", "Screen"])
    def stop_live_view(self, vm: str | None = None, timeout: timedelta | None = None) -> None:
        """Ends what `Start Live View` began. The last segments stay in the folder.

        - ``vm``: the VM's name or UUID; by default the current VM.
        - ``timeout``: by default ``timeouts.command`` of the configuration (10 s).

        Example:
        | Connect To VM    win11
        | Open SPICE Channel    display
        | Start Live View
        | Stop Live View
        """
        self._stop_watched("live", "live view", vm, timeout)

    @keyword(name="Start RTSP Stream", tags=["SPICE", "Screen"])
    def start_rtsp_stream(
        self,
        port: int = 0,
        frames_per_second: float = 10.0,
        *,
        address: str = "127.0.0.1",
        channel: str = "display",
        vm: str | None = None,
        timeout: timedelta | None = None,
    ) -> str:
        """Serves what a VM's SPICE display shows as RTSP (H264), for any number of viewers up to 32. Returns the URL.

        The server is GStreamer's, a program of its own beside this one. While nobody watches nothing is encoded; who comes has a
        picture at once. The display must be open; the stream, and with it its viewers' connections, ends with `Stop RTSP Stream`,
        with the VM's session, or with this run, however that ends.

        Needs PyAV (``pip install 'robotframework-atp[video]'``) and Debian's GStreamer:
        ``apt-get install --no-install-recommends python3-gi gir1.2-gst-rtsp-server-1.0 gstreamer1.0-plugins-good``.

        - ``port``: where to listen; by default one that is free.
        - ``frames_per_second``: at most so many pictures; by default 10.
        - ``address``: whose IP address to listen at; by default ``127.0.0.1``, this machine only. There is no password: by another
          address everybody in that network sees the screen.
        - ``channel``: ``display``, or with its number ``display:1``.
        - ``vm``: the VM's name or UUID; by default the current VM.
        - ``timeout``: by default ``timeouts.command`` of the configuration (10 s).

        Example:
        | Connect To VM    win11
        | Open SPICE Channel    display
        | ${url} =    Start RTSP Stream
        | Stop RTSP Stream
        """
        if not 0 <= port <= 65535:
            raise InputError.about("The port of an RTSP stream", wanted="be 0 to 65535", got=f"is {port}")
        try:
            ip_address(address)
        except ValueError as error:
            raise InputError.about(
                "The address of an RTSP stream", wanted="be an IP address", got=f"is '{address}'"
            ) from error
        machine, seconds = self._reached(vm, timeout)

        async def make() -> Film:
            from ATPLibrary.orchestrator.spice_films import RtspFilm

            return await RtspFilm.start(address, port, _RTSP_PATH, seconds)

        film = self._start("rtsp", machine, make, rate=frames_per_second, channel=channel, seconds=seconds)
        logger.info(f"The screen can be watched at {film.name}.")
        return film.name

    @keyword(name="Stop RTSP Stream", tags=["SPICE", "Screen"])
    def stop_rtsp_stream(self, vm: str | None = None, timeout: timedelta | None = None) -> None:
        """Ends what `Start RTSP Stream` began: its viewers' connections are closed, and its server's process ends.

        - ``vm``: the VM's name or UUID; by default the current VM.
        - ``timeout``: by default ``timeouts.command`` of the configuration (10 s).

        Example:
        | Connect To VM    win11
        | Open SPICE Channel    display
        | Start RTSP Stream
        | Stop RTSP Stream
        """
        self._stop_watched("rtsp", "RTSP stream", vm, timeout)

    def _reached(self, vm: str | None, timeout: timedelta | None) -> tuple[Machine, float]:
        """The VM, and the keyword's seconds."""
        seconds = self.seconds(timeout, "command")
        return self.wait(self.machine(vm, seconds), seconds, f"Reaching {named(vm)}"), seconds

    def _start_file(
        self, kind: Kind, file: str | None, suffix: str, rate: float, *, channel: str, vm: str | None,
        timeout: timedelta | None, serve: bool = False,
    ) -> FilmFile:  # fmt: skip
        machine, seconds = self._reached(vm, timeout)
        path = output.chosen(file, "recordings", machine.name, suffix)

        async def make() -> FilmFile:
            from ATPLibrary.orchestrator.spice_films import FilmFile

            return FilmFile(path, serve)

        return self._start(kind, machine, make, rate=rate, channel=channel, seconds=seconds)

    def _start(
        self, kind: Kind, machine: Machine, make: Callable[[], Coroutine[Any, Any, _AnyFilm]], *, rate: float,
        channel: str, seconds: float,
    ) -> _AnyFilm:  # fmt: skip
        if not 0 < rate <= _MOST_PICTURES:
            raise InputError.about(
                "The pictures of a film", wanted=f"be more than 0 and at most {_MOST_PICTURES:g} a second", got=f"are {rate:g}"
            )  # fmt: skip

        async def start() -> _AnyFilm:
            from ATPLibrary.orchestrator.spice_films import ScreenRecording
            from ATPLibrary.protocol.spice.video.pyav import pyav

            pyav("A film of a screen", "made")
            display = speaking(self.workspace, machine, channel)
            recordings = self.workspace.spice_sessions.recordings
            recordings.require_none(machine.uuid, machine.name, kind)
            film = await make()
            try:
                recordings.start(machine.uuid, machine.name, kind, lambda: ScreenRecording(display, film, rate))
            except BaseException:
                await asyncio.shield(film.close())
                raise
            return film

        return self.wait(start(), seconds, f"Beginning to film the screen of {machine.name}")

    def _stop_watched(self, kind: Kind, what: str, vm: str | None, timeout: timedelta | None) -> None:
        film = self._stop(kind, vm, timeout)
        logger.info(f"The {what} has ended after {film.seconds:.1f} s and {film.frames} pictures.")

    def _stop(self, kind: Kind, vm: str | None, timeout: timedelta | None) -> ScreenRecording:
        seconds = self.seconds(timeout, "command")

        async def stop() -> ScreenRecording:
            from ATPLibrary.orchestrator.spice_films import ScreenRecording

            machine = await self.machine(vm, seconds)
            recording = self.workspace.spice_sessions.recordings.take(machine.uuid, machine.name, kind)
            assert isinstance(recording, ScreenRecording)
            await recording.stop(seconds)
            return recording

        return self.wait(stop(), seconds, f"Ending the film of {named(vm)}")
