"""Keywords about a VM's screen as a film: recorded into a file, or watched while the test runs."""

from __future__ import annotations

from datetime import timedelta
from pathlib import Path
from typing import TYPE_CHECKING

from robot.api import logger
from robot.api.deco import keyword

from ATPLibrary.errors import InputError
from ATPLibrary.keywords import output
from ATPLibrary.keywords.component import Component, named
from ATPLibrary.keywords.spice_words import speaking

if TYPE_CHECKING:
    from ATPLibrary.orchestrator.media_recordings import Kind
    from ATPLibrary.orchestrator.spice_films import ScreenRecording

_FILMS = (".mp4", ".webm")
_MOST_PICTURES = 60.0


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
        return self._start("screen", file, ".mp4", rate=frames_per_second, channel=channel, vm=vm, timeout=timeout)

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
        link = output.link(film.path)
        logger.info(
            f'{film.seconds:.1f} s, {film.frames} pictures: <a href="{link}">{link}</a><br>'
            f'<video controls width="400" src="{link}"></video>',
            html=True,
        )
        return str(film.path)

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
        behind.
        Needs PyAV: ``pip install 'robotframework-atp[video]'``. RTSP isn't offered: it would need GStreamer's RTSP server.
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
                next_step="RTSP and the like need a server of their own, which this library doesn't have",
            )  # fmt: skip
        playlist = self._start(
            "live", f"{folder}/screen.m3u8", ".m3u8",
            rate=frames_per_second, channel=channel, vm=vm, timeout=timeout, serve=serve,
        )  # fmt: skip
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
        film = self._stop("live", vm, timeout)
        logger.info(f"The live view has ended after {film.seconds:.1f} s and {film.frames} pictures.")

    def _start(
        self, kind: Kind, file: str | None, suffix: str, *, rate: float, channel: str, vm: str | None,
        timeout: timedelta | None, serve: bool = False,
    ) -> str:  # fmt: skip
        if not 0 < rate <= _MOST_PICTURES:
            raise InputError.about(
                "The pictures of a film", wanted=f"be more than 0 and at most {_MOST_PICTURES:g} a second", got=f"are {rate:g}"
            )  # fmt: skip
        seconds = self.seconds(timeout, "command")
        machine = self.wait(self.machine(vm, seconds), seconds, f"Reaching {named(vm)}")
        path = output.chosen(file, "recordings", machine.name, suffix)

        async def start() -> str:
            from ATPLibrary.orchestrator.spice_films import ScreenRecording
            from ATPLibrary.protocol.spice.video.pyav import pyav

            pyav("A film of a screen", "made")
            display = speaking(self.workspace, machine, channel)
            sessions = self.workspace.spice_sessions
            recording = sessions.recordings.start(
                machine.uuid, machine.name, kind, lambda: ScreenRecording(display, path, rate, serve=serve)
            )
            assert isinstance(recording, ScreenRecording)
            return recording.url or str(path)

        return self.wait(start(), seconds, f"Beginning to film the screen of {named(vm)}")

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
