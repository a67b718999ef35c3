"""VMs of the lab that show moving pictures and make sounds, for suites; and what their films and sounds have in them.

Each is one boot sector (src/ATPLibrary/lab/boot_sectors): it runs a second after its start, and a key changes what it does.
"""

from __future__ import annotations

import itertools
import os
import wave
from typing import Any

from robot.api import logger
from robot.api.deco import keyword, library

from ATPLibrary.config import lab_directory
from ATPLibrary.lab import small_vm
from ATPLibrary.lab.lab import Lab
from ATPLibrary.lab.settings import LabSettings


@library(scope="GLOBAL")
class small_guests:
    @keyword
    def define_small_guest(self, guest: str) -> str:
        """Defines the VM of a guest, ``pictures`` or ``echo``, on the lab's first host; it is off. Returns the VM's name."""
        lab = Lab(lab_directory(os.environ))
        return small_vm.define(lab.hosts()[0], guest, LabSettings.load(lab.directory).accelerator)

    @keyword
    def remove_small_guest(self, guest: str) -> None:
        """Cuts its power and removes it. Harmless where there is none."""
        small_vm.remove(Lab(lab_directory(os.environ)).hosts()[0], guest)

    @keyword
    def film_should_move(self, file: str, width: int, height: int, at_least: int) -> None:
        """Decodes a film: its pictures have that size, there are so many that differ from the one before."""
        import av

        with av.open(file) as film:
            pictures = [bytes(frame.reformat(format="gray").planes[0]) for frame in film.decode(video=0)]
            stream = film.streams.video[0]
            size, codec = (stream.width, stream.height), stream.codec_context.name
        changes = sum(one != other for one, other in itertools.pairwise(pictures))
        logger.info(f"{codec}, {size[0]} x {size[1]}, {len(pictures)} pictures, {changes} of them new")
        assert size == (width, height), f"The film is of {size[0]} x {size[1]} pixels"
        assert changes >= at_least, f"Only {changes} of {len(pictures)} pictures differ from the one before"

    @keyword
    def tone_should_be_in(self, file: str, frequency: float) -> None:
        """Somewhere in a WAV file, for 0.17 s, a tone of that frequency is the strongest, to 3 Hz."""
        from ATPLibrary.protocol.spice.sound.tones import LOOK_SAMPLES, strongest

        with wave.open(file) as sound:
            rate, channels = sound.getframerate(), sound.getnchannels()
            pieces: list[Any] = []
            while len(piece := sound.readframes(LOOK_SAMPLES)) == LOOK_SAMPLES * channels * 2:
                pieces.append(strongest(piece, channels, rate))
        logger.info("\n".join(map(str, pieces)))
        assert any(abs(each.frequency - frequency) < 3 for each in pieces), f"The strongest were {pieces}"
