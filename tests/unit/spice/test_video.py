"""Video streams, from messages to pixels on the screen: each codec, clips, columns, reports, and streams that lie."""

from __future__ import annotations

import io
import sys
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from fractions import Fraction

import av
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image
from tests.spice.golden import NO_CLIP, NO_MASK
from tests.spice.server import Behaviour, Peer, spice_server

from ATPLibrary.errors import ChannelError, ConfigError, DeadlineError, InputError, VerificationError
from ATPLibrary.keywords.spice_video import _require_frames, _summed
from ATPLibrary.protocol.spice.channels import DisplayConversation
from ATPLibrary.protocol.spice.client import SpeakingChannel, speaking
from ATPLibrary.protocol.spice.display.picture import image_of
from ATPLibrary.protocol.spice.display.pixels import MOST_PIXELS, Unfit
from ATPLibrary.protocol.spice.display.surface import Surface
from ATPLibrary.protocol.spice.enums import DisplayCap, VideoCodec
from ATPLibrary.protocol.spice.errors import SpiceProtocolError
from ATPLibrary.protocol.spice.messages import brushes, display, draw, geometry
from ATPLibrary.protocol.spice.options import SpiceOptions
from ATPLibrary.protocol.spice.schema import Sender
from ATPLibrary.protocol.spice.seam import Fault, Harm
from ATPLibrary.protocol.spice.video import Streams, codecs, preference, pyav
from ATPLibrary.protocol.spice.video.decoders import Broken, JpegDecoder, decoder_of
from ATPLibrary.transport.spice import SpiceChannelType as Type

pytestmark = pytest.mark.unit
ENCODERS = {
    VideoCodec.MJPEG: "mjpeg", VideoCodec.VP8: "libvpx", VideoCodec.H264: "libx264", VideoCodec.VP9: "libvpx-vp9",
    VideoCodec.H265: "libx265",
}  # fmt: skip
ORANGE, TEAL = (240, 120, 20), (20, 130, 140)


