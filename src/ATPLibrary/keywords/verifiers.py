"""Keywords about verifiers: who judges whether an event took place in a guest, ATPLibrary's own and those of anyone else."""

from __future__ import annotations

import json
from dataclasses import replace
from datetime import timedelta
from typing import TYPE_CHECKING, Any

from robot.api import logger
from robot.api.deco import keyword

from ATPLibrary.errors import InputError, VerificationError
from ATPLibrary.keywords.assertions import Operator, check, shown
from ATPLibrary.keywords.component import Component, in_seconds, named
from ATPLibrary.keywords.registries import names_told

if TYPE_CHECKING:
    from ATPLibrary.verifier.verifiers.interface import VerifyEvent, VerifyResult

# By the reason that the guest's agent gives (docs/agent-protocol.md, "Expectations").
_ADVICE = {
    "timeout": "What the guest had seen before the question counts with looking_back= only",
    "unknown key": "Keys are called as Linux calls them, without KEY_: a, leftctrl, enter, up; or give the evdev code as a number",
    "unsupported": "Actions are keydown, keyup, keypress; buttondown, buttonup, click, move, wheel; some need metadata",
}


class VerifierKeywords(Component):
    @keyword(tags=["Verification", "Assertion"])
    def verify_event(
        self,
        event: dict[str, Any] | str,
        *,
        looking_back: timedelta | None = None,
        must_be_verified: bool = True,
        vm: str | None = None,
        timeout: timedelta | None = None,
    ) -> dict[str, Any]:
        r"""Waits for an event in a VM's guest, fails unless it took place, and returns the result.

        The event names by its ``type`` the verifier that judges it. ATPLibrary brings three; an installed package brings others by
        an entry point in the group ``atp.verifiers``, and `Register Verifier` takes any.
        - ``keyboard``: ``action`` is ``keydown``, ``keyup`` or ``keypress``, ``key`` a Linux key name (``a``, ``leftctrl``,
          ``enter``) or an evdev code. The agent in the guest judges it.
        - ``mouse``: ``action`` is ``buttondown``, ``buttonup`` or ``click`` (``key``: ``left``), ``move`` or ``wheel``
          (``metadata``: see docs/agent-protocol.md). The agent in the guest judges it.
        - ``command``: runs ``metadata.command`` in the guest (a shell line, or a list of words) and judges its exit code
          (``metadata.exit_code``, 0 unless it says another) and its output (``metadata.output``, a regular expression).

        The result has ``event_id``, ``verified``, ``timestamp``, ``latency_ms`` and ``details``. An error tells in
        words what came instead of the event; no key of it is named once a secret was typed.

        - ``event``: a dictionary, or JSON: ``type``, ``action``, ``key``, ``timestamp`` (in milliseconds by the guest's clock;
          nothing before it counts) and ``metadata``.
        - ``looking_back``: keys and motions that the guest has seen in that time before now count too. The agent remembers the last
          4,096 or more.
        - ``must_be_verified``: ``False`` returns the result of an event that did not take place too.
        - ``vm``: the VM's name or UUID; by default the current VM.
        - ``timeout``: how long it may take; by default ``timeouts.command`` of the configuration (10 s).

        Example:
        | Connect To VM    win11
        | Press Keys    ctrl+c
        | Verify Event    {"type": "keyboard", "action": "keypress", "key": "c"}    looking_back=5 s
        | VAR    &{metadata}    command=uname -r    output=^6\\.
        | VAR    &{event}    type=command    metadata=${metadata}
        | &{result} =    Verify Event    ${event}
        | Log    ${result}[details][stdout]
        """
        seconds = self.seconds(timeout, "command")
        asked = _read(event)
        back = None if looking_back is None else in_seconds(looking_back)
        if back is not None and asked.timestamp:
            raise InputError("The event has a timestamp, so 'looking_back' says nothing: give one of them.")

        from ATPLibrary.verifier.verifiers.expected_input import came_instead
        from ATPLibrary.verifier.verifiers.verifying import GRACE_SECONDS, verify

        async def judge() -> tuple[str, VerifyResult, list[str]]:
            machine = await self.machine(vm, seconds)
            looked_for = asked
            if back is not None:
                session = await machine.agent(seconds)
                looked_for = replace(asked, timestamp=await session.guest_time_ms(seconds) - back * 1000)
            result = await verify(looked_for, machine, seconds)
            if not isinstance(result.details.get("observed"), list):
                return machine.name, result, []
            session = await machine.agent(seconds)
            lines = came_instead(asked.type, result.details["observed"], session.devices, session.hidden)
            if session.hidden.any:  # the numbers would spell what was typed of a secret
                result = replace(result, details={**result.details, "observed": lines})
            return machine.name, result, lines

        name, result, lines = self.wait(judge(), seconds + GRACE_SECONDS, f"Verifying '{asked}' in {named(vm)}")
        told = result.to_json()
        logger.info(json.dumps(told, ensure_ascii=False, indent=2, default=str))
        if result.verified:
            took = "" if result.latency_ms is None else f", {result.latency_ms:.1f} ms"
            logger.info(f"Proved: '{asked}' took place in VM '{name}'{took}.")
        elif must_be_verified:
            reason = result.details.get("reason") or "it says no reason"
            seen = {key: value for key, value in result.details.items() if key not in ("reason", "observed")}
            came = [f"came instead: {', '.join(lines)}"] if lines else []
            came += [shown(json.dumps(seen, ensure_ascii=False, default=str))] if seen else []
            raise VerificationError.about(
                f"'{asked}' in VM '{name}'",
                wanted="take place",
                waited=seconds if reason == "timeout" else None,
                got="did not" if reason == "timeout" else f"verifier '{asked.type}' says no: {reason}",
                last_seen="; ".join(came),
                next_step=_ADVICE.get(str(reason), ""),
            )
        return told

    @keyword(tags=["Verification", "Getter"])
    def get_verifiers(self, operator: Operator | None = None, expected: list[str] | str | None = None) -> list[str]:
        """Returns the names of the verifiers that `Verify Event` knows now; the log says where each comes from.

        - ``operator`` and ``expected``: an assertion, such as ``contains    command``.

        Example:
        | @{verifiers} =    Get Verifiers
        | Get Verifiers    contains    keyboard
        """
        from ATPLibrary.verifier.verifiers.registry import VERIFIERS

        names = names_told(VERIFIERS)
        check("The verifiers that can be used", names, operator, expected)
        return names

    @keyword(tags=["Verification"])
    def register_verifier(self, name: str, target: str, replace: bool = False) -> None:
        """Lets `Verify Event` know a verifier of your own, for the rest of the run.

        - ``name``: the type of the events that it judges.
        - ``target``: its class, as ``package.module:Class``, derived from ``ATPLibrary.verifier.verifiers.interface.Verifier``. Its
          module must be importable: beside the suite with ``robot --pythonpath DIRECTORY``, or installed.
        - ``replace``: ``True`` lets it take the place of one that has the name already.

        Example:
        | Register Verifier    shell    ATPLibrary.verifier.verifiers.command:CommandVerifier
        | Connect To VM    win11
        | Verify Event    {"type": "shell", "key": "test -d /tmp"}
        """
        from ATPLibrary.verifier.verifiers.registry import VERIFIERS

        VERIFIERS.register_target(name, target, replace=replace)
        logger.info(f"Events of type '{name}' are judged by {target}.")

    @keyword(tags=["Verification"])
    def unregister_verifier(self, name: str) -> None:
        """Takes back what `Register Verifier` did: the name means what it meant before.

        The verifier of an installed package is unloaded: its code is read anew at its next use.

        - ``name``: the verifier's name.

        Example:
        | Register Verifier    shell    ATPLibrary.verifier.verifiers.command:CommandVerifier
        | Unregister Verifier    shell
        """
        from ATPLibrary.verifier.verifiers.registry import VERIFIERS

        VERIFIERS.unregister(name)
        logger.info(f"Verifier '{name}' is unregistered.")


def _read(event: dict[str, Any] | str) -> VerifyEvent:
    from ATPLibrary.verifier.verifiers.interface import VerifyEvent

    given: object = event
    if isinstance(event, str):
        try:
            given = json.loads(event)
        except ValueError as error:
            raise InputError.about(
                "An event", wanted="be a dictionary, or an object as JSON", got=f"{shown(event)} is not: {error}"
            ) from error
    return VerifyEvent.from_json(given)
