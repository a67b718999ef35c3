"""Keywords about the configuration itself."""

from __future__ import annotations

from dataclasses import asdict

from robot.api import logger
from robot.api.deco import keyword

from ATPLibrary.errors import ConfigError
from ATPLibrary.keywords.component import Component

# Reading a small file and comparing; nothing is waited for.
_SECONDS = 10.0


class ConfigurationKeywords(Component):
    @keyword(tags=["Configuration"])
    def reload_configuration(self, path: str | None = None, watch: bool | None = None) -> dict[str, tuple[str, ...]]:
        """Reads the configuration again while the run goes on, and returns what is different. Nothing under way is lost.

        A configuration that is wrong, or an empty file, is refused whole with one sentence, and the old one stays. Hosts that are
        new can be used at once. A host that is gone is drained: VMs that are connected through it go on until they are
        disconnected, and then its connection is closed. VMs that are connected use new settings from their next keyword on;
        channels that are open stay open.

        The dictionary's entries are lists of names: ``added``, ``removed`` and ``changed`` (another URI, user or pool) hosts, those
        now ``drained`` or ``returned`` to service, those ``described`` by other tags or another ip, and the other ``settings`` that
        differ.

        - ``path``: the file to read; by default the configuration is looked for as at the start.
        - ``watch``: with ``True`` the file is followed from now on: what is written there counts a moment later, without this
          keyword. The next keyword's log tells in one line what changed, or warns of what is wrong. ``False`` ends that.

        Example:
        | ${changes} =    Reload Configuration
        | Log    New hosts: ${changes}[added]
        | Reload Configuration    /etc/atp/night.yaml    watch=True
        """
        from ATPLibrary import config
        from ATPLibrary.orchestrator import reload

        file = config.file(path)
        if watch and file is None:
            origin = config.load().origin
            raise ConfigError.about(
                origin[0].upper() + origin[1:],
                wanted="be a file that can be watched",
                got="is none",
                next_step="Write one, or name one with path=",
            )

        async def take(new: config.Config) -> reload.Changes:
            changes = await reload.reload(self.workspace, new)
            if watch is False:
                self.workspace.config_watch.stop()
            elif watch and file is not None:
                await self.workspace.config_watch.start(file)
            return changes

        changes = self.wait(take(config.load(path, may_be_empty=False)), _SECONDS, "Taking another configuration")
        logger.info(f"{str(changes)[0].upper()}{str(changes)[1:]}.")
        return asdict(changes)
