"""Which verifiers there are: ATPLibrary's own, those of installed packages (`atp.verifiers`), those registered in the run."""

from __future__ import annotations

from ATPLibrary.protocol.registry import Registry
from ATPLibrary.verifier.verifiers.interface import Verifier

VERIFIERS: Registry[Verifier] = Registry(
    "verifier",
    Verifier,  # type: ignore[type-abstract]
    "atp.verifiers",
    {
        "keyboard": "ATPLibrary.verifier.verifiers.expected_input:KeyboardVerifier",
        "mouse": "ATPLibrary.verifier.verifiers.expected_input:MouseVerifier",
        "command": "ATPLibrary.verifier.verifiers.command:CommandVerifier",
    },
)
