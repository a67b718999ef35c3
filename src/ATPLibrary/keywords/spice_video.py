"""Keywords about the video streams of a VM's SPICE display: what is streamed, in which codec, and whether it can be decoded."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING, Any

from robot.api import logger
from robot.api.deco import keyword

from ATPLibrary.errors import VerificationError
from ATPLibrary.keywords.assertions import Operator, check
from ATPLibrary.keywords.component import Component, in_seconds, named
from ATPLibrary.keywords.spice_words import doubt_for, speaking

if TYPE_CHECKING:
    from ATPLibrary.orchestrator import Machine
    from ATPLibrary.protocol.spice.client import SpeakingChannel
    from ATPLibrary.protocol.spice.video.preference import CodecRow
    from ATPLibrary.protocol.spice.video.streams import StreamStatistics

_WITHIN = timedelta(seconds=10)
# What is asked of the streams that there are now, not summed up: the whole list, and two fields.
_OF_NOW = ("", "count", "codecs")


class SpiceVideoKeywords(Component):
    @keyword(name="Get SPICE Streams", tags=["SPICE", "Getter", "Assertion"])
    def get_spice_streams(
        self,
        field: str | None = None,
        operator: Operator | None = None,
        expected: Any = None,
        *,
        channel: str = "display",
        vm: str | None = None,
        timeout: timedelta | None = None,
    ) -> Any:
        """Returns the video streams that a SPICE display has now, or one thing about all of them together.

        A list of dictionaries: ``id``, ``codec``, ``width`` and ``height`` of its frames, ``left`` and ``top`` of its place in
        pixels, ``frames`` and ``bytes`` that have come, ``drawn``, ``lost`` (came, but could not be decoded), ``late`` (drawn when
        their time was over), ``frames_per_second``. QEMU streams a screen in columns of 32 pixels: 640 x 480 are 20 streams.

        - ``field``: ``count`` (of the streams that there are now), ``codecs`` (a list of theirs), or one of ``frames``, ``bytes``,
          ``drawn``, ``lost`` and ``late``, which are summed up over all streams since the channel was opened.
        - ``operator``, ``expected``: an assertion about it, such as ``==    0``. One about ``lost`` or ``late`` fails where no
          frame has come: of none, none can be lost. One about ``lost`` fails as well where a fault on purpose (`Drop Next Message`
          and the like) has harmed the channel's messages: what that took away is not counted. One about ``codecs`` fails where
          there is no stream; one about them, ``count`` or the whole list fails after such a fault too, and while acknowledgements
          are withheld: which streams there are isn't known then.
        - ``channel``: ``display``, or with its number ``display:1``; it must be open.
        - ``vm``: the VM's name or UUID; by default the current VM.
        - ``timeout``: by default ``timeouts.command`` of the configuration (10 s).

        Example:
        | Connect To VM    win11
        | Open SPICE Channel    display
        | ${streams} =    Get SPICE Streams
        | Get SPICE Streams    lost    ==    ${0}
        """
        seconds, wanted = self.seconds(timeout, "command"), field.strip().lower() if field is not None else ""
        about = f"{field or 'The streams'} of SPICE channel {channel} of {named(vm)}"

        async def ask() -> tuple[list[dict[str, Any]], StreamStatistics, bool]:
            from ATPLibrary.protocol.spice.channels import DisplayConversation

            display = self._display(await self.machine(vm, seconds), channel)
            conversation = display.conversation
            assert isinstance(conversation, DisplayConversation)
            streams = conversation.streams
            if wanted in _OF_NOW:
                doubt_for(display, about, operator)
            return streams.as_dicts(), streams.total, conversation.wire.seam.is_harmed

        streams, total, is_harmed = self.wait(
            ask(), seconds, f"Asking for the streams of SPICE channel {channel} of {named(vm)}"
        )
        value: Any = streams if field is None else _summed(streams, total, field)
        if operator is not None:
            _require_frames(about, total, field, is_harmed)
            if wanted == "codecs":
                _require_streams(about, streams)
        check(about, value, operator, expected)
        return value

    @keyword(tags=["SPICE", "Assertion"])
    def codec_should_be_streamed(
        self,
        codec: str,
        within: timedelta = _WITHIN,
        *,
        channel: str = "display",
        vm: str | None = None,
        timeout: timedelta | None = None,
    ) -> None:
        """Asks a VM's SPICE server for a video codec, and waits until frames of it have come and were decoded.

        Something must move on the screen, and QEMU's ``streaming-video`` must not be ``off``. A server that can't encode a codec
        sends another one: the error says which. spice-server has MJPEG of its own, takes VP8, VP9 and H264 from GStreamer's plugins
        (``gstreamer1.0-plugins-good`` and ``-ugly`` on its host), and has no H265. The wish stays until another one is said.

        Frames of it that came meanwhile and could not be decoded are a warning.

        A server of that kind (0.15.1) crashes when it is asked in the first second of a channel: this keyword waits that long.
        GStreamer looks for its plugins in a process of its own. libvirt lets a VM's QEMU start none, and the kernel ends QEMU
        where it tries: ``<qemu:env name='GST_REGISTRY_FORK' value='no'/>`` in the VM's ``<qemu:commandline>`` keeps it from that.

        - ``codec``: ``MJPEG``, ``VP8``, ``VP9``, ``H264`` or ``H265``. All but MJPEG need PyAV here:
          ``pip install 'robotframework-atp[video]'``.
        - ``within``: how long to wait for its frames; by default 10 s.
        - ``channel``: ``display``, or with its number ``display:1``; it must be open.
        - ``vm``: the VM's name or UUID; by default the current VM.
        - ``timeout``: for reaching the VM before that; by default ``timeouts.command`` of the configuration (10 s).

        Example:
        | Connect To VM    win11
        | Open SPICE Channel    display
        | Codec Should Be Streamed    VP8    within=10 s
        """
        from ATPLibrary.protocol.spice.video.codecs import parsed

        seconds, reaching, wanted = in_seconds(within), self.seconds(timeout, "command"), parsed(codec)

        async def ask() -> CodecRow:
            from ATPLibrary.protocol.spice.video.preference import ask_for

            return await ask_for(self._display(await self.machine(vm, reaching), channel), wanted, seconds)

        row = self.wait(ask(), seconds + reaching, f"Asking SPICE channel {channel} of {named(vm)} for {wanted.name}")
        if not row.is_streamed:
            raise VerificationError.about(
                f"SPICE channel {channel} of {named(vm)}", wanted=f"stream {wanted.name}", waited=seconds,
                got=f"did not: {row.sentence()}", next_step=_next_step(row),
            )  # fmt: skip
        (logger.warn if row.lost else logger.info)(row.sentence() + ".")

    @keyword(tags=["SPICE", "Getter"])
    def get_codec_matrix(
        self,
        *codecs: str,
        within: timedelta = timedelta(seconds=5),
        channel: str = "display",
        vm: str | None = None,
        timeout: timedelta | None = None,
    ) -> list[dict[str, Any]]:
        """Asks a VM's SPICE server for one video codec after the other, and returns what became of each: a list of dictionaries.

        ``codec``; ``announced`` (this client takes it); ``preferred`` (the server could be asked for it); ``observed`` (a list of
        the codecs that were streamed then); ``decoded`` and ``lost``, its frames; ``result``, all of that in a sentence. What the
        server or this machine can't do is said there; nothing is left out. In the end MJPEG is asked for again.

        - ``codecs``: which ones; by default all: MJPEG, VP8, H264, VP9, H265.
        - ``within``: how long each may take; by default 5 s. A switch takes about one.
        - ``channel``: ``display``, or with its number ``display:1``; it must be open, and something must move on it.
        - ``vm``: the VM's name or UUID; by default the current VM.
        - ``timeout``: for reaching the VM before that; by default ``timeouts.command`` of the configuration (10 s).

        Example:
        | Connect To VM    win11
        | Open SPICE Channel    display
        | ${rows} =    Get Codec Matrix    MJPEG    VP8
        """
        from ATPLibrary.protocol.spice.enums import VideoCodec
        from ATPLibrary.protocol.spice.video.codecs import parsed

        seconds, reaching = in_seconds(within), self.seconds(timeout, "command")
        wanted = [parsed(each) for each in codecs] or list(VideoCodec)

        async def ask() -> list[CodecRow]:
            from ATPLibrary.protocol.spice.video.preference import ask_for, can_be_asked, prefer

            display = self._display(await self.machine(vm, reaching), channel)
            rows = [await ask_for(display, each, seconds) for each in wanted]
            if can_be_asked(display):
                await prefer(display, [VideoCodec.MJPEG], reaching)
            return rows

        rows = self.wait(
            ask(), len(wanted) * (seconds + 1) + 2 * reaching, f"The codecs of SPICE channel {channel} of {named(vm)}"
        )
        for row in rows:
            logger.info(row.sentence() + ".")
        return [
            {
                "codec": row.codec, "announced": row.announced, "preferred": row.preferred, "observed": list(row.observed),
                "decoded": row.decoded, "lost": row.lost, "result": row.sentence(),
            }
            for row in rows
        ]  # fmt: skip

    def _display(self, machine: Machine, channel: str) -> SpeakingChannel:
        from ATPLibrary.errors import InputError
        from ATPLibrary.protocol.spice.channels import DisplayConversation

        found = speaking(self.workspace, machine, channel)
        if not isinstance(found.conversation, DisplayConversation):
            raise InputError.about("A channel with video", wanted="be a display", got=f"is '{channel}'")
        return found


def _summed(streams: list[dict[str, Any]], total: StreamStatistics, field: str) -> Any:
    from ATPLibrary.errors import InputError

    wanted = field.strip().lower()
    if wanted == "count":
        return len(streams)
    if wanted == "codecs":
        return sorted({each["codec"] for each in streams})
    sums = ("frames", "bytes", "drawn", "lost", "late")
    if wanted not in sums:
        raise InputError.about(
            "The streams of a SPICE display", wanted=f"have '{field}'", got=f"have count, codecs, {', '.join(sums)}"
        )
    return getattr(total, wanted)


def _require_frames(about: str, total: StreamStatistics, field: str | None, is_harmed: bool) -> None:
    """`VerificationError` where nothing has come that could be lost or late, or a fault may have taken frames uncounted."""
    wanted = field.strip().lower() if field is not None else ""
    if wanted == "lost" and is_harmed:
        raise VerificationError.about(
            about, wanted="be of all frames that were sent",
            got="is not: a fault on purpose has harmed the channel's messages, and what it took away is not counted",
            next_step="Open the channel anew, and assert it where no fault acts",
        )  # fmt: skip
    if wanted in ("lost", "late") and not total.frames:
        raise VerificationError.about(
            about, wanted="be of frames that came", got="none has come since the channel was opened",
            next_step="Have something move on the guest's screen: QEMU streams what changes often",
        )  # fmt: skip


def _require_streams(about: str, streams: list[dict[str, Any]]) -> None:
    """`VerificationError` where there is none: of no stream, anything can be said."""
    if not streams:
        raise VerificationError.about(
            about, wanted="be of streams that there are", got="there is none now",
            next_step="Have something move on the guest's screen: QEMU streams what changes often. That nothing is streamed says "
            "'Get SPICE Streams    count    ==    0'",
        )  # fmt: skip


def _next_step(row: CodecRow) -> str:
    if not row.announced:
        return "pip install 'robotframework-atp[video]', which decodes it, and open the channel anew"
    if not row.observed:
        return (
            "Have something move on the screen, and QEMU stream video "
            "(-spice streaming-video=all, in libvirt <streaming mode='all'/>)"
        )
    if row.codec == "H265":
        return "Ask for one that it has: MJPEG, VP8, VP9, H264"
    return f"Install GStreamer's encoder for {row.codec} on the VM's host, where its spice-server looks for it"
