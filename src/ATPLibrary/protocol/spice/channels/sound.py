"""The channels of sound: playback, what the guest plays; record, its microphone."""

from __future__ import annotations

from ATPLibrary.errors import ConfigError
from ATPLibrary.protocol.spice.channels.conversation import Conversation, News, Work
from ATPLibrary.protocol.spice.enums import AudioFormat, AudioMode
from ATPLibrary.protocol.spice.link import Linked
from ATPLibrary.protocol.spice.messages import audio
from ATPLibrary.protocol.spice.options import SpiceOptions
from ATPLibrary.protocol.spice.schema import Message
from ATPLibrary.protocol.spice.sound.listener import Listener
from ATPLibrary.protocol.spice.sound.opus import OpusDecoder
from ATPLibrary.protocol.spice.wire import Unknown
from ATPLibrary.transport.spice import SpiceChannelType

# Packets that are decoded in one go.
_MOST_PACKETS = 64
_MOST_CHANNELS, _MOST_HERTZ = 8, 384_000


class PlaybackConversation(Conversation):
    """READY at once. `format` is (channels, format, Hz) while the guest plays, else None; `mode` 1 plain samples, 3 Opus.

    `volumes` of each channel from 0 to 65535, `is_muted` and `latency_ms` as the server said them last; samples are as the guest
    made them, whatever the volume. Nothing is decoded while nobody listens. `lost` packets came, and could not be decoded. Of the
    packets that came while somebody listened, `listened_to`, so many are `dealt_with`: decoded or lost, in the order they came.
    """

    format: tuple[int, int, int] | None = None
    mode = int(AudioMode.RAW)
    volumes: tuple[int, ...] = ()
    is_muted = False
    latency_ms: int | None = None
    packets = 0
    lost = 0
    listened_to = 0
    dealt_with = 0
    _opus: OpusDecoder | None = None

    def __init__(self, type: SpiceChannelType, subject: str, linked: Linked, options: SpiceOptions) -> None:
        super().__init__(type, subject, linked, options)
        self.listeners: list[Listener] = []
        self._packets: list[tuple[int, bytes]] = []

    def listen(self) -> Listener:
        """One who hears from now on, until `leave`."""
        listener = Listener()
        if self.format is not None:
            listener.begins(self.format[0], self.format[2])
        self.listeners.append(listener)
        return listener

    def leave(self, listener: Listener) -> None:
        if listener in self.listeners:
            self.listeners.remove(listener)

    def works_before(self, item: Message | Unknown | None) -> tuple[Work, ...]:
        packets = self._packets
        if not packets or (isinstance(item, audio.PlaybackData) and len(packets) < _MOST_PACKETS):
            return ()
        self._packets = []
        decoder = self._opus
        assert decoder is not None
        decode = lambda: [(time, decoder.decode(packet)) for time, packet in packets]  # noqa: E731
        return (Work(f"Decoding sound of {self.subject}", decode, self._heard),)

    def handle(self, message: Message) -> None:
        match message:
            case audio.PlaybackStart(channels, format_, frequency, _):
                self._start(message, channels, format_, frequency)
            case audio.PlaybackStop():
                self.format = None
                self.tell("playback", {"state": "stopped"})
            case audio.PlaybackMode(_, mode, _):
                self.mode = mode
            case audio.PlaybackVolume(volumes):
                self.volumes = volumes
                self.tell("volume", {"volumes": list(volumes)})
            case audio.PlaybackMute(mute):
                self.is_muted = bool(mute)
                self.tell("volume", {"muted": self.is_muted})
            case audio.PlaybackLatency(latency_ms):
                self.latency_ms = latency_ms
            case audio.PlaybackData(time, data):
                self.packets += 1
                for listener in self.listeners:
                    listener.packets += 1
                if self.listeners:
                    self.listened_to += 1
                    self._data(time, bytes(data))

    def _start(self, message: Message, channels: int, format: int, frequency: int) -> None:
        if not 1 <= channels <= _MOST_CHANNELS:
            raise self.wrong(message, "channels", f"is {channels}, where 1 to {_MOST_CHANNELS} are possible")
        if not 1 <= frequency <= _MOST_HERTZ:
            raise self.wrong(message, "frequency", f"is {frequency}, where 1 to {_MOST_HERTZ} are possible")
        self.format = channels, format, frequency
        self._opus = None
        for listener in self.listeners:
            listener.begins(channels, frequency)
        self.tell("playback", {"state": "started", "channels": channels, "frequency": frequency})

    def _data(self, time: int, data: bytes) -> None:
        if self.format is None:
            self._unheard("sound that never began (no START)")
            return
        if self.mode == AudioMode.RAW and self.format[1] == AudioFormat.S16:
            self._heard([(time, data)])
            return
        if self.mode == AudioMode.OPUS:
            try:
                self._opus = self._opus or OpusDecoder(self.format[0])
                self._packets.append((time, data))
                return
            except ConfigError as error:
                self._unheard(f"sound in Opus ({error})")
                return
        self._unheard(f"sound in mode {self.mode}, format {self.format[1]}")

    def _heard(self, decoded: list[tuple[int, bytes | None]]) -> None:
        for time, samples in decoded:
            if samples is None:
                self._lose()
                continue
            self.dealt_with += 1
            for listener in self.listeners:
                listener.hear(time, samples)

    def _lose(self) -> None:
        self.lost += 1
        self.dealt_with += 1
        for listener in self.listeners:
            listener.lost += 1

    def _unheard(self, what: str) -> None:
        self._lose()
        counted_as = self.wire.statistics.count_unhandled(what)
        text = f"{self.subject}: this client does not decode {what}"
        self.tell_once(f"unhandled {counted_as}", News("unhandled", {"what": what}, text, is_warning=True))


class RecordConversation(Conversation):
    """READY at once. `format` is (channels, format, Hz) while the guest records, else None."""

    format: tuple[int, int, int] | None = None
    volumes: tuple[int, ...] = ()
    is_muted = False

    def handle(self, message: Message) -> None:
        match message:
            case audio.RecordStart(channels, format_, frequency):
                if not 1 <= channels <= _MOST_CHANNELS:
                    raise self.wrong(message, "channels", f"is {channels}, where 1 to {_MOST_CHANNELS} are possible")
                if not 1 <= frequency <= _MOST_HERTZ:
                    raise self.wrong(message, "frequency", f"is {frequency}, where 1 to {_MOST_HERTZ} are possible")
                self.format = channels, format_, frequency
                self.tell("record", {"state": "started", "channels": channels, "frequency": frequency})
            case audio.RecordStop():
                self.format = None
                self.tell("record", {"state": "stopped"})
            case audio.RecordVolume(volumes):
                self.volumes = volumes
            case audio.RecordMute(mute):
                self.is_muted = bool(mute)
