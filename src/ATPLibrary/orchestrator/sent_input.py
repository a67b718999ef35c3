"""The last input of a VM, as assertions look at it: what was sent, what became of it, and whether it ended at all."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from ATPLibrary.errors import VerificationError

if TYPE_CHECKING:
    from ATPLibrary.secrets import Secret
    from ATPLibrary.verifier import InputReport


@dataclass(frozen=True)
class SentInput:
    """`text` is what was typed, when it was text. `failure` says why it was refused or broke off; then `report` proves nothing.

    `where`: the full name of the test that sent it, or of the suite in whose setup or teardown it was sent.
    """

    what: str
    text: str | Secret | None
    report: InputReport | None
    failure: str = ""
    where: str = ""

    def proved(self, vm: str) -> InputReport:
        """The report of an input all of which was seen by the guest in order and once; else `VerificationError`."""
        if self.failure or self.report is None:
            raise VerificationError.about(
                f"{self.what} in VM '{vm}'", wanted="arrive", got=f"it failed: {self.failure or 'nothing was sent'}"
            )
        self.report.raise_if_bad(must_be_verified=True)
        return self.report
