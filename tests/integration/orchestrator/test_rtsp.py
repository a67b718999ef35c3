"""RTSP of a screen: GStreamer's real server, watched by FFmpeg's client; the screen is drawn by the tests' SPICE server."""

from __future__ import annotations

import asyncio
import contextlib
import os
import signal
import socket
import subprocess
import sys
import threading
from collections.abc import AsyncIterator, Callable
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import av
import pytest
from PIL import Image
from tests.spice.golden import NO_CLIP, NO_MASK
from tests.spice.gstreamer import rtsp_server_unpacked
from tests.spice.server import Peer, spice_server

from ATPLibrary.errors import ChannelError, ConfigError
from ATPLibrary.orchestrator import rtsp_server
from ATPLibrary.orchestrator.rtsp_server import RtspServer
from ATPLibrary.orchestrator.spice_films import RtspFilm, ScreenRecording
from ATPLibrary.protocol.spice.channels import DisplayConversation
from ATPLibrary.protocol.spice.client import SpeakingChannel, speaking
from ATPLibrary.protocol.spice.display.picture import image_of
from ATPLibrary.protocol.spice.messages import brushes, display, draw, geometry
from ATPLibrary.protocol.spice.video.encoding import H264Encoder
from ATPLibrary.transport.spice import SpiceChannelType as Type

pytestmark = pytest.mark.integration
WIDTH, HEIGHT = 320, 240
RED, GREEN, BLUE = 0xFF0000, 0x00FF00, 0x0000FF
# H264 keeps colours in fewer bits than a screen has.
TOLERANCE = 12


@pytest.fixture(scope="module")
def unpacked(tmp_path_factory: pytest.TempPathFactory) -> dict[str, str]:
    return rtsp_server_unpacked(tmp_path_factory.mktemp("gstreamer"))


@pytest.fixture
def gstreamer(unpacked: dict[str, str], monkeypatch: pytest.MonkeyPatch) -> None:
    for name, value in unpacked.items():
        monkeypatch.setenv(name, value)