def jpeg(width: int, height: int, *colors: tuple[int, int, int]) -> bytes:
    """Horizontal bands of colours."""
    image = Image.new("RGB", (width, height))
    for at, color in enumerate(colors):
        image.paste(color, (0, at * height // len(colors), width, height))
    file = io.BytesIO()
    image.save(file, "jpeg", quality=95)
    return file.getvalue()


def encoded(codec: VideoCodec, width: int, height: int, colors: list[tuple[int, int, int]]) -> list[bytes]:
    """A frame of each colour, as a server sends them: one packet a frame."""
    if codec is VideoCodec.MJPEG:
        return [jpeg(width, height, color) for color in colors]
    context = av.CodecContext.create(ENCODERS[codec], "w")
    context.width, context.height, context.pix_fmt = width, height, "yuv420p"
    context.framerate, context.time_base = 25, Fraction(1, 25)
    context.options = {
        "libx264": {"preset": "ultrafast", "tune": "zerolatency"},
        "libx265": {"preset": "ultrafast", "tune": "zerolatency", "x265-params": "log-level=none"},
    }.get(ENCODERS[codec], {"deadline": "realtime", "cpu-used": "8", "lag-in-frames": "0"})
    packets = []
    for at, color in enumerate(colors):
        frame = av.VideoFrame.from_image(Image.new("RGB", (width, height), color)).reformat(format="yuv420p")
        frame.pts = at
        packets += [bytes(each) for each in context.encode(frame)]
    return packets + [bytes(each) for each in context.encode(None)]


def create(
    id: int = 1, codec: int = 1, *, size: tuple[int, int] = (32, 48), at: tuple[int, int] = (0, 0),
    clip: geometry.Clip = NO_CLIP, flags: int = 1, box: tuple[int, int] | None = None,
) -> display.StreamCreate:  # fmt: skip
    width, height = box or size
    dest = geometry.Rect(at[1], at[0], at[1] + height, at[0] + width)
    return display.StreamCreate(0, id, flags, codec, 0, *size, *size, dest, clip)


def data(packet: bytes, id: int = 1, time: int = 0) -> display.StreamData:
    return display.StreamData(id, time, len(packet), packet)


@asynccontextmanager
async def screen(
    width: int = 64, height: int = 48, options: SpiceOptions | None = None
) -> AsyncIterator[tuple[SpeakingChannel, DisplayConversation, Peer]]:
    """A linked display with a black screen."""
    async with spice_server(Behaviour()) as server:
        connection = server.connection(options=options)
        await connection.connect_main_channel(5)
        channel = speaking(await connection.open_channel(Type.DISPLAY, timeout=5))
        conversation = channel.conversation
        assert isinstance(conversation, DisplayConversation)
        peer = await server.peer(Type.DISPLAY)
        peer.say(display.SurfaceCreate(0, width, height, 32, 1))
        yield channel, conversation, peer
        await connection.close()


async def drawn(channel: SpeakingChannel, conversation: DisplayConversation, frames: int) -> None:
    await channel.wait_until(
        lambda: sum(conversation.streams.drawn.values()) >= frames, 5, f"have drawn {frames} frames"
    )


def color_at(conversation: DisplayConversation, x: int, y: int) -> tuple[int, int, int]:
    assert conversation.painter.screen is not None
    found = image_of(conversation.painter.screen).getpixel((x, y))
    assert isinstance(found, tuple)
    return found[0], found[1], found[2]


def is_about(got: tuple[int, int, int], wanted: tuple[int, int, int]) -> bool:
    return all(abs(one - other) <= 12 for one, other in zip(got, wanted, strict=True))


@pytest.mark.parametrize("codec", list(VideoCodec), ids=lambda each: each.name)
async def test_a_stream_of_each_codec_is_drawn_in_its_place(codec: VideoCodec) -> None:
    assert codec is VideoCodec.MJPEG or ENCODERS[codec] in av.codecs_available, "PyAV's FFmpeg has no such encoder"
    packets = encoded(codec, 32, 48, [ORANGE, TEAL])
    assert len(packets) == 2
    async with screen() as (channel, conversation, peer):
        peer.say(create(codec=codec, at=(32, 0)))
        peer.say(data(packets[0]))
        await drawn(channel, conversation, 1)
        assert is_about(color_at(conversation, 40, 20), ORANGE)
        assert color_at(conversation, 31, 20) == (0, 0, 0)
        peer.say(data(packets[1], time=40))
        await drawn(channel, conversation, 2)
        assert is_about(color_at(conversation, 40, 20), TEAL)
        (stream,) = conversation.streams.as_dicts()
        assert (stream["codec"], stream["frames"], stream["drawn"], stream["lost"]) == (codec.name, 2, 2, 0)
        assert stream["bytes"] == sum(map(len, packets))
        assert not conversation.painter.is_exact
        peer.say(display.StreamDestroy(1))
        await channel.wait_until(lambda: not conversation.streams.streams, 5, "end the stream")
        assert conversation.painter.is_exact


async def test_what_is_drawn_behind_a_frame_stands_above_it() -> None:
    """The frame takes a worker's thread, the fill doesn't: the order is the server's all the same."""
    packet = jpeg(32, 48, ORANGE)
    fill = draw.DrawFill(
        geometry.DrawBase(0, geometry.Rect(0, 0, 10, 32), NO_CLIP),
        brushes.Brush(1, brushes.SolidBrush(0x148C82)),
        8,
        NO_MASK,
    )
    async with screen() as (channel, conversation, peer):
        peer.say(create())
        for _ in range(20):
            peer.say(data(packet))
            peer.say(fill)
        await channel.wait_until(
            lambda: conversation.wire.statistics.by_name["DRAW_FILL"] == 20, 5, "draw what is behind the frames"
        )
        assert color_at(conversation, 5, 5) == (0x14, 0x8C, 0x82)
        assert is_about(color_at(conversation, 5, 20), ORANGE)


async def test_a_screen_of_many_columns_is_put_together_and_none_of_its_frames_lost() -> None:
    """As QEMU streams 640 x 480: 20 streams of 32 x 480."""
    colors = [(at * 12, 255 - at * 12, 90) for at in range(20)]
    async with screen(640, 480) as (channel, conversation, peer):
        for at in range(20):
            peer.say(create(id=at, size=(32, 480), at=(32 * at, 0)))
        for turn in range(5):
            for at in range(20):
                peer.say(data(jpeg(32, 480, colors[(at + turn) % 20]), id=at, time=40 * turn))
        await drawn(channel, conversation, 100)
        for at in range(20):
            for y in (0, 240, 479):
                assert is_about(color_at(conversation, 32 * at + 16, y), colors[(at + 4) % 20])
        assert sum(int(each["lost"]) for each in conversation.streams.as_dicts()) == 0


async def test_clips_sized_frames_and_rows_from_the_bottom_up_are_obeyed() -> None:
    both = jpeg(32, 48, ORANGE, TEAL)
    left = geometry.Clip(1, geometry.ClipRects((geometry.Rect(0, 0, 48, 8),)))
    async with screen() as (channel, conversation, peer):
        peer.say(create(clip=left))
        peer.say(data(both))
        await drawn(channel, conversation, 1)
        assert is_about(color_at(conversation, 4, 5), ORANGE)
        assert color_at(conversation, 12, 5) == (0, 0, 0)
        peer.say(display.StreamClip(1, NO_CLIP))
        peer.say(data(both))
        await drawn(channel, conversation, 2)
        assert is_about(color_at(conversation, 12, 40), TEAL)
        small = jpeg(16, 16, TEAL)
        peer.say(display.StreamDataSized(1, 0, 16, 16, geometry.Rect(0, 32, 32, 64), len(small), small))
        await drawn(channel, conversation, 3)
        assert is_about(color_at(conversation, 60, 30), TEAL)
        peer.say(create(id=2, flags=0))
        peer.say(data(both, id=2))
        await drawn(channel, conversation, 4)
        assert is_about(color_at(conversation, 4, 5), TEAL)
        assert is_about(color_at(conversation, 4, 40), ORANGE)


async def test_what_ended_streams_had_is_still_summed_up() -> None:
    async with screen() as (channel, conversation, peer):
        for field in ("lost", " Late "):
            with pytest.raises(VerificationError, match="'display' should be of frames that came but none has come"):
                _require_frames("'display'", conversation.streams.total, field, False)
        for packet in (b"\xff\xd8 no picture", jpeg(32, 48, ORANGE)):
            peer.say(create())
            peer.say(data(packet))
            peer.say(display.StreamDestroy(1))
        await drawn(channel, conversation, 1)
        await channel.wait_until(lambda: len(conversation.streams.ended) == 2, 5, "end both streams")
        streams, total = conversation.streams.as_dicts(), conversation.streams.total
        assert [_summed(streams, total, each) for each in ("count", "codecs")] == [0, []]
        assert [_summed(streams, total, each) for each in ("frames", "drawn", "lost")] == [2, 1, 1]
        assert _summed(streams, total, "bytes") == len(b"\xff\xd8 no picture") + len(jpeg(32, 48, ORANGE))
        for each in ("lost", "late", "drawn", None):
            _require_frames("'display'", total, each, False)
        with pytest.raises(InputError, match="have count, codecs, frames"):
            _summed(streams, total, "rate")


async def test_where_a_fault_took_frames_nobody_can_say_that_none_was_lost() -> None:
    async with screen() as (channel, conversation, peer):
        peer.say(create())
        peer.say(data(jpeg(32, 48, ORANGE)))
        await drawn(channel, conversation, 1)
        conversation.wire.seam.faults.append(Fault(Harm.DROP, Sender.SERVER, "STREAM_DATA"))
        peer.say(data(jpeg(32, 48, TEAL)))
        peer.say(data(jpeg(32, 48, TEAL)))
        await drawn(channel, conversation, 2)
        total, is_harmed = conversation.streams.total, conversation.wire.seam.is_harmed
        assert (total.frames, total.lost) == (2, 0)
        with pytest.raises(
            VerificationError, match=r"be of all frames that were sent .* a fault on purpose has harmed the channel"
        ):
            _require_frames("'display'", total, "Lost", is_harmed)
        for each in ("late", "drawn", None):
            _require_frames("'display'", total, each, is_harmed)


async def test_the_server_s_wish_for_reports_is_met() -> None:
    async with screen() as (channel, conversation, peer):
        peer.say(create())
        peer.say(display.StreamActivateReport(1, 77, 3, 60_000))
        now = conversation.session_time()
        assert now is not None
        for time in (now - 5000, now + 5000, now + 5040):
            peer.say(data(jpeg(32, 48, ORANGE), time=time & 0xFFFFFFFF))
        report = display.StreamReport.decode(await peer.expect(102))
        assert (report.stream_id, report.unique_id, report.frames, report.drops) == (1, 77, 3, 1)
        assert (report.start_time, report.end_time) == ((now - 5000) & 0xFFFFFFFF, now + 5040)
        assert 0 < report.last_frame_delay <= 5040
        assert conversation.streams.streams[1].statistics.late == 1
        await drawn(channel, conversation, 3)


async def test_a_frame_that_is_broken_is_lost_and_said_and_the_next_one_is_drawn() -> None:
    async with screen() as (channel, conversation, peer):
        peer.say(create())
        for _ in range(2):
            peer.say(data(b"\xff\xd8 no picture"))
        peer.say(data(jpeg(32, 48, ORANGE)))
        await drawn(channel, conversation, 1)
        assert conversation.streams.streams[1].statistics.lost == 2
        told = [event for event in channel.channel.connection.bus.take_notices() if event.kind == "spice.frame-lost"]
        assert len(told) == 1
        assert "a frame of stream 1 in MJPEG can't be decoded" in told[0].notice


@pytest.mark.parametrize("codec", list(VideoCodec), ids=lambda each: each.name)
async def test_a_frame_of_another_size_than_its_stream_ends_the_channel_or_is_lost(codec: VideoCodec) -> None:
    """A picture that FFmpeg refuses for its size never becomes pixels: it is lost."""
    (packet,) = encoded(codec, 512, 512, [ORANGE])
    async with screen() as (channel, conversation, peer):
        peer.say(create(codec=codec))
        peer.say(data(packet))
        if codec is VideoCodec.MJPEG:
            with pytest.raises(
                SpiceProtocolError, match=r"STREAM_DATA .* 512 x 512 pixels where its stream says 32 x 48"
            ):
                await channel.wait_until(lambda: False, 5, "end")
        else:
            await channel.wait_until(lambda: conversation.streams.lost[codec.name] == 1, 5, "lose it")
            assert conversation.streams.drawn[codec.name] == 0


@pytest.mark.parametrize(
    ("message", "reason"),
    [
        (create(size=(0, 48), box=(32, 48)), r"stream_width: says 0 x 48 pixels"),
        (create(size=(1 << 16, 1 << 16), box=(32, 48)), r"stream_width: says 65536 x 65536 pixels"),
        (create(box=(0, 0)), r"dest: says 0 x 0 pixels"),
        (create(box=(-5, 9)), r"dest: says -5 x 9 pixels"),
        (create(box=(1 << 20, 1 << 10)), r"dest: says 1048576 x 1024 pixels"),
        (data(b"x", id=9), r"id: is 9, and there is no such stream"),
        (display.StreamClip(9, NO_CLIP), r"id: is 9"),
        (display.StreamDestroy(9), r"id: is 9"),
        (display.StreamActivateReport(9, 1, 1, 1), r"id: is 9"),
    ],
)
def test_a_stream_that_can_not_be_is_refused(message: object, reason: str) -> None:
    streams = Streams(dict, lambda: None, lambda report: None)
    with pytest.raises(Unfit, match=reason):
        streams.take(message)


def test_streams_have_a_bound_together_in_pixels_and_in_number() -> None:
    streams = Streams(dict, lambda: None, lambda report: None)
    streams.take(create(size=(8192, MOST_PIXELS // 8192)))
    with pytest.raises(Unfit, match="other streams have more than"):
        streams.take(create(id=2))
    streams = Streams(dict, lambda: None, lambda report: None)
    with pytest.raises(Unfit, match="beside 256 others"):  # noqa: PT012
        for id in range(300):
            streams.take(create(id=id))


@settings(max_examples=150, deadline=None)
@given(junk=st.binary(max_size=300), at=st.integers(0, 400), codec=st.sampled_from(list(VideoCodec)))
def test_whatever_comes_as_a_frame_is_decoded_to_its_size_or_refused(junk: bytes, at: int, codec: VideoCodec) -> None:
    packet = bytearray(_ONE_EACH[codec])
    at = min(at, len(packet))
    packet[at : at + len(junk)] = junk
    decoder = decoder_of(codec, (32, 48))
    for _ in range(2):
        try:
            pixels = decoder.decode(bytes(packet), (32, 48), (32, 48))
        except (Broken, Unfit):
            continue
        assert pixels is None or len(pixels.data) == pixels.width * pixels.height * 4


_ONE_EACH = {codec: encoded(codec, 32, 48, [ORANGE])[0] for codec in VideoCodec}


def test_without_pyav_only_mjpeg_is_announced_and_other_codecs_name_the_extra(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(codecs, "has_pyav", lambda: False)
    caps = SpiceOptions().caps_of(Type.DISPLAY)
    announced = [each for each in VideoCodec if codecs.is_announced(each, caps)]
    assert announced == [VideoCodec.MJPEG]
    monkeypatch.setitem(sys.modules, "av", None)
    assert isinstance(decoder_of(VideoCodec.MJPEG, (1, 1)), JpegDecoder)
    with pytest.raises(ConfigError, match=r"robotframework-atp\[video\]"):
        decoder_of(VideoCodec.VP8, (1, 1))
    with pytest.raises(ConfigError, match="it is not installed"):
        pyav.pyav("A film", "made")


async def test_a_codec_that_is_not_decoded_is_said_and_its_frames_are_lost() -> None:
    async with screen() as (channel, conversation, peer):
        peer.say(create(codec=17))
        peer.say(data(b"anything"))
        await channel.wait_until(lambda: conversation.streams.lost["codec 17"] == 1, 5, "lose it")
        assert conversation.wire.statistics.unhandled == {"video of codec 17": 1}
        assert not conversation.painter.is_exact


async def test_a_codec_is_asked_for_no_sooner_than_the_server_survives(monkeypatch: pytest.MonkeyPatch) -> None:
    """The moment that the server gets it, beside the moment that it got INIT."""
    monkeypatch.setattr("ATPLibrary.protocol.spice.stand_in.DISPLAY_CAPS", 0x1052)
    async with screen() as (channel, conversation, peer):
        await preference.prefer(channel, [VideoCodec.VP8], 5)
        assert await peer.expect(105) == b"\1\2"
        assert time.monotonic() - conversation.begun_at >= preference.GUARD_SECONDS
        conversation.begun_at = time.monotonic() + 60
        with pytest.raises(DeadlineError, match="asked for a codec"):
            await preference.prefer(channel, [VideoCodec.VP8], 0.1)


async def test_a_server_that_sends_another_codec_is_told_as_that() -> None:
    async with screen() as (channel, conversation, peer):
        conversation.begun_at -= 60
        peer.say(create())
        peer.say(data(jpeg(32, 48, ORANGE)))
        row = await preference.ask_for(channel, VideoCodec.H265, 0.2)
        assert not row.is_streamed
        assert row.sentence() == "H265 was asked for, and MJPEG came: spice-server, as of 0.15.1, has no encoder for it"
        for _ in range(5):
            peer.say(data(jpeg(32, 48, ORANGE)))
        await drawn(channel, conversation, 6)
        row = await preference.ask_for(channel, VideoCodec.VP9, 0.2)
        assert row.sentence() == "VP9 was asked for, and MJPEG came"
        row = await preference.ask_for(channel, VideoCodec.MJPEG, 0.2)
        assert not row.is_streamed
        peer.say(display.StreamDestroyAll())
        await channel.wait_until(lambda: not conversation.streams.streams, 5, "end them")
        row = await preference.ask_for(channel, VideoCodec.VP8, 0.2)
        assert "nothing is streamed at all" in row.sentence()


async def test_a_server_that_takes_no_wishes_and_a_codec_that_was_not_announced_are_told(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr("ATPLibrary.protocol.spice.stand_in.DISPLAY_CAPS", 0x52)
    async with screen() as (channel, _, _):
        assert "the server lacks the capability" in (await preference.ask_for(channel, VideoCodec.VP8, 0.2)).sentence()
        with pytest.raises(ChannelError, match="PREF_VIDEO_CODEC_TYPE"):
            await preference.prefer(channel, [VideoCodec.VP8], 1)
    options = SpiceOptions(channel_caps={Type.DISPLAY: 1 << DisplayCap.SIZED_STREAM})
    async with screen(options=options) as (channel, _, _):
        row = await preference.ask_for(channel, VideoCodec.VP8, 0.2)
        assert row.sentence() == "VP8 was not announced by this client, so no server sends it"


def test_a_stream_s_place_is_on_its_surface() -> None:
    streams = Streams(lambda: {0: Surface(64, 48, 32)}, lambda: None, lambda report: None)
    beyond = "dest: reaches beyond the surface, which has 64 x 48 pixels"
    for message in (create(at=(33, 0)), create(size=(1, 1), box=(8192, 4096)), create(at=(-1, 0))):
        with pytest.raises(Unfit, match=beyond):
            streams.take(message)
    streams.take(create(at=(32, 0)))
    with pytest.raises(Unfit, match=beyond):
        streams.take(display.StreamDataSized(1, 0, 1, 1, geometry.Rect(0, 0, 4096, 8192), 1, b"x"))
    assert not streams.is_waiting


def test_what_is_decoded_in_one_go_has_a_bound_in_pixels() -> None:
    streams = Streams(lambda: {0: Surface(4096, 4096, 32)}, lambda: None, lambda report: None)
    streams.take(create(size=(1, 1), box=(4096, 2048)))
    streams.take(data(b"x"))
    assert not streams.is_full
    streams.take(data(b"x"))
    assert streams.is_full
    assert len(streams.take_frames()) == 2
    assert not streams.is_full
    for _ in range(3):
        assert not streams.is_full, "the pixels of those that were taken count no more"
        streams.take_frames()
        streams.take(data(b"x"))


async def test_clips_of_a_stream_that_overlap_end_its_channel_by_name() -> None:
    async with screen() as (channel, _, peer):
        whole = geometry.Rect(0, 0, 48, 64)
        peer.say(create(clip=geometry.Clip(1, geometry.ClipRects((whole,) * 3))))
        peer.say(data(jpeg(32, 48, ORANGE)))
        with pytest.raises(
            SpiceProtocolError, match=r"'clip' of the SPICE message STREAM_CLIP .*more pixels than the surface"
        ):
            await channel.wait_until(lambda: False, 5, "end")
