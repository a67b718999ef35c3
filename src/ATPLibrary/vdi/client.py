"""The client of one platform."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Self

from ATPLibrary.errors import ATPError
from ATPLibrary.vdi.findings import Finding
from ATPLibrary.vdi.groups import events
from ATPLibrary.vdi.groups.alarms import Alarms
from ATPLibrary.vdi.groups.desk_pools import DeskPools
from ATPLibrary.vdi.groups.domains import Domains
from ATPLibrary.vdi.groups.events import Events
from ATPLibrary.vdi.groups.groups import Groups
from ATPLibrary.vdi.groups.hosts import Hosts
from ATPLibrary.vdi.groups.logs import Logs
from ATPLibrary.vdi.groups.models import Models
from ATPLibrary.vdi.groups.panel import Panel
from ATPLibrary.vdi.groups.pools import Pools
from ATPLibrary.vdi.groups.snapshots import Snapshots
from ATPLibrary.vdi.groups.storage import Storage
from ATPLibrary.vdi.groups.terminals import Terminals
from ATPLibrary.vdi.groups.usb import Usb
from ATPLibrary.vdi.groups.users import Users
from ATPLibrary.vdi.session import DEFAULT_TIMEOUT_SECONDS, PlatformSession, SessionState

if TYPE_CHECKING:
    import httpx

    from ATPLibrary.config import PlatformSettings
    from ATPLibrary.events import EventBus


class VdiClient:
    """Speaks to the platform of `settings`; `timeout` (seconds) bounds each call that doesn't say its own.

    Nothing is opened before `login()`. As `async with VdiClient(settings) as client:` it logs in and out. It belongs to the
    asyncio loop it is used on; there may be several, for several platforms and for several users of one. What happens is
    published on the event bus: source "platform:NAME", kinds `login`, `login.refused`, `logout`, `refused`, `event.pending`,
    `event.succeeded`, `event.failed`, `finding`.
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
        self.domains = Domains(self._session)
        self.desk_pools = DeskPools(self._session)
        self.hosts = Hosts(self._session)
        self.models = Models(self._session)
        self.users = Users(self._session)
        self.groups = Groups(self._session)
        self.snapshots = Snapshots(self._session)
        self.storage = Storage(self._session)
        self.pools = Pools(self._session)
        self.panel = Panel(self._session)
        self.events = Events(self._session)
        self.alarms = Alarms(self._session)
        self.terminals = Terminals(self._session)
        self.usb = Usb(self._session)
        self.logs = Logs(self._session)

    @property
    def name(self) -> str:
        return self._session.name

    @property
    def settings(self) -> PlatformSettings:
        """Where it speaks to, and as whom."""
        return self._session.settings

    @property
    def is_logged_in(self) -> bool:
        return self.state is SessionState.LOGGED_IN

    @property
    def state(self) -> SessionState:
        return self._session.state

    @property
    def findings(self) -> list[Finding]:
        """Where platform or caller differed from the document that the setting `api_document` names, oldest first."""
        return self._session.findings.all

    async def login(self, timeout: float | None = None) -> None:
        """Open a session. `PlatformError` says what the platform says where it refuses."""
        await self._session.login(timeout)

    async def logout(self, timeout: float | None = None) -> None:
        """End the session and close the connections. Without a session it only closes the connections."""
        await self._session.logout(timeout)

    async def close(self) -> None:
        """Drop session and connections without a word to the platform."""
        await self._session.close()

    async def ping(self, timeout: float) -> None:
        """A small question: raises where the platform doesn't answer it within `timeout` seconds."""
        await self._session.call(events.LIST, query={"pageNum": 1, "pageSize": 1}, timeout=timeout)

    async def call(
        self, operation: str, /, *, body: Any = None, timeout: float | None = None, **parameters: Any
    ) -> Any:
        """Any of the platform's operations, as its document writes it: `call("GET /ocloud/v1/vlan/{id}/ip", id="7")`.

        Parameters that the path names fill it in. The others go where the vendor's document puts them, if `api_document` names
        one; else into the query of GET and DELETE and into the body of the rest. `body` is a whole body: a list, a dict, bytes.
        Returns the answer's `data` as JSON has it, or a file's bytes; of operations that the client knows, passwords and keys are
        each a `Secret`. Only what reads is sent again after a lost connection.
        """
        from ATPLibrary.vdi.free_call import free_call

        return await free_call(self._session, operation, parameters, body, timeout)

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