@pytest.fixture
async def screen(gstreamer: None) -> AsyncIterator[tuple[SpeakingChannel, Peer]]:
    """A display, half red, half blue, and the server's side of it."""
    async with spice_server() as server:
        connection = server.connection()
        await connection.connect_main_channel(5)
        channel = speaking(await connection.open_channel(Type.DISPLAY, timeout=5))
        peer = await server.peer(Type.DISPLAY)
        peer.say(display.SurfaceCreate(0, WIDTH, HEIGHT, 32, 1))
        fill(peer, RED, 0, WIDTH // 2)
        fill(peer, BLUE, WIDTH // 2, WIDTH)
        conversation = conversation_of(channel)
        await channel.wait_until(lambda: conversation.painter.strokes >= 2, 5, "draw both halves")
        yield channel, peer
        await connection.close()


def conversation_of(channel: SpeakingChannel) -> DisplayConversation:
    assert isinstance(channel.conversation, DisplayConversation)
    return channel.conversation


def fill(peer: Peer, color: int, left: int, right: int) -> None:
    box = geometry.DrawBase(0, geometry.Rect(0, left, HEIGHT, right), NO_CLIP)
    peer.say(draw.DrawFill(box, brushes.Brush(1, brushes.SolidBrush(color)), 8, NO_MASK))


class Viewer:
    """FFmpeg's client on a thread of its own: `picture` is what it shows, until `ended`."""

    def __init__(self, url: str, transport: str = "tcp") -> None:
        self.picture: Image.Image | None = None
        self.ended = threading.Event()
        self.leaves = False
        self._more = threading.Condition()
        threading.Thread(target=self._watch, args=(url, transport), daemon=True).start()

    def _watch(self, url: str, transport: str) -> None:
        options = {"rtsp_transport": transport, "analyzeduration": "100000", "fflags": "nobuffer"}
        try:
            with contextlib.suppress(av.FFmpegError), av.open(url, options=options, timeout=10) as stream:
                for frame in stream.decode(video=0):
                    with self._more:
                        self.picture = frame.to_image()
                        self._more.notify_all()
                    if self.leaves:
                        break
        finally:
            self.ended.set()
            with self._more:
                self._more.notify_all()

    async def sees(self, wanted: Callable[[Image.Image], bool], timeout: float = 20) -> Image.Image:
        def wait() -> Image.Image:
            with self._more:
                self._more.wait_for(
                    lambda: self.ended.is_set() or (self.picture is not None and wanted(self.picture)), timeout
                )
                assert self.picture is not None, "nothing was shown at all"
                assert wanted(self.picture), [self.picture.getpixel((x, HEIGHT // 2)) for x in range(20, WIDTH, 40)]
                return self.picture

        return await asyncio.to_thread(wait)


def near(got: Any, wanted: Any) -> bool:
    return all(abs(one - other) <= TOLERANCE for one, other in zip(got, wanted, strict=True))


def shows(channel: SpeakingChannel) -> Callable[[Image.Image], bool]:
    """Whether a picture is that of the screen, as this client has drawn it."""
    surface = conversation_of(channel).painter.screen
    assert surface is not None
    wanted = image_of(surface).convert("RGB")

    def is_equal(picture: Image.Image) -> bool:
        if picture.size != wanted.size:
            return False
        # Not at the very edges, where colours of two pixels are one.
        places = [(x, y) for x in range(8, WIDTH, 16) for y in range(8, HEIGHT, 16)]
        return all(near(picture.getpixel(place), wanted.getpixel(place)) for place in places)

    return is_equal


def server_of(film: RtspFilm) -> RtspServer:
    return film._server


def is_there(pid: int) -> bool:
    return Path(f"/proc/{pid}").exists()


async def test_two_viewers_see_the_screen_as_it_is_and_as_it_becomes_and_end_with_the_stream(
    screen: tuple[SpeakingChannel, Peer],
) -> None:
    channel, peer = screen
    film = await RtspFilm.start("127.0.0.1", 0, "/screen", 20)
    pid = server_of(film).pid
    recording = ScreenRecording(channel, film, 20)
    first = Viewer(film.name)
    await first.sees(shows(channel))
    second = Viewer(film.name, "udp")
    await second.sees(shows(channel))
    fill(peer, GREEN, 0, WIDTH // 2)
    strokes = conversation_of(channel).painter.strokes
    await channel.wait_until(lambda: conversation_of(channel).painter.strokes > strokes, 5, "draw the left half")
    for viewer in (first, second):
        picture = await viewer.sees(shows(channel))
        assert picture.getpixel((40, 40)) == pytest.approx((0, 255, 0), abs=TOLERANCE)
    await recording.stop(10)
    assert await asyncio.to_thread(first.ended.wait, 15)
    assert await asyncio.to_thread(second.ended.wait, 15)
    assert not is_there(pid)


async def test_without_a_viewer_nothing_is_encoded_and_who_comes_later_sees_the_screen(
    screen: tuple[SpeakingChannel, Peer],
) -> None:
    channel, peer = screen
    film = await RtspFilm.start("127.0.0.1", 0, "/screen", 20)
    recording = ScreenRecording(channel, film, 20)
    for left in range(0, WIDTH, 16):
        fill(peer, GREEN, left, left + 16)
        await asyncio.sleep(0.02)
    assert recording.frames == 0
    for _ in range(2):  # the second comes when the first has gone
        viewer = Viewer(film.name)
        await viewer.sees(shows(channel))
        viewer.leaves = True
        assert await asyncio.to_thread(viewer.ended.wait, 15)
    async with asyncio.timeout(15):
        while server_of(film).is_watched:  # noqa: ASYNC110 - the server's word; nobody but a test waits for it
            await asyncio.sleep(0.05)
    await recording.stop(10)


async def test_a_session_that_ends_ends_its_stream_while_somebody_watches(screen: tuple[SpeakingChannel, Peer]) -> None:
    channel, peer = screen
    film = await RtspFilm.start("127.0.0.1", 0, "/screen", 20)
    pid = server_of(film).pid
    recording = ScreenRecording(channel, film, 20)
    viewer = Viewer(film.name)
    await viewer.sees(shows(channel))
    peer.writer.close()
    assert await asyncio.to_thread(viewer.ended.wait, 15)
    with pytest.raises(ChannelError, match="the server closed it"):
        await recording.stop(10)
    assert not is_there(pid)


async def test_a_server_that_was_killed_is_told_when_the_stream_is_stopped(
    screen: tuple[SpeakingChannel, Peer],
) -> None:
    channel, _ = screen
    film = await RtspFilm.start("127.0.0.1", 0, "/screen", 20)
    recording = ScreenRecording(channel, film, 20)
    os.kill(server_of(film).pid, signal.SIGKILL)
    await asyncio.wait([recording._task], timeout=10)
    with pytest.raises(
        ChannelError, match=r"RTSP server at rtsp://127.0.0.1:\d+/screen should run but has ended with code -9"
    ):
        await recording.stop(10)


async def test_a_port_that_is_taken_is_said(gstreamer: None) -> None:
    with (
        socket.create_server(("127.0.0.1", 0)) as taken,
        pytest.raises(ConfigError, match=r"should listen but can't: .*Address already in use"),
    ):
        await RtspFilm.start("127.0.0.1", taken.getsockname()[1], "/screen", 20)


@pytest.mark.parametrize("python", ["/nonexistent/python3", sys.executable], ids=["no Python", "one without bindings"])
async def test_what_is_missing_is_named_with_how_to_install_it(python: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(rtsp_server, "_PYTHON", python)
    with pytest.raises(
        ConfigError, match=r"apt-get install --no-install-recommends .*python3-gi gir1\.2-gst-rtsp-server-1\.0"
    ):
        await RtspFilm.start("127.0.0.1", 0, "/screen", 20)


def test_a_machine_that_has_all_of_it_is_told_apart_from_one_that_lacks_something(
    gstreamer: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert rtsp_server.missing_packages(30) == ""
    monkeypatch.setattr(rtsp_server, "_PYTHON", sys.executable)
    assert "gir1.2-gst-rtsp-server-1.0" in rtsp_server.missing_packages(30)


def test_a_server_whose_parent_is_gone_ends_by_itself(gstreamer: None) -> None:
    with subprocess.Popen(
        [rtsp_server._PYTHON, "-I", rtsp_server._PROGRAM, "127.0.0.1", "0", "/screen"],
        stdin=subprocess.PIPE, stdout=subprocess.PIPE,
    ) as process:  # fmt: skip
        assert process.stdin is not None
        assert process.stdout is not None
        assert process.stdout.readline().startswith(b"listening ")
        process.stdin.close()
        try:
            assert process.wait(10) == 0
        finally:
            process.kill()


def resident(pid: int) -> int:
    """MiB."""
    status = Path(f"/proc/{pid}/status").read_text()
    return int(status.split("VmRSS:")[1].split()[0]) // 1024


async def test_a_viewer_that_reads_nothing_costs_little_memory(gstreamer: None) -> None:
    server = await RtspServer.start("127.0.0.1", 0, "/screen", 20)
    encoder, noise = H264Encoder((640, 480)), os.urandom(640 * 480 * 4 * 2)
    sent = number = 0

    async def feed(pixels: bytes) -> int:
        nonlocal number
        number += 1
        packed, is_key = await asyncio.to_thread(encoder.encode, pixels, (640, 480), number * 40, server.wants_key)
        await server.send(packed, is_key)
        return len(packed)

    async def until(done: Callable[[], bool], pixels: bytes) -> None:
        async with asyncio.timeout(30):
            while not done():
                if server.wants_key or server.is_watched:
                    await feed(pixels)
                await asyncio.sleep(0.02)

    async def talk(request: str) -> str:
        answer = asyncio.create_task(asyncio.to_thread(ask, request))
        await until(answer.done, noise[: 640 * 480 * 4])
        return await answer

    def ask(request: str) -> str:
        lazy.sendall(request.encode())
        got = b""
        while b"\r\n\r\n" not in got:
            piece = lazy.recv(4096)
            assert piece, got
            got += piece
        return got.decode("utf-8", "replace")

    try:
        with socket.create_connection(("127.0.0.1", urlsplit(server.url).port or 0), timeout=10) as lazy:
            assert "200 OK" in await talk(
                f"DESCRIBE {server.url} RTSP/1.0\r\nCSeq: 1\r\nAccept: application/sdp\r\n\r\n"
            )
            transport = "Transport: RTP/AVP/TCP;unicast;interleaved=0-1"
            answer = await talk(f"SETUP {server.url}/stream=0 RTSP/1.0\r\nCSeq: 2\r\n{transport}\r\n\r\n")
            session = answer.split("Session: ")[1].split(";")[0].split("\r")[0]
            assert "200 OK" in await talk(f"PLAY {server.url} RTSP/1.0\r\nCSeq: 3\r\nSession: {session}\r\n\r\n")
            most = before = resident(server.pid)
            while sent < 100 << 20:  # pictures that can't be packed
                begin = number * 4096 % (640 * 480 * 4)
                sent += await feed(noise[begin : begin + 640 * 480 * 4])
                most = max(most, resident(server.pid))
            print(f"\n{sent >> 20} MiB for one who reads nothing: {before} MiB before, {most} at most")
            assert most - before < 64
    finally:
        await server.close()
    assert not is_there(server.pid)
