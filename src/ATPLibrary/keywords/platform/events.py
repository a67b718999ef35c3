"""Keywords about the platform's events: how the operations went that it has begun."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING, Any

from robot.api.deco import keyword

from ATPLibrary.keywords.platform.getting import getter, lister
from ATPLibrary.keywords.platform.looking import Looking
from ATPLibrary.vdi.codes import EventOutcome

if TYPE_CHECKING:
    from ATPLibrary.vdi import PlatformEvent, VdiClient

GETTER = ("Platform Event", "Getter")


class PlatformEventKeywords(Looking):
    @lister("events", tags=GETTER)
    async def get_platform_events(
        self,
        client: VdiClient,
        seconds: float,
        *,
        desktop: str | None = None,
        outcome: EventOutcome | None = None,
        host_ip: str | None = None,
        operation: str | None = None,
        limit: int = 100,
    ) -> list[PlatformEvent]:
        """Returns the platform's operations, newest first.

        Each has ``id``, ``description``, ``outcome`` (``.value`` is ``pending``, ``succeeded`` or ``failed``), ``error_reason``,
        ``vm_name``, ``vm_id``, ``host_id``, ``ip``, ``event_type``, ``operate_type``, ``create_time``, ``update_time``.

        - ``desktop``: only those about desktops with this text in their name.
        - ``outcome``: only those that stand so.
        - ``host_ip``: only those on the host with this address.
        - ``operation``: only those of the platform's operation with this number (``operate_type``).
        - ``limit``: how many at most.

        Example:
        | Log In To Platform
        | @{events} =    Get Platform Events    desktop=sales-1    outcome=failed
        """
        # What is pending is neither in the platform's filter.
        succeeded = None if outcome in (None, EventOutcome.PENDING) else outcome is EventOutcome.SUCCEEDED
        events = client.events.list(desktop, succeeded=succeeded, ip=host_ip, operate_type=operation, timeout=seconds)
        found: list[PlatformEvent] = []
        async for event in events:
            if len(found) >= limit:
                break
            if outcome in (None, event.outcome):
                found.append(event)
        return found

    @getter("Event '{event}'", tags=GETTER, such="==    succeeded")
    async def get_platform_event(
        self, client: VdiClient, seconds: float, event: str, *, class_room: bool = False
    ) -> Any:
        """Returns how an operation of the platform stands, or one field of it.

        The fields: ``id``, ``description``, ``outcome`` (``pending``, ``succeeded``, ``failed``), ``error_reason``, ``vm_name``,
        ``vm_id``, ``host_id``, ``ip``, ``event_type`` (``vm``, ``model``, ``terminal``), ``operate_type``, ``is_success`` (0:
        success, 1: failure, the reverse of what it says), ``is_async`` (1: in the background), ``create_time``, ``update_time``.

        - ``event``: its id, as keywords return it that are told ``wait=False``.
        - ``class_room``: ``True`` asks the way that class rooms have, for which the platform wants no login.

        Example:
        | Log In To Platform
        | @{events} =    Start Desktop    sales-1    wait=False
        | Get Platform Event    ${events}[0]    outcome    ==    succeeded    timeout=2 min
        """
        if class_room:
            return await client.events.detail_for_class(event, timeout=seconds)
        return await client.events.detail(event, timeout=seconds)

    @keyword(tags=["Platform Event", "Assertion"])
    def platform_event_should_have_succeeded(self, event: str, timeout: timedelta | None = None) -> None:
        """Fails unless an operation has succeeded, and says the platform's reason. With ``timeout`` its end is waited for.

        - ``event``: its id, as keywords return it that are told ``wait=False``.
        - ``timeout``: how long to wait until it ends; without it, it is checked once. One that has failed isn't waited for.

        Example:
        | Log In To Platform
        | @{events} =    Start Desktop    sales-1    wait=False
        | Platform Event Should Have Succeeded    ${events}[0]    timeout=2 min
        """
        self._should_have_ended(event, EventOutcome.SUCCEEDED, "", timeout)

    @keyword(tags=["Platform Event", "Assertion"])
    def platform_event_should_have_failed(self, event: str, reason: str = "", timeout: timedelta | None = None) -> None:
        """Fails unless an operation has failed. With ``timeout`` its end is waited for.

        - ``event``: its id, as keywords return it that are told ``wait=False``.
        - ``reason``: a text that the platform's reason must have in it.
        - ``timeout``: how long to wait until it ends; without it, it is checked once. One that has succeeded isn't waited for.

        Example:
        | Log In To Platform
        | @{events} =    Close Desktop    sales-1    wait=False
        | Platform Event Should Have Failed    ${events}[0]    reason=isForce    timeout=2 min
        """
        self._should_have_ended(event, EventOutcome.FAILED, reason, timeout)

    def _should_have_ended(self, event: str, wanted: EventOutcome, reason: str, timeout: timedelta | None) -> None:
        async def look(client: VdiClient, seconds: float) -> tuple[bool | None, str]:
            now = await client.events.detail(event, timeout=seconds)
            why = f": {now.error_reason or 'no reason given'}" if now.outcome is EventOutcome.FAILED else ""
            about = " ".join(part for part in (now.description, now.vm_name) if part)
            is_so = now.outcome is wanted and reason in (now.error_reason or "")
            return (
                None if not is_so and now.outcome is not EventOutcome.PENDING else is_so,
                f"{about} {'is under way' if now.outcome is EventOutcome.PENDING else f'has {now.outcome.value}'}{why}",
            )

        words = f"have {wanted.value}" + (f" with a reason that contains '{reason}'" if reason else "")
        self.should(f"Event '{event}'", words, look, timeout)
