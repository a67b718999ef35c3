"""The sessions with platforms that this process has open: several platforms, and several users of one, at once."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator, Callable, Mapping
from typing import TYPE_CHECKING

from ATPLibrary.errors import ATPError, PlatformError

if TYPE_CHECKING:
    from ATPLibrary.config import Config, PlatformSettings
    from ATPLibrary.secrets import Secret
    from ATPLibrary.vdi import VdiClient

# How long a platform may take to be told that a session isn't needed any more.
LOGOUT_SECONDS = 2.0


class Platforms:
    """Clients by their alias. `current` is the one that keywords mean. Coroutines run on `runtime`'s loop."""

    def __init__(self, config: Callable[[], Config]) -> None:
        self._config = config
        self._clients: dict[str, VdiClient] = {}
        self.current: VdiClient | None = None
        self._passwords: dict[tuple[str, str], Secret] = {}

    @property
    def sessions(self) -> Mapping[str, VdiClient]:
        """All that are open, by their alias, oldest first."""
        return dict(self._clients)

    def settings(self, name: str | None, username: str | None, password: object | None) -> PlatformSettings:
        """The configured platform of that name, or the one that is meant without a name, with other credentials if given."""
        from ATPLibrary.secrets import as_secret

        settings = self._config().platform_settings(name)
        changed: dict[str, object] = {}
        if username is not None:
            changed["username"] = username
        if password is not None:
            changed["password"] = as_secret(password)
        return settings.model_copy(update=changed) if changed else settings

    async def log_in(self, settings: PlatformSettings, timeout: float, alias: str | None = None) -> VdiClient:
        """Open a session, which is the current one then; `alias` is by default the platform's name.

        It replaces one of the same alias; where it is refused nothing changes.
        """
        from ATPLibrary.vdi import VdiClient

        client = VdiClient(settings)
        try:
            await client.login(timeout)
        except BaseException:
            await client.close()
            raise
        alias = settings.name if alias is None else alias
        before = self._clients.pop(alias, None)
        self._clients[alias] = self.current = client
        if before is not None:
            await _end(before)
        return client

    def alias(self, client: VdiClient | None) -> str | None:
        """What a session is called; None where there is none, or it has ended."""
        return next((alias for alias, each in self._clients.items() if each is client), None)

    def switch(self, alias: str) -> str | None:
        """Make that session the current one. Returns the alias of the one that was."""
        before, self.current = self.alias(self.current), self._open(alias)
        return before

    async def log_out(self, timeout: float, alias: str | None = None) -> str | None:
        """End a session, by default the current one, and return its alias; None where there is none.

        The one that was opened last of the others becomes the current one in place of a current one.
        """
        if alias is None:
            client, alias = self.current, self.alias(self.current)
        else:
            client = self._open(alias)
        if client is None:
            return None
        self._clients = {name: each for name, each in self._clients.items() if each is not client}
        if self.current is client:
            self.current = next(reversed(self._clients.values()), None)
        await client.logout(timeout)
        return alias or client.name

    def _open(self, alias: str) -> VdiClient:
        if alias in self._clients:
            return self._clients[alias]
        names = ", ".join(f"'{each}'" for each in self._clients)
        raise PlatformError.about(
            f"Platform session '{alias}'",
            wanted="be open",
            got=f"open are: {names}" if names else "no platform is logged in to",
            next_step=f"Open it with 'Log In To Platform    alias={alias}'",
        )

    @contextlib.asynccontextmanager
    async def session_of(self, client: VdiClient, timeout: float) -> AsyncIterator[VdiClient]:
        """That session; where it has ended, another one of the same user, which is opened for this if there is none."""
        from ATPLibrary.vdi import VdiClient

        settings = client.settings
        same = [each for each in (client, *self._clients.values()) if each.is_logged_in and each.settings == settings]
        if same:
            yield same[0]
            return
        async with contextlib.AsyncExitStack() as stack:
            again = VdiClient(settings, timeout=timeout)
            stack.push_async_callback(_end, again)
            await again.login(timeout)
            yield again

    def knows_password(self, client: VdiClient, user: str, password: object) -> None:
        """Keep in mind which password (text or a secret) a user of that platform was given, for logging in as that user."""
        from ATPLibrary.secrets import as_secret

        self._passwords[client.name, user] = as_secret(password)

    def password_of(self, client: VdiClient, user: str) -> Secret | None:
        """What `knows_password` was told last."""
        return self._passwords.get((client.name, user))

    def __bool__(self) -> bool:
        return bool(self._clients)

    async def close(self) -> None:
        """End every session. A platform that doesn't answer costs `LOGOUT_SECONDS`."""
        clients, self._clients, self.current = list(self._clients.values()), {}, None
        await asyncio.gather(*map(_end, clients), return_exceptions=True)


async def _end(client: VdiClient) -> None:
    """Log out as far as the platform answers. Its refusal is no news: nobody needs the session any more."""
    with contextlib.suppress(ATPError):
        await client.logout(LOGOUT_SECONDS)
