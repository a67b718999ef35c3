"""Keywords about the way of each edge that was sent to a VM: as a file for other programs, and as a picture in the log."""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal

from robot.api import logger
from robot.api.deco import keyword

from ATPLibrary.errors import InputError, VerificationError
from ATPLibrary.keywords import output
from ATPLibrary.keywords.component import Component
from ATPLibrary.keywords.journals import JOURNALS

if TYPE_CHECKING:
    from ATPLibrary.orchestrator import Machine
    from ATPLibrary.verifier import InputReport

FOLDER = "timelines"


class InputTimelineKeywords(Component):
    @keyword(tags=["Verification"])
    def save_input_timeline(
        self,
        path: str | None = None,
        *,
        format: Literal["csv", "json"] | None = None,
        vm: str | None = None,
    ) -> str:
        """Saves what is remembered of a VM's inputs (the last 50): each edge with its four moments and what became of it.

        The moments are in seconds since the epoch by this machine's clock: before it was sent, when the guest's kernel had it, when
        the agent in the guest sent it on, and when it was read here. What the fields of a file mean is in docs/input-timeline.md.
        The letters of secrets aren't told. Links the file in the log and returns its path.

        - ``path``: where to save it; a relative path is relative to the log, and what is there is overwritten. By default a new
          file beside the log, named after the VM, with a number.
        - ``format``: ``csv`` for a spreadsheet, a line an edge, or ``json``, with percentiles and verdicts of each input; by
          default what ``path`` ends in, else ``csv``.
        - ``vm``: the VM's name or UUID; by default the current VM.

        Example:
        | Connect To VM    win11
        | Type Text    Hello
        | Save Input Timeline
        | ${file} =    Save Input Timeline    hello.json
        """
        from ATPLibrary.keywords.evidence import inputs

        machine, reports = self._remembered(vm)
        form = format or ("json" if path is not None and path.lower().endswith(".json") else "csv")
        content = inputs.as_json(machine.name, reports) if form == "json" else inputs.as_csv(reports)
        if path is None:
            file, link = output.write_beside_log(FOLDER, machine.name, f".{form}", content)
        else:
            file = output.write(output.directory() / path, content)
            link = output.link(file)
        edges = sum(report.edges for report in reports)
        logger.info(f'{edges} edges of {len(reports)} inputs: <a href="{link}">{link}</a>', html=True)
        return str(file)

    @keyword(tags=["Verification"])
    def show_input_timeline(self, inputs: int = 1, *, vm: str | None = None) -> None:
        """Shows in the log how long each edge of the last input to a VM took on each part of its way, as a picture and a table.

        What didn't arrive as it was sent is red. Of an input with many edges those around the first faults are shown, else the
        last; `Save Input Timeline` has all. When a keyword fails, the log has this of the last inputs without being asked.

        - ``inputs``: of how many inputs, the newest first.
        - ``vm``: the VM's name or UUID; by default the current VM.

        Example:
        | Connect To VM    win11
        | Type Text    Hello
        | Show Input Timeline
        """
        from ATPLibrary.keywords.evidence.html import input_timeline

        if inputs < 1:
            raise InputError(f"Give a number of inputs of at least 1, not {inputs}.")
        _, reports = self._remembered(vm)
        logger.info("".join(input_timeline(report) for report in reversed(reports[-inputs:])), html=True)

    @keyword(tags=["Verification"])
    def keep_input_journal(self, enabled: bool = True) -> None:
        """Has each edge that is sent by keyboard or mouse written to a file of this test, as it goes: a line of JSON for each.

        In a suite's setup it holds for all tests of that suite and of those below; each gets a file of its own beside the log, in
        ``journals``, linked in the log at the first input. What was concluded stands in the file at once, also when the test
        fails or its process is killed. An edge whose verdict changes has a second line, and the later one holds. The fields are in
        docs/input-timeline.md. The letters of secrets aren't told.

        - ``enabled``: ``False`` keeps none from now on.

        Example:
        | Connect To VM    win11
        | Keep Input Journal
        | Type Text    Hello
        """
        JOURNALS.say(enabled)
        logger.info("Input is journalled from now on." if enabled else "Input isn't journalled any more.")

    def _remembered(self, vm: str | None) -> tuple[Machine, list[InputReport]]:
        machine = self.workspace.chosen(vm)
        if not machine.reports:
            raise VerificationError(f"No input was sent to VM '{machine.name}' yet. Use 'Type Text' or 'Click' first.")
        return machine, list(machine.reports)
