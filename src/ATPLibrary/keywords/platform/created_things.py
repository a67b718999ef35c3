"""Keywords about what was made on platforms: when it goes, what there is of it, and having it go now."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

from robot.api import logger
from robot.api.deco import keyword

from ATPLibrary.errors import PlatformError
from ATPLibrary.keywords import closing, scope
from ATPLibrary.keywords.platform.base import PlatformComponent
from ATPLibrary.orchestrator.creations import ClosingLevel


class CreatedThingKeywords(PlatformComponent):
    @keyword(tags=["Platform"])
    def set_closing_level(self, level: ClosingLevel) -> str:
        """Says when what is made from now on goes, until the end of this test; in a suite's setup: of this suite and those in it.

        What was made before keeps its level. Returns the level that held before.

        - ``level``: ``test``: at the end of the test; what a suite's setup makes goes at the end of the suite. ``suite``: at the
          end of the suite. ``manual``: by `Remove Created Things`, and at the end of the run. ``keep``: never.

        Example:
        | Set Closing Level    suite
        | Log In To Platform
        | Create Desk Pool    sales    model=atp-linux
        """
        before = closing.LEVELS.now()
        closing.LEVELS.say(scope.here(), level)
        logger.info(f"Closing level '{level.value}'; it was '{before.value}'.")
        return before.value

    @keyword(tags=["Platform", "Getter"])
    def get_created_things(self) -> list[dict[str, Any]]:
        """Returns what keywords have made on platforms and nothing has removed yet: a list of dictionaries, oldest first.

        Their entries: ``kind`` ("desk pool"), ``name``, ``id`` (empty while the platform hasn't said it), ``platform``, ``level``
        (when it goes: ``test``, ``suite``, ``manual`` or ``keep``) and ``scope`` (the full name of that test or suite; empty:
        the run).

        Example:
        | @{things} =    Get Created Things
        | FOR    ${thing}    IN    @{things}
        |     Log    ${thing}[kind] ${thing}[name] goes at the end of: ${thing}[level]
        | END
        """
        things = [
            {
                "kind": each.kind,
                "name": each.name,
                "id": each.id or "",
                "platform": each.client.name,
                "level": each.level.value,
                "scope": each.scope,
            }
            for each in self.workspace.creations.all
        ]
        lines = (
            f"{each['kind']} '{each['name']}' on platform '{each['platform']}': {each['level']}" for each in things
        )
        logger.info("\n".join(lines) or "Nothing that was made is left.")
        return things

    @keyword(tags=["Platform"])
    def remove_created_things(self, timeout: timedelta | None = None) -> list[str]:
        """Removes now what keywords have made on platforms, last first, but what is kept. Returns the names of what is gone.

        Fails and names what could not be removed, after trying everything. Each gets ``timeouts.platform`` (60 s) at most.

        - ``timeout``: for all; by default ``timeouts.boot`` of the configuration (180 s).

        Example:
        | Set Closing Level    manual
        | Log In To Platform
        | Create Desk Pool    sales    model=atp-linux
        | Remove Created Things
        """
        workspace = self.workspace
        things = workspace.creations.of_scope("")
        names = {str(each): each.name for each in things}
        removal = closing.remove(workspace, things, "Removing what was made", self.seconds(timeout, "boot"))
        if removal.failed:
            raise PlatformError(removal.line("now") + ".")
        logger.info(removal.line("now"))
        return [names[each] for each in removal.removed]
