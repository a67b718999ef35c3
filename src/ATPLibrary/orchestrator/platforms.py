"""The platforms that this process is logged in to."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator, Callable
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from ATPLibrary.config import Config, PlatformSettings
    from ATPLibrary.secrets import Secret
    from ATPLibrary.vdi import VdiClient


class Platforms:
    """One client a platform, by its name. `current` is the one that was logged in to last. Coroutines run on `runtime`'s loop."""

    def __init__(self, config: Callable[[], Config]) -> None:
        self._config = config
        self._clients: dict[str, VdiClient] = {}
        self.current: VdiClient | None = None
        self._passwords: dict[tuple[str, str], Secret] = {}

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

    async def log_in(self, settings: PlatformSettings, timeout: float) -> VdiClient:
        """Open a session, which replaces one on the same platform; where it is refused the old one goes on."""
        from ATPLibrary.vdi import VdiClient

        client = VdiClient(settings)
        try:
            await client.login(timeout)
        except BaseException:
            await client.close()
            raise
        before, self._clients[settings.name] = self._clients.get(settings.name), client
        self.current = client
        if before is not None:
            await before.close()
        return client

    async def log_out(self, timeout: float) -> str | None:
        """End the current session and return its platform's name; another platform's becomes the current one."""
        client, self.current = self.current, None
        if client is None:
            return None
        self._clients = {name: each for name, each in self._clients.items() if each is not client}
        self.current = next(reversed(self._clients.values()), None)
        await client.logout(timeout)
        return client.name

    @contextlib.asynccontextmanager
    async def session_of(self, client: VdiClient, timeout: float) -> AsyncIterator[VdiClient]:
        """That session; where it has ended, another one of the same user, which is opened for this if there is none."""
        from ATPLibrary.vdi import VdiClient

        settings = client.settings
        same = [each for each in (client, *self._clients.values()) if each.is_logged_in and each.settings == settings]
        if same:
            yield same[0]
        else:
            async with VdiClient(settings, timeout=timeout) as again:
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
        """Drop every session."""
        clients, self._clients, self.current = list(self._clients.values()), {}, None
        await asyncio.gather(*(client.close() for client in clients), return_exceptions=True)
