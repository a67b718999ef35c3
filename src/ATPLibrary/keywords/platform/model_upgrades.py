"""Keywords about a model's next version: the desktop that it is made in, and links by which somebody else may make it."""

from __future__ import annotations

import re
from datetime import timedelta
from typing import TYPE_CHECKING
from urllib.parse import parse_qsl, urlsplit

from robot.api import logger
from robot.api.deco import keyword
from robot.api.types import Secret

from ATPLibrary.errors import InputError, PlatformError
from ATPLibrary.keywords.platform.base import PlatformComponent
from ATPLibrary.orchestrator.creations import ClosingLevel
from ATPLibrary.vdi.codes import VmStatus

if TYPE_CHECKING:
    from ATPLibrary.vdi import VdiClient
    from ATPLibrary.vdi.shapes.templates import Share

_PASSWORD = re.compile(r"[^=]*(?:password|passwd|pwd)=", re.IGNORECASE)


class ModelUpgradeKeywords(PlatformComponent):
    @keyword(tags=["Model"])
    def begin_model_upgrade(
        self, model: str, *, closing: ClosingLevel | None = None, timeout: timedelta | None = None
    ) -> str:
        """Begins a model's next version: the platform makes a desktop with the model's disk, to be changed. Returns its name.

        Start it, change it, shut it down, then `Complete Model Upgrade`; or leave the model as it was: `Cancel Model Upgrade`.

        - ``model``: the model's name or id.
        - ``closing``: when it is cancelled unless it was completed: ``test``, ``suite``, ``manual``, ``keep``; by default the
          library's level.
        - ``timeout``: by default ``timeouts.boot`` of the configuration (180 s).

        Example:
        | Log In To Platform
        | ${desktop} =    Begin Model Upgrade    win11-model
        | Start Desktop    ${desktop}
        | Close Desktop    ${desktop}
        | Complete Model Upgrade    win11-model
        """

        async def begin(client: VdiClient, seconds: float) -> str:
            found = await client.models.find(model, timeout=seconds)

            async def cancel(client: VdiClient, seconds: float) -> None:
                models = {each.id: each.status for each in await client.models.all(timeout=seconds)}
                if models.get(found.id) == VmStatus.UPGRADING:
                    await client.models.cancel_upgrade(found.id, timeout=seconds)

            with self.making("model upgrade", found.name, cancel, closing) as made:
                upgrade = await client.models.begin_upgrade(found.id, timeout=seconds)
            made.id = found.id
            if not upgrade.id:
                raise PlatformError.about(
                    f"Platform '{client.name}'",
                    wanted=f"say which VM the next version of model '{model}' is made in",
                    got="it doesn't",
                )
            return (await client.domains.detail(upgrade.id, timeout=seconds)).name

        desktop = self.ask(f"Beginning the upgrade of model '{model}'", begin, timeout, kind="boot")
        logger.info(f"The next version of model '{model}' is made in desktop '{desktop}'.")
        return desktop

    @keyword(tags=["Model"])
    def complete_model_upgrade(self, model: str, timeout: timedelta | None = None) -> None:
        """Makes the changed desktop, which must be off, the model. New clones have it; present ones by `Reset Desktops Of Model`.

        - ``model``: the model's name or id.
        - ``timeout``: by default ``timeouts.boot`` of the configuration (180 s).

        Example:
        | Log In To Platform
        | ${desktop} =    Begin Model Upgrade    win11-model
        | Complete Model Upgrade    win11-model
        | Reset Desktops Of Model    win11-model
        """

        async def complete(client: VdiClient, seconds: float) -> str:
            found = await client.models.find(model, timeout=seconds)
            await client.models.complete_upgrade(found.id, timeout=seconds)
            return found.id

        what = f"Completing the upgrade of model '{model}'"
        self.forget("model upgrade", self.ask(what, complete, timeout, kind="boot"))
        logger.info(f"Model '{model}' has its next version.")

    @keyword(tags=["Model"])
    def cancel_model_upgrade(self, model: str, timeout: timedelta | None = None) -> None:
        """Leaves a model as it was, and removes the desktop that its next version was made in.

        - ``model``: the model's name or id.
        - ``timeout``: by default ``timeouts.platform`` of the configuration (60 s).

        Example:
        | Log In To Platform
        | ${desktop} =    Begin Model Upgrade    win11-model
        | Cancel Model Upgrade    win11-model
        """

        async def cancel(client: VdiClient, seconds: float) -> str:
            found = await client.models.find(model, timeout=seconds)
            await client.models.cancel_upgrade(found.id, timeout=seconds)
            return found.id

        self.forget("model upgrade", self.ask(f"Cancelling the upgrade of model '{model}'", cancel, timeout))
        logger.info(f"Model '{model}' stays as it was.")

    @keyword(tags=["Model"])
    def create_model_upgrade_link(
        self,
        model: str,
        *,
        valid_days: int = 1,
        password: Secret | None = None,
        url_prefix: str | None = None,
        timeout: timedelta | None = None,
    ) -> str:
        """Makes a link by which somebody without an account may upgrade a model, and returns it, without its password.

        - ``model``: the model's name or id.
        - ``valid_days``: how long it is good, in days.
        - ``password``: what is asked for there, a secret variable; by default the platform makes one up.
        - ``url_prefix``: what its address begins with; by default the platform decides.
        - ``timeout``: by default ``timeouts.platform`` of the configuration (60 s).

        Example:
        | Log In To Platform
        | VAR    ${password: secret}    %{LINK_PASSWORD=horse-battery}
        | ${link} =    Create Model Upgrade Link    win11-model    valid_days=7    password=${password}
        | Model Upgrade Link Should Be Valid    ${link}    ${password}
        """

        async def make(client: VdiClient, seconds: float) -> Share:
            found = await client.models.find(model, timeout=seconds)
            return await client.models.make_upgrade_link(
                found.id, valid_days=valid_days, password=password, url_prefix=url_prefix, timeout=seconds
            )

        share = self.ask(f"Making an upgrade link of model '{model}'", make, timeout)
        link = _without_password(share.url)
        logger.info(f"Link: {link}, good for {valid_days} days.")
        return link

    @keyword(tags=["Model", "Getter"])
    def get_model_upgrade_link(self, model: str, timeout: timedelta | None = None) -> str:
        """Returns the link by which somebody may upgrade a model, without its password. Fails where the model has none.

        - ``model``: the model's name or id.
        - ``timeout``: by default ``timeouts.platform`` of the configuration (60 s).

        Example:
        | Log In To Platform
        | ${link} =    Get Model Upgrade Link    win11-model
        """

        async def look(client: VdiClient, seconds: float) -> Share:
            found = await client.models.find(model, timeout=seconds)
            return await client.models.upgrade_link(found.id, timeout=seconds)

        share = self.ask(f"Reading the upgrade link of model '{model}'", look, timeout)
        link = _without_password(share.url)
        logger.info(f"Link: {link}")
        return link

    @keyword(tags=["Model", "Assertion"])
    def model_upgrade_link_should_be_valid(
        self, link: str, password: Secret | None = None, timeout: timedelta | None = None
    ) -> None:
        """Fails unless the platform still takes a link for a model's upgrade, with this password.

        - ``link``: as `Create Model Upgrade Link` returned it.
        - ``password``: a secret variable.
        - ``timeout``: by default ``timeouts.platform`` of the configuration (60 s).

        Example:
        | Log In To Platform
        | VAR    ${password: secret}    %{LINK_PASSWORD=horse-battery}
        | ${link} =    Get Model Upgrade Link    win11-model
        | Model Upgrade Link Should Be Valid    ${link}    ${password}
        """
        check, expiry = _parts(link)

        async def ask(client: VdiClient, seconds: float) -> None:
            await client.models.check_upgrade_link(check, expiry, password, timeout=seconds)

        self.ask("Checking an upgrade link", ask, timeout)
        logger.info("The link is valid.")


def _without_password(link: str | None) -> str:
    """The link without a part of its query that is a password: it is in logs, and whoever opens it is asked for that."""
    parts = urlsplit(link or "")
    kept = [part for part in parts.query.split("&") if not _PASSWORD.match(part)]
    return parts._replace(query="&".join(kept)).geturl()


def _parts(link: str) -> tuple[str, str]:
    """What the platform checks of a link: its check, and its expiry where it has one, from the query of its address."""
    query = {name.lower(): value for name, value in parse_qsl(urlsplit(link).query)}
    check = next((value for name, value in query.items() if name.endswith("check")), "")
    if not check:
        raise InputError.about(
            f"Upgrade link '{link}'", wanted="have a part named check in its address", got="has none of that name"
        )
    return check, next((value for name, value in query.items() if name.endswith("exp")), "")
