"""Writes one failure's evidence: files beside the log, and the message in the log that shows and links them."""

from __future__ import annotations

from robot.api import logger
from robot.libraries.BuiltIn import BuiltIn

from ATPLibrary.keywords.evidence import files, html, screen
from ATPLibrary.keywords.evidence.model import Evidence, SpiceEvidence, VmEvidence
from ATPLibrary.keywords.evidence.timeline import SHOWN_ROWS

# Thumbnails stand inside the log until it has this much of them; after that pictures are linked only.
EMBEDDED_BYTES = 400_000

# Failures that follow each other closely share a look, and with it the file: so many are remembered to know them again.
REMEMBERED_PICTURES = 16


class Writer:
    """Writes the evidence of one run."""

    def __init__(self) -> None:
        self._run = ""
        self._embedded = 0
        self._files: dict[int, tuple[bytes, str]] = {}

    def write(self, evidence: Evidence, suite: str, test: str, heading: str, folded: bool = False) -> None:
        """Log `evidence` in what is running now, its files under the names of `suite` and `test`. `folded`: only its heading."""
        output_file = _variable("OUTPUT FILE")
        if output_file != self._run:
            self._run, self._embedded, self._files = output_file, 0, {}
        place = files.place(_variable("OUTPUT DIR"), _variable("LOG FILE"), output_file)
        directory = files.Directory(place, suite, test) if place is not None else None
        shown = [self._show(vm, number, directory) for number, vm in enumerate(evidence.vms, 1)]
        logger.info(html.page(evidence, shown, heading, folded), html=True)

    def _show(self, vm: VmEvidence, number: int, directory: files.Directory | None) -> html.Shown:
        file = thumbnail = inputs_file = spice_file = spice_thumbnail = problem = ""
        try:
            if directory is not None and any(len(report.timeline) > SHOWN_ROWS for report in vm.inputs):
                inputs_file = directory.write_inputs(number, vm.vm, vm.inputs)
            if isinstance(vm.screen, bytes):
                file, thumbnail = self._show_screen(vm.vm, vm.screen, number, directory)
            if isinstance(vm.spice, SpiceEvidence) and isinstance(vm.spice.frame, bytes):
                spice_file, spice_thumbnail = self._show_screen(f"{vm.vm}-spice", vm.spice.frame, number, directory)
        except OSError as error:
            problem = f"Not all files were written: {error}"
        except screen.NotAPictureError as error:
            problem = f"The screen can't be shown: {error}"
        return html.Shown(file, thumbnail, problem, inputs_file, spice_file, spice_thumbnail)

    def _show_screen(
        self, name: str, picture: bytes, number: int, directory: files.Directory | None
    ) -> tuple[str, str]:
        """The picture's file and its thumbnail. A look that several failures share is written and embedded once."""
        if id(picture) in self._files:
            return self._files[id(picture)][1], ""
        thumbnail = screen.thumbnail(picture) if self._embedded < EMBEDDED_BYTES or directory is None else ""
        self._embedded += len(thumbnail)
        if directory is None:
            return "", thumbnail
        file = directory.write_picture(number, name, screen.as_png(picture))
        self._files = {id(picture): (picture, file)} | dict(list(self._files.items())[: REMEMBERED_PICTURES - 1])
        return file, thumbnail


def _variable(name: str) -> str:
    return str(BuiltIn().get_variable_value(f"${{{name}}}", "") or "")
