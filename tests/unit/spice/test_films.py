"""Films of a screen: what is in the file, what a player finds of one that grows, and what ends them."""

from __future__ import annotations

import asyncio
import urllib.error
import urllib.request
from pathlib import Path
from typing import Any, cast

import av
import pytest
from tests.spice.golden import NO_CLIP, NO_MASK
from tests.spice.server import spice_server

from ATPLibrary.errors import ChannelError, ConfigError, InputError
from ATPLibrary.events import EventBus
from ATPLibrary.orchestrator.media_recordings import Recordings
from ATPLibrary.orchestrator.spice_films import FilmFile, ScreenRecording
from ATPLibrary.orchestrator.spice_sessions import SpiceSessions
from ATPLibrary.orchestrator.spice_sound import AudioRecording
from ATPLibrary.protocol.spice.client import speaking
from ATPLibrary.protocol.spice.messages import audio, brushes, display, draw, geometry
from ATPLibrary.protocol.spice.video.movies import Movie
from ATPLibrary.transport.spice import SpiceChannelType as Type

pytestmark = pytest.mark.unit
RED, BLUE = b"\0\0\xff\0", b"\xff\0\0\0"


def pictures(path: Path) -> list[tuple[float, tuple[int, int, int]]]:
    """When each picture of a film begins, and the colour in its middle."""
    with av.open(str(path)) as film:
        return [
            (float(frame.time), frame.to_image().getpixel((frame.width // 2, frame.height // 2)))
            for frame in film.decode(video=0)
        ]


@pytest.mark.parametrize("suffix", [".mp4", ".webm"])
def test_a_film_has_its_pictures_at_their_times(tmp_path: Path, suffix: str) -> None:
    movie = Movie(tmp_path / f"film{suffix}", (65, 49))  # an odd size
    movie.add(RED * (65 * 49), (65, 49), 0)
    movie.add(BLUE * (65 * 49), (65, 49), 500)
    movie.add(RED * (32 * 24), (32, 24), 1700)  # the guest's screen has become smaller
    movie.close()
    found = pictures(movie.path)
    assert [time for time, _ in found] == pytest.approx([0, 0.5, 1.7], abs=0.01)
    assert [color[0] > 150 for _, color in found] == [True, False, True]
    assert [color[2] > 150 for _, color in found] == [False, True, False]


def test_a_film_that_grows_has_a_playlist_and_segments_that_begin_anew(tmp_path: Path) -> None:
    movie = Movie(tmp_path / "screen.m3u8", (64, 48))
    for at in range(70):
        movie.add((RED if at % 2 else BLUE) * (64 * 48), (64, 48), at * 100)
        if at == 45:
            assert "#EXTINF" in movie.path.read_text()  # while it goes on
            assert "#EXT-X-ENDLIST" not in movie.path.read_text()
    movie.close()
    segments = [line for line in movie.path.read_text().splitlines() if line.endswith(".ts")]
    assert len(segments) >= 3
    assert len(pictures(movie.path)) == 70
    for segment in segments:
        assert pictures(tmp_path / segment)


def test_a_film_that_can_not_be_written_says_so(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match=r"film\.mp4' should be written"):
        Movie(tmp_path / "no-such-folder" / "film.mp4", (64, 48))


async def drawing(server_peer: object, color: int) -> None:
    box = geometry.DrawBase(0, geometry.Rect(0, 0, 48, 64), NO_CLIP)
    server_peer.say(draw.DrawFill(box, brushes.Brush(1, brushes.SolidBrush(color)), 8, NO_MASK))  # type: ignore[attr-defined]
    await asyncio.sleep(0.6)


async def test_a_screen_is_filmed_until_it_is_stopped_and_stillness_costs_no_pictures(tmp_path: Path) -> None:
    async with spice_server() as server:
        connection = server.connection()
        await connection.connect_main_channel(5)
        channel = speaking(await connection.open_channel(Type.DISPLAY, timeout=5))
        peer = await server.peer(Type.DISPLAY)
        recording = ScreenRecording(channel, FilmFile(tmp_path / "film.mp4"), 20)
        peer.say(display.SurfaceCreate(0, 64, 48, 32, 1))
        await drawing(peer, 0xFF0000)
        await drawing(peer, 0x0000FF)
        await asyncio.sleep(0.5)
        await recording.stop(10)
        found = pictures(tmp_path / "film.mp4")
        assert 2 <= len(found) == recording.frames <= 8
        assert found[-1][1][2] > 150
        assert any(color[0] > 150 for _, color in found)
        assert found[-1][0] - found[0][0] > 0.5
        await connection.close()


async def test_a_live_view_is_fetched_by_http_and_nothing_beside_it_is(tmp_path: Path) -> None:
    (tmp_path / "secret.txt").write_text("x")
    folder = tmp_path / "live"
    folder.mkdir()
    (folder / "way-out").symlink_to(tmp_path / "secret.txt")
    async with spice_server() as server:
        connection = server.connection()
        await connection.connect_main_channel(5)
        channel = speaking(await connection.open_channel(Type.DISPLAY, timeout=5))
        peer = await server.peer(Type.DISPLAY)
        peer.say(display.SurfaceCreate(0, 64, 48, 32, 1))
        film = FilmFile(folder / "screen.m3u8", serve=True)
        recording = ScreenRecording(channel, film, 20)
        url = film.url

        def fetch(address: str) -> tuple[int, str]:
            try:
                with urllib.request.urlopen(address, timeout=5) as answer:
                    return answer.status, answer.read().decode("utf-8", "replace")
            except urllib.error.HTTPError as error:
                return error.code, ""

        async with asyncio.timeout(20):
            while (await asyncio.to_thread(fetch, url))[0] != 200:
                await drawing(peer, 0xFF0000)
        assert "#EXTM3U" in (await asyncio.to_thread(fetch, url))[1]
        base = url.rsplit("/", 1)[0]
        for address in ("/", "/way-out", "/../secret.txt", "/%2e%2e/secret.txt"):
            assert (await asyncio.to_thread(fetch, base + address))[0] == 404
        await recording.stop(10)
        assert "#EXT-X-ENDLIST" in film.path.read_text()
        with pytest.raises(urllib.error.URLError):
            await asyncio.to_thread(fetch, url)
        await connection.close()


async def test_a_film_of_a_channel_that_ends_is_kept_and_its_end_told(tmp_path: Path) -> None:
    async with spice_server() as server:
        connection = server.connection()
        await connection.connect_main_channel(5)
        channel = speaking(await connection.open_channel(Type.DISPLAY, timeout=5))
        peer = await server.peer(Type.DISPLAY)
        peer.say(display.SurfaceCreate(0, 64, 48, 32, 1))
        recording = ScreenRecording(channel, FilmFile(tmp_path / "film.mp4"), 20)
        await drawing(peer, 0xFF0000)
        peer.writer.close()
        with pytest.raises(ChannelError):
            await channel.wait_until(lambda: False, 5, "end")
        with pytest.raises(ChannelError, match="the server closed it"):
            await recording.stop(10)
        assert pictures(tmp_path / "film.mp4")
        await connection.close()


async def test_one_recording_of_a_kind_runs_at_once_and_closing_ends_those_that_run(tmp_path: Path) -> None:
    class Fake:
        name = "film.mp4"
        seconds = 0.0
        stopped = False

        async def stop(self, timeout: float) -> None:
            self.stopped = True
            raise ChannelError("the channel has ended")

    bus = EventBus()
    recordings, one = Recordings(bus), Fake()
    recordings.start("u-1", "win11", "screen", lambda: one)
    with pytest.raises(ConfigError, match="has one already"):
        recordings.start("u-1", "win11", "screen", Fake)
    with pytest.raises(ConfigError, match="have an RTSP stream but has none running"):
        recordings.take("uuid", "win11", "rtsp")
    with pytest.raises(ConfigError, match="have a recording of its sound but has none running"):
        recordings.take("u-1", "win11", "sound")
    await recordings.close("u-2")
    assert not one.stopped
    await recordings.close()
    assert one.stopped
    assert ["may not be whole: the channel has ended" in each.notice for each in bus.take_notices()] == [True]


async def test_a_recording_without_room_on_its_disk_lets_the_session_end() -> None:
    path = Path("/dev/full")
    async with spice_server() as server:
        connection = server.connection()
        await connection.connect_main_channel(5)
        channel = speaking(await connection.open_channel(Type.PLAYBACK, timeout=5))
        (await server.peer(Type.PLAYBACK)).say(audio.PlaybackStart(2, 1, 48000, 0))
        full = r"The recording '/dev/full' should be written but can't be: No space left on device"
        with pytest.raises(InputError, match=full):
            await AudioRecording(channel, path).stop(5)
        bus = EventBus()
        recordings = Recordings(bus)
        recordings.start("u-1", "win11", "sound", lambda: AudioRecording(channel, path))
        await recordings.close()
        assert [full.replace("\\", "") in each.notice for each in bus.take_notices()] == [True]
        await connection.close()


async def test_an_error_that_is_no_notice_lets_the_session_end_all_the_same() -> None:
    class Broken:
        name = "a"
        seconds = 0.0

        async def stop(self, timeout: float) -> None:
            raise RuntimeError("an error of this library's")

    class Manager:
        is_closed = False

        async def close(self) -> None:
            self.is_closed = True

    class Workspace:
        bus = EventBus()

    sessions, manager = SpiceSessions(cast("Any", Workspace())), Manager()
    sessions._managers["u-1"] = cast("Any", manager)
    sessions.recordings.start("u-1", "win11", "sound", Broken)
    with pytest.raises(RuntimeError):
        await sessions.close("u-1")
    assert manager.is_closed
    await sessions.close("u-1")
