"""The client of one platform."""

from __future__ import annotations

from typing import TYPE_CHECKING, Self

from ATPLibrary.errors import ATPError
from ATPLibrary.vdi.events import Events
from ATPLibrary.vdi.groups import DeskPools, Domains, Hosts, Models
from ATPLibrary.vdi.session import DEFAULT_TIMEOUT_SECONDS, PlatformSession, SessionState

if TYPE_CHECKING:
    import httpx

    from ATPLibrary.config import PlatformSettings
    from ATPLibrary.events import EventBus


class VdiClient:
    """Speaks to the platform of `settings`; `timeout` (seconds) bounds each call that doesn't say its own.

    Nothing is opened before `login()`. As `async with VdiClient(settings) as client:` it logs in and out. It belongs to the
    asyncio loop it is used on. What happens is published on the event bus: source "platform:NAME", kinds `login`,
    `login.refused`, `logout`, `refused`, `event.pending`, `event.succeeded`, `event.failed`.
    """

    def __init__(
        self,
        settings: PlatformSettings,
        *,
        timeout: float = DEFAULT_TIMEOUT_SECONDS,
        event_bus: EventBus | None = None,
        transport: httpx.AsyncBaseTransport | None = None,
    ) -> None:
        self._session = PlatformSession(settings, timeout=timeout, event_bus=event_bus, transport=transport)
        self.hosts = Hosts(self._session)
        self.models = Models(self._session)
        self.desk_pools = DeskPools(self._session)
        self.domains = Domains(self._session)
        self.events = Events(self._session)

    @property
    def name(self) -> str:
        return self._session.name

    @property
    def state(self) -> SessionState:
        return self._session.state

    async def login(self, timeout: float | None = None) -> None:
        """Open a session. `PlatformError` says what the platform says where it refuses."""
        await self._session.login(timeout)

    async def logout(self, timeout: float | None = None) -> None:
        """End the session and close the connections. Without a session it only closes the connections."""
        await self._session.logout(timeout)

    async def close(self) -> None:
        """Drop session and connections without a word to the platform."""
        await self._session.close()

    async def __aenter__(self) -> Self:
        try:
            await self.login()
        except BaseException:
            await self.close()
            raise
        return self

    async def __aexit__(self, *exc_info: object) -> None:
        try:
            await self.logout()
        except ATPError:
            if exc_info[0] is None:
                raise  # what went wrong before matters more than a logout that failed because of it
