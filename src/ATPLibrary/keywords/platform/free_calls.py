"""Keywords for what has no keyword of its own: any operation, events by their ids, and what differs from the vendor's document."""

from __future__ import annotations

import json
from datetime import timedelta
from typing import TYPE_CHECKING, Any

from robot.api import logger
from robot.api.deco import keyword
from robot.api.types import Secret

from ATPLibrary.errors import ConfigError, InputError, VerificationError
from ATPLibrary.keywords.platform.base import PlatformComponent
from ATPLibrary.secrets import Secret as OurSecret

if TYPE_CHECKING:
    from ATPLibrary.vdi import Batch, VdiClient


class FreeCallKeywords(PlatformComponent):
    @keyword(tags=["Platform"])
    def call_platform(
        self, operation: str, body: Any = None, *, timeout: timedelta | None = None, **parameters: Any
    ) -> Any:
        """Carries out any of the platform's operations, as its document writes it, and returns the answer's ``data``.

        For what has no keyword. What it makes is not remembered, and what it begins is not waited for: see
        `Wait For Platform Events`. A password or key in an answer that this library knows is a secret: its ``value`` has it. Fails
        with the platform's own words where the platform refuses.

        - ``operation``: method and path: ``GET /ocloud/v1/vlan/{id}/ip``.
        - ``body``: a whole body: JSON as text, or a list or dictionary.
        - ``timeout``: by default ``timeouts.platform`` of the configuration (60 s).
        - ``parameters``: those in the path by their names there; the others go where the document of the platform puts them
          (``api_document`` in the configuration), without it into the query of GET and DELETE and into the body of the rest.

        Example:
        | Log In To Platform
        | ${pools} =    Call Platform    GET /ocloud/v1/desk-pool    keyword=sales
        | Should Be Equal As Integers    ${pools}[total]    0
        | Call Platform    POST /ocloud/v1/domain/start    body={"idList": []}
        """
        whole = _json(body) if isinstance(body, str) else body

        async def call(client: VdiClient, seconds: float) -> Any:
            return await client.call(operation, body=whole, timeout=seconds, **parameters)

        answer = self.ask(f"'{operation}'", call, timeout)
        # The answer itself may hold passwords and keys that nobody has declared as such.
        logger.info(f"'{operation}' was answered with {_kind(answer)}.")
        return _for_robot(answer)

    @keyword(tags=["Platform"])
    def wait_for_platform_events(self, *events: str, timeout: timedelta | None = None) -> None:
        """Waits until operations that were begun have ended, and fails naming each that has failed, with the platform's reason.

        Keywords that begin something return the ids of its events with ``wait=False``.

        - ``events``: the ids of the events. None: nothing is waited for.
        - ``timeout``: by default ``timeouts.boot`` of the configuration (180 s).

        Example:
        | Log In To Platform
        | @{events} =    Start Desktop    sales-1    sales-2    wait=False
        | Wait For Platform Events    @{events}    timeout=5 min
        """

        async def begun(client: VdiClient, seconds: float) -> Batch | None:
            return client.events.batch(events, []) if events else None

        ids = self.order(f"Waiting for {len(events)} operations", begun, timeout, kind="boot")
        logger.info(f"{len(ids)} operations have ended well.")

    @keyword(tags=["Platform", "Getter"])
    def get_platform_findings(self) -> list[str]:
        """Returns where the platform, or what was sent to it, differs from the vendor's own document; each once, oldest first.

        They are looked for in every answer of this session when ``platforms.NAME.api_document`` of the configuration names the
        document. Fails where it names none.

        Example:
        | Log In To Platform
        | @{hosts} =    Get Platform Hosts
        | @{findings} =    Get Platform Findings
        | Log    ${findings}
        """
        client = self.client()
        if client.settings.api_document is None:
            raise ConfigError.about(
                f"Platform '{client.name}'",
                wanted="be held against the vendor's document",
                got="the configuration names none",
                next_step=f"Set platforms.{client.name}.api_document to its file",
            )
        findings = [str(finding) for finding in client.findings]
        logger.info("\n".join(findings) or "Nothing differs from the vendor's document.")
        return findings

    @keyword(tags=["Platform", "Assertion"])
    def platform_findings_should_be_empty(self) -> None:
        """Fails if the platform, or what was sent to it, differs from the vendor's own document: see `Get Platform Findings`.

        Example:
        | Log In To Platform
        | @{hosts} =    Get Platform Hosts
        | Platform Findings Should Be Empty
        """
        if findings := self.get_platform_findings():
            raise VerificationError.about(
                f"Platform '{self.client().name}'",
                wanted="be as the vendor's document says",
                got=f"differs in {len(findings)} places: {'; '.join(findings)}",
            )


def _json(text: str) -> Any:
    try:
        return json.loads(text)
    except ValueError as error:
        raise InputError.about(
            "The body of a call", wanted="be JSON", got=f"isn't: {error}", next_step='Write it as {"name": "value"}'
        ) from None


def _for_robot(answer: Any) -> Any:
    """An answer whose secrets are Robot Framework's, which its log doesn't show."""
    if isinstance(answer, OurSecret):
        return Secret(answer.reveal())
    if isinstance(answer, list):
        return [_for_robot(each) for each in answer]
    return {name: _for_robot(each) for name, each in answer.items()} if isinstance(answer, dict) else answer


def _kind(answer: Any) -> str:
    if isinstance(answer, list):
        return f"a list of {len(answer)}"
    if isinstance(answer, dict):
        return f"an object with {', '.join(answer) or 'nothing in it'}"
    if isinstance(answer, bytes):
        return f"a file of {len(answer)} bytes"
    return "nothing" if answer is None else f"a {type(answer).__name__}"
