"""Keywords about the VDI platform: logging in, and what it has."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

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
        alias: str | None = None,
        *,
        timeout: timedelta | None = None,
    ) -> str:
        """Logs in to a VDI platform; the keywords about a platform then mean this session. Returns its alias.

        Several sessions may be open: with several platforms, and of several users with one. One of the same alias is replaced.
        A login that is refused changes nothing: a session that was open before goes on. All are logged out at the end of the run.

        - ``platform``: its name in the configuration; by default the configuration's ``platform``, or the only one there is.
        - ``username``: an administrator of the platform; by default that of the configuration. A user's own login, to what a user
          is shown, is `User Should See Desktop`.
        - ``password``: by default that of the configuration. Else a secret variable:
          ``VAR    ${name: secret}    %{ENVIRONMENT_VARIABLE}`` makes one, and so does
          ``robot --variable "name: secret:VALUE"``. Plain text is refused: Robot Framework would show it in the log.
        - ``alias``: what `Switch Platform Session` calls the session; by default the platform's name.
        - ``timeout``: by default ``timeouts.platform`` of the configuration (60 s).

        Example:
        | Log In To Platform
        | VAR    ${password: secret}    %{PLATFORM_PASSWORD=horse-battery}
        | Log In To Platform    lab    username=anna    password=${password}    alias=anna
        | Switch Platform Session    lab
        """
        seconds = self.seconds(timeout, "platform")
        platforms = self.workspace.platforms
        settings = platforms.settings(platform, username, password)
        client = self.wait(
            platforms.log_in(settings, seconds, alias), seconds, f"Logging in to platform '{settings.name}'"
        )
        name = platforms.alias(client) or settings.name
        logger.info(
            f"Logged in to platform '{settings.name}' ({settings.url}) as '{settings.username}', session '{name}'."
        )
        return name

    @keyword(tags=["Platform"])
    def switch_platform_session(self, alias: str) -> str | None:
        """Makes another open session the one that the keywords about a platform mean. Returns the alias of the one that was.

        - ``alias``: what the session was called at `Log In To Platform`; by default that is the platform's name.

        Example:
        | Log In To Platform    lab
        | Log In To Platform    lab    alias=second
        | ${before} =    Switch Platform Session    lab
        | Should Be Equal    ${before}    second
        """
        before = self.workspace.platforms.switch(alias)
        logger.info(f"The current platform session is '{alias}'; it was {before!r}.")
        return before

    @keyword(tags=["Platform", "Getter"])
    def get_platform_sessions(self) -> list[dict[str, Any]]:
        """Returns the open sessions with platforms: a list of dictionaries, in the order of their logins.

        Their entries: ``alias``, ``platform``, ``url``, ``username`` and ``is_current``.

        Example:
        | Log In To Platform    alias=first
        | @{sessions} =    Get Platform Sessions
        | Should Be Equal    ${sessions}[0][alias]    first
        """
        platforms = self.workspace.platforms
        sessions = [
            {
                "alias": alias,
                "platform": client.name,
                "url": str(client.settings.url),
                "username": client.settings.username,
                "is_current": client is platforms.current,
            }
            for alias, client in platforms.sessions.items()
        ]
        lines = (
            f"'{each['alias']}': '{each['username']}' on platform '{each['platform']}'"
            + (" (current)" if each["is_current"] else "")
            for each in sessions
        )
        logger.info("\n".join(lines) or "No platform is logged in to.")
        return sessions

    @keyword(tags=["Platform"])
    def log_out_of_platform(self, alias: str | None = None, *, timeout: timedelta | None = None) -> None:
        """Ends a session with a platform. Without an alias the current one, and nothing where there is none.

        When the current one ends, that of the others which was opened last is the current one.

        - ``alias``: which session; by default the current one.
        - ``timeout``: by default ``timeouts.platform`` of the configuration (60 s).

        Example:
        | Log In To Platform    alias=anna
        | Log Out Of Platform    anna
        """
        seconds = self.seconds(timeout, "platform")
        platforms = self.workspace.platforms
        name = self.wait(platforms.log_out(seconds, alias), seconds, "Logging out of the platform")
        current = platforms.alias(platforms.current)
        logger.info(
            (f"Logged out of platform session '{name}'." if name else "No platform was logged in to.")
            + (f" The current one is '{current}'." if current else "")
        )
