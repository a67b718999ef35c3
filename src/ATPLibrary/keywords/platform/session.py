"""Keywords about the VDI platform: logging in, and what it has."""

from __future__ import annotations

from datetime import timedelta

from robot.api import logger
from robot.api.deco import keyword
from robot.api.types import Secret

from ATPLibrary.keywords.platform.base import PlatformComponent


class PlatformKeywords(PlatformComponent):
    @keyword(tags=["Platform"])
    def log_in_to_platform(
        self,
        platform: str | None = None,
        username: str | None = None,
        password: Secret | None = None,
        timeout: timedelta | None = None,
    ) -> None:
        """Logs in to a VDI platform; the keywords about desk pools then mean this one.

        A login that is refused changes nothing: a session that was open before goes on.

        - ``platform``: its name in the configuration; by default the configuration's ``platform``, or the only one there is.
        - ``username``: by default that of the configuration.
        - ``password``: by default that of the configuration. Else a secret variable:
          ``VAR    ${name: secret}    %{ENVIRONMENT_VARIABLE}`` makes one, and so does
          ``robot --variable "name: secret:VALUE"``. Plain text is refused: Robot Framework would show it in the log.
        - ``timeout``: by default ``timeouts.platform`` of the configuration (60 s).

        Example:
        | Log In To Platform
        | VAR    ${password: secret}    %{PLATFORM_PASSWORD=horse-battery}
        | Log In To Platform    lab    username=tester    password=${password}
        """
        seconds = self.seconds(timeout, "platform")
        settings = self.workspace.platforms.settings(platform, username, password)
        self.wait(
            self.workspace.platforms.log_in(settings, seconds), seconds, f"Logging in to platform '{settings.name}'"
        )
        logger.info(f"Logged in to platform '{settings.name}' ({settings.url}) as '{settings.username}'.")

    @keyword(tags=["Platform"])
    def log_out_of_platform(self, timeout: timedelta | None = None) -> None:
        """Ends the session with the platform that was logged in to last. Does nothing when there is none.

        - ``timeout``: by default ``timeouts.platform`` of the configuration (60 s).

        Example:
        | Log In To Platform
        | Log Out Of Platform
        """
        seconds = self.seconds(timeout, "platform")
        name = self.wait(self.workspace.platforms.log_out(seconds), seconds, "Logging out of the platform")
        logger.info(f"Logged out of platform '{name}'." if name else "No platform was logged in to.")

    @keyword(tags=["Platform", "Getter"])
    def get_platform_hosts(self, timeout: timedelta | None = None) -> list[str]:
        """Returns the names of the hosts that the platform manages.

        - ``timeout``: by default ``timeouts.platform`` of the configuration (60 s).

        Example:
        | Log In To Platform
        | @{hosts} =    Get Platform Hosts
        | Should Not Be Empty    ${hosts}
        """
        client, seconds = self.client(), self.seconds(timeout, "platform")

        async def names() -> list[str]:
            return [host.name for host in await client.hosts.list(timeout=seconds).collect()]

        return self._named(names(), seconds, "hosts")
