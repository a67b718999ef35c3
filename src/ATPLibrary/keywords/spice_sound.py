"""Keywords about a VM's sound through SPICE: hear it, record it, play into its microphone."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

from robot.api import logger
from robot.api.deco import keyword

from ATPLibrary.errors import InputError
from ATPLibrary.keywords import output
from ATPLibrary.keywords.component import Component, in_seconds, named
from ATPLibrary.keywords.spice_words import speaking

if TYPE_CHECKING:
    from ATPLibrary.orchestrator import Machine
    from ATPLibrary.orchestrator.spice_sound import AudioRecording
    from ATPLibrary.protocol.spice.client import SpeakingChannel
    from ATPLibrary.protocol.spice.sound.tones import Tone

# How sound for the guest's microphone is packed, as Get SPICE Sound names it of the guest's own.
Mode = Literal["raw", "opus"]
_WITHIN = timedelta(seconds=5)
_ONE = timedelta(seconds=1)
# Half of the highest rate that a guest's sound has.
_HIGHEST_HZ = 24_000


class SpiceSoundKeywords(Component):
    @keyword(name="Get SPICE Sound", tags=["SPICE", "Getter"])
    def get_spice_sound(self, vm: str | None = None, timeout: timedelta | None = None) -> dict[str, Any]:
        """Returns what a VM's playback channel has said of its sound, as a dictionary.

        ``playing``; ``channels`` and ``frequency`` (Hz, of the samples; 0 while nothing is played); ``mode`` (``raw`` or ``opus``);
        ``volumes`` of each channel from 0 to 65535 (an empty list: never said); ``muted``; ``latency_ms`` (None: never said);
        ``packets`` that have come and ``lost`` ones that could not be decoded. The channel ``playback`` must be open.

        - ``vm``: the VM's name or UUID; by default the current VM.
        - ``timeout``: by default ``timeouts.command`` of the configuration (10 s).

        Example:
        | Connect To VM    win11
        | Open SPICE Channel    playback
        | ${sound} =    Get SPICE Sound
        """
        seconds = self.seconds(timeout, "command")

        async def ask() -> dict[str, Any]:
            from ATPLibrary.protocol.spice.channels import PlaybackConversation
            from ATPLibrary.protocol.spice.enums import AudioMode

            playback = speaking(self.workspace, await self.machine(vm, seconds), "playback").conversation
            assert isinstance(playback, PlaybackConversation)
            channels, _, frequency = playback.format or (0, 0, 0)
            mode = next((each.name.lower() for each in AudioMode if each == playback.mode), str(playback.mode))
            return {
                "playing": playback.format is not None, "channels": channels, "frequency": frequency, "mode": mode,
                "volumes": list(playback.volumes), "muted": playback.is_muted, "latency_ms": playback.latency_ms,
                "packets": playback.packets, "lost": playback.lost,
            }  # fmt: skip

        return self.wait(ask(), seconds, f"Asking for the sound of {named(vm)}")

    @keyword(tags=["SPICE", "Assertion"])
    def tone_should_be_heard(
        self,
        frequency: float,
        within: timedelta = _WITHIN,
        tolerance: float = 10.0,
        *,
        vm: str | None = None,
        timeout: timedelta | None = None,
    ) -> float:
        """Waits until the guest plays a tone, and returns the frequency that was measured, in Hz.

        The strongest tone of 0.17 s of sound is looked at; it must have half of the sound's energy. What was played before this
        keyword began doesn't count. The error says which tone was heard last, that the guest has played nothing, or that
        what came could not be decoded.
        The channel ``playback`` must be open.

        - ``frequency``: in Hz, 20 to 24000.
        - ``within``: how long to wait for it; by default 5 s.
        - ``tolerance``: how far from it the tone may be, in Hz; by default 10.
        - ``vm``: the VM's name or UUID; by default the current VM.
        - ``timeout``: for reaching the VM before that; by default ``timeouts.command`` of the configuration (10 s).

        Example:
        | Connect To VM    win11
        | Open SPICE Channel    playback
        | Tone Should Be Heard    1000    within=5 s
        """
        seconds, reaching = in_seconds(within), self.seconds(timeout, "command")
        _check_frequency(frequency)

        async def hear() -> Tone:
            from ATPLibrary.orchestrator.spice_sound import wait_for_tone

            channel = speaking(self.workspace, await self.machine(vm, reaching), "playback")
            return await wait_for_tone(channel, frequency, tolerance, seconds)

        tone = self.wait(hear(), seconds + reaching, f"Waiting for a tone of {frequency:g} Hz of {named(vm)}")
        logger.info(f"The guest plays {tone}.")
        return round(tone.frequency, 2)

    @keyword(tags=["SPICE", "Assertion"])
    def silence_should_be_heard(
        self,
        duration: timedelta = _ONE,
        below: float = -60.0,
        *,
        vm: str | None = None,
        timeout: timedelta | None = None,
    ) -> None:
        """Listens to the guest for a time, and fails as soon as it plays something, with what that was.

        A guest that plays nothing sends nothing: that is silence as well, and the log says so. Sound that came and could not be
        decoded is none: then it fails. It fails too where a fault (`Drop Next Message` and the like) has acted on the channel's
        messages meanwhile or acknowledgements are withheld, and where the VM stands still, stood still for a part of the time, or
        its QEMU doesn't say before and after that it runs. The channel ``playback`` must be open.

        - ``duration``: how long it must be silent; by default 1 s.
        - ``below``: the level that counts as silence, in dB below full scale; by default -60.
        - ``vm``: the VM's name or UUID; by default the current VM.
        - ``timeout``: for reaching the VM before that, and for each answer of its QEMU (5 s at most); by default
          ``timeouts.command`` of the configuration (10 s).

        Example:
        | Connect To VM    win11
        | Open SPICE Channel    playback
        | Silence Should Be Heard    2 s
        """
        seconds, reaching = in_seconds(duration), self.seconds(timeout, "command")

        async def hear() -> int:
            from ATPLibrary.orchestrator.spice_sound import hear_silence_of

            machine = await self.machine(vm, reaching)
            playback = speaking(self.workspace, machine, "playback")
            return await hear_silence_of(machine, playback, seconds, below, reaching)

        packets = self.wait(hear(), seconds + 3 * reaching, f"Listening to {named(vm)}")
        came = f"{packets} packets of it came, all of them silent" if packets else "no packet of sound came"
        logger.info(f"The guest was silent for {seconds:g} s: {came}.")

    @keyword(tags=["SPICE"])
    def start_audio_recording(
        self, file: str | None = None, vm: str | None = None, timeout: timedelta | None = None
    ) -> str:
        """Records what the guest plays into a WAV file, until `Stop Audio Recording`. Returns the file's path.

        It begins with the first sound; pauses between sounds are kept. It ends with the VM's session at the latest.
        The channel ``playback`` must be open.

        - ``file``: where to write it; by default beside the log, named after the VM, with a number. A relative path is relative
          to the log.
        - ``vm``: the VM's name or UUID; by default the current VM.
        - ``timeout``: by default ``timeouts.command`` of the configuration (10 s).

        Example:
        | Connect To VM    win11
        | Open SPICE Channel    playback
        | Start Audio Recording    start-up.wav
        | Stop Audio Recording
        """
        seconds = self.seconds(timeout, "command")

        machine = self.wait(self.machine(vm, seconds), seconds, f"Reaching {named(vm)}")
        path = output.chosen(file, "recordings", machine.name, ".wav")

        async def start() -> None:
            from ATPLibrary.orchestrator.spice_sound import AudioRecording

            channel = speaking(self.workspace, machine, "playback")
            recordings = self.workspace.spice_sessions.recordings
            recordings.start(machine.uuid, machine.name, "sound", lambda: AudioRecording(channel, path))

        self.wait(start(), seconds, f"Beginning to record the sound of {named(vm)}")
        return str(path)

    @keyword(tags=["SPICE"])
    def stop_audio_recording(self, vm: str | None = None, timeout: timedelta | None = None) -> str:
        """Ends what `Start Audio Recording` began, and links the file in the log. Returns its path.

        Fails where the channel ended meanwhile, or nothing of the sound that came could be decoded; the file is there all the same.
        A recording that lacks a part of the sound is a warning.

        - ``vm``: the VM's name or UUID; by default the current VM.
        - ``timeout``: by default ``timeouts.command`` of the configuration (10 s).

        Example:
        | Connect To VM    win11
        | Open SPICE Channel    playback
        | Start Audio Recording
        | ${file} =    Stop Audio Recording
        """
        seconds = self.seconds(timeout, "command")

        async def stop() -> AudioRecording:
            from ATPLibrary.orchestrator.spice_sound import AudioRecording

            machine = await self.machine(vm, seconds)
            recording = self.workspace.spice_sessions.recordings.take(machine.uuid, machine.name, "sound")
            assert isinstance(recording, AudioRecording)
            await recording.stop(seconds)
            return recording

        recording = self.wait(stop(), seconds, f"Ending the recording of the sound of {named(vm)}")
        if recording.problem:
            logger.warn(recording.problem)
        link = output.link(recording.path)
        logger.info(
            f'{recording.seconds:.1f} s of sound: <a href="{link}">{link}</a><br><audio controls src="{link}"></audio>',
            html=True,
        )
        return str(recording.path)

    @keyword(tags=["SPICE"])
    def send_tone(
        self,
        frequency: float,
        duration: timedelta = _ONE,
        volume: float = 0.5,
        *,
        mode: Mode = "raw",
        vm: str | None = None,
        timeout: timedelta | None = None,
    ) -> None:
        """Plays a tone into the guest's microphone, as long as it lasts. That the guest has heard it is for the guest to say.

        Waits until a program in the guest records: while none does, nobody takes it. The channel ``record`` must be open.

        - ``frequency``: in Hz, 20 to 24000.
        - ``duration``: by default 1 s.
        - ``volume``: 0 to 1; by default 0.5.
        - ``mode``: ``raw`` sends plain samples, ``opus`` packs them as viewers do (needs PyAV); by default ``raw``.
        - ``vm``: the VM's name or UUID; by default the current VM.
        - ``timeout``: how long to wait until the guest records; by default ``timeouts.command`` of the configuration (10 s).

        Example:
        | Connect To VM    win11
        | Open SPICE Channel    record
        | Send Tone    440    duration=2 s
        | Send Tone    880    mode=opus
        """
        _check_frequency(frequency)
        if not 0 < volume <= 1:
            raise InputError.about("The volume of a tone", wanted="be more than 0, at most 1", got=f"is {volume:g}")
        length = in_seconds(duration)

        def samples(rate: int, channels: int) -> bytes:
            from ATPLibrary.protocol.spice.sound.tones import made

            return made(frequency, length, rate, channels, volume)

        self._play(samples, f"a tone of {frequency:g} Hz", length, mode=mode, vm=vm, timeout=timeout)

    @keyword(tags=["SPICE"])
    def play_audio_into_guest(
        self, file: str, vm: str | None = None, timeout: timedelta | None = None, *, mode: Mode = "raw"
    ) -> None:
        """Plays a WAV file into the guest's microphone, as long as it lasts. That the guest has heard it is for the guest to say.

        Waits until a program in the guest records: while none does, nobody takes it. The channel ``record`` must be open.

        - ``file``: a WAV file with samples of 16 bits; any rate, any number of channels.
        - ``vm``: the VM's name or UUID; by default the current VM.
        - ``timeout``: how long to wait until the guest records; by default ``timeouts.command`` of the configuration (10 s).
        - ``mode``: ``raw`` sends plain samples, ``opus`` packs them as viewers do (needs PyAV); by default ``raw``.

        Example:
        | Connect To VM    win11
        | Open SPICE Channel    record
        | Play Audio Into Guest    question.wav
        """
        from ATPLibrary.orchestrator.spice_microphone import LONGEST_FILE_SECONDS, samples_of

        path = Path(file)
        self._play(
            lambda rate, channels: samples_of(path, rate, channels),
            f"'{file}'",
            LONGEST_FILE_SECONDS,
            mode=mode, vm=vm, timeout=timeout, file=path,
        )  # fmt: skip

    def _play(
        self, samples: Callable[[int, int], bytes], what: str, longest: float, *, mode: Mode, vm: str | None,
        timeout: timedelta | None, file: Path | None = None,
    ) -> None:  # fmt: skip
        seconds = self.seconds(timeout, "command")

        async def play() -> float:
            from ATPLibrary.orchestrator.spice_microphone import check_file, play_into_guest
            from ATPLibrary.protocol.spice.enums import AudioMode

            record = self._record(await self.machine(vm, seconds))
            if file is not None:
                await check_file(file, seconds)
            return await play_into_guest(record, samples, seconds, what, AudioMode[mode.upper()])

        played = self.wait(play(), 4 * seconds + longest, f"Playing {what} into {named(vm)}")
        logger.info(
            f"{what} was sent to the guest's microphone, {played:.1f} s of it; what it made of it wasn't looked at."
        )

    def _record(self, machine: Machine) -> SpeakingChannel:
        return speaking(self.workspace, machine, "record")


def _check_frequency(frequency: float) -> None:
    if not 20 <= frequency <= _HIGHEST_HZ:
        raise InputError.about("A tone", wanted=f"be of 20 to {_HIGHEST_HZ} Hz", got=f"is of {frequency:g}")
