"""Keywords that list desktops: those there are, those in use, those that were cloned, and what several have in common."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING, Any, Literal, get_args

from robot.api import logger
from robot.api.deco import keyword

from ATPLibrary.keywords import output
from ATPLibrary.keywords.assertions import Operator
from ATPLibrary.keywords.platform.batches import in_words, named
from ATPLibrary.keywords.platform.desktops import Status
from ATPLibrary.keywords.platform.looking import Looking
from ATPLibrary.vdi.codes import VmStatus

if TYPE_CHECKING:
    from ATPLibrary.vdi import VdiClient, Vm

RestoreFilter = Literal["none", "start", "day", "week", "month"]
# In the order of the vendor's codes (`RestorePoint`).
RESTORE_FILTERS: tuple[str, ...] = get_args(RestoreFilter)


class DesktopListKeywords(Looking):
    @keyword(name="Get Platform VMs", tags=["Platform", "Getter"])
    def get_platform_vms(
        self,
        keyword: str | None = None,
        *,
        status: Status | None = None,
        host: str | None = None,
        model: str | None = None,
        resource_pool: str | None = None,
        bound: bool | None = None,
        in_use: bool | None = None,
        restore_point: RestoreFilter | None = None,
        os_type: str | None = None,
        agent_version: str | None = None,
        timeout: timedelta | None = None,
    ) -> list[str]:
        """Returns the names of the VMs that the platform manages: of all, or of those that are as said.

        - ``keyword``: what the name holds.
        - ``status``: ``shut off``, ``running``, ``suspended``, ``busy`` or ``upgrading``.
        - ``host``: only those on this host, by name or id.
        - ``model``: only the clones of this model, by name or id.
        - ``resource_pool``: only those of this resource pool, by name or id.
        - ``bound``: ``True`` for those that a user has, ``False`` for the others.
        - ``in_use``: ``True`` for those that somebody is looking at, ``False`` for the others.
        - ``restore_point``: ``none``, or when they go back to theirs: at each ``start``, or once a ``day``, ``week`` or ``month``.
        - ``os_type``, ``agent_version``: in the platform's own words; several with commas.
        - ``timeout``: by default ``timeouts.platform`` of the configuration (60 s).

        Example:
        | Log In To Platform
        | @{vms} =    Get Platform VMs
        | @{running} =    Get Platform VMs    sales    status=running    host=lab-a
        | Log    ${vms}
        """

        async def look(client: VdiClient, seconds: float) -> list[str]:
            vms = client.domains.list(
                keyword,
                host_id=host and (await client.hosts.find(host, timeout=seconds)).id,
                model_id=model and (await client.models.find(model, timeout=seconds)).id,
                pool_id=resource_pool and (await client.pools.find(resource_pool, timeout=seconds)).id,
                status=None if status is None else VmStatus[status.upper()],
                is_bound=bound,
                is_connected=in_use,
                restore_point=None if restore_point is None else str(RESTORE_FILTERS.index(restore_point)),
                os_type=os_type,
                agent_version=agent_version,
                timeout=seconds,
            )
            return [vm.name for vm in await vms.collect()]

        return self.listed("VMs", look, timeout)

    @keyword(tags=["Desktop", "Getter"])
    def get_desktop_clones(self, desktop: str, timeout: timedelta | None = None) -> list[str]:
        """Returns the names of the VMs that were cloned from a desktop or model.

        - ``desktop``: the desktop or model, by name or id.
        - ``timeout``: by default ``timeouts.platform`` of the configuration (60 s).

        Example:
        | Log In To Platform
        | @{clones} =    Get Desktop Clones    atp-linux
        | Log    ${clones}
        """

        async def look(client: VdiClient, seconds: float) -> list[str]:
            models = await client.models.list(timeout=seconds).collect()
            mother: Vm | None = next((model for model in models if desktop in (model.id, model.name)), None)
            if mother is None:
                mother = await client.domains.find(desktop, timeout=seconds)
            return [vm.name for vm in await client.domains.children(mother.id, timeout=seconds)]

        return self.listed(f"clones of '{desktop}'", look, timeout)

    @keyword(tags=["Desktop", "Getter"])
    def get_desktops_in_use(
        self,
        user: str | None = None,
        *,
        from_inside: bool | None = None,
        by_phone: bool | None = None,
        timeout: timedelta | None = None,
    ) -> list[str]:
        """Returns the names of the desktops that somebody is looking at.

        - ``user``: only those of this user, by the account's name.
        - ``from_inside``: ``True`` for those who come from inside the platform's network, ``False`` for the others.
        - ``by_phone``: ``True`` for those at a phone, ``False`` for those at a computer.
        - ``timeout``: by default ``timeouts.platform`` of the configuration (60 s).

        Example:
        | Log In To Platform
        | @{used} =    Get Desktops In Use
        | Log    ${used}
        """

        async def look(client: VdiClient, seconds: float) -> list[str]:
            vms = client.domains.in_use(user, from_inside=from_inside, by_phone=by_phone, timeout=seconds)
            return [vm.name for vm in await vms.collect()]

        return self.listed("desktops in use", look, timeout)

    @keyword(tags=["Desktop", "Getter"])
    def get_user_counts(
        self,
        field: str | None = None,
        operator: Operator | None = None,
        expected: Any = None,
        *,
        timeout: timedelta | None = None,
    ) -> Any:
        """Returns how many users are on line at desktops, from ``inside`` and ``outside``, and how many are ``offline``.

        - ``field``: ``inside``, ``outside`` or ``offline``; without it all three are returned.
        - ``operator`` and ``expected``: an assertion about the field, such as ``>=  1``.
        - ``timeout``: with an assertion, how long to wait for it to hold; without it, it is checked once.

        Example:
        | Log In To Platform
        | Get User Counts    inside    >=    0
        """
        return self.looked_at(
            "The users of desktops",
            lambda client, seconds: client.domains.user_counts(timeout=seconds),
            field,
            operator=operator,
            expected=expected,
            timeout=timeout,
        )

    @keyword(tags=["Desktop", "Getter"])
    def get_desktop_agent_versions(self, timeout: timedelta | None = None) -> list[str]:
        """Returns the versions of the platform's own agent that are in its desktops' guests.

        - ``timeout``: by default ``timeouts.platform`` of the configuration (60 s).

        Example:
        | Log In To Platform
        | @{versions} =    Get Desktop Agent Versions
        | Log    ${versions}
        """

        async def look(client: VdiClient, seconds: float) -> list[str]:
            return [*await client.domains.agent_versions(timeout=seconds)]

        return self.listed("versions of the platform's agent", look, timeout)

    @keyword(tags=["Desktop", "Getter"])
    def get_common_storage_pools(self, *names: str, timeout: timedelta | None = None) -> list[str]:
        """Returns the names of the storage pools that all of these desktops can have disks in.

        - ``names``: the desktops, by name or id.
        - ``timeout``: by default ``timeouts.platform`` of the configuration (60 s).

        Example:
        | Log In To Platform
        | @{pools} =    Get Common Storage Pools    sales-1    sales-2
        | Log    ${pools}
        """
        which = named(names)

        async def look(client: VdiClient, seconds: float) -> list[str]:
            ids = [vm.id for vm in await which(client, seconds)]
            return [pool.name for pool in await client.domains.common_storage_pools(ids, timeout=seconds)]

        return self.listed(f"storage pools for {in_words(names)}", look, timeout)

    @keyword(tags=["Desktop"])
    def save_dormant_desktops(self, file: str, timeout: timedelta | None = None) -> str:
        """Writes the platform's list of desktops that nobody has used for long to a file, a spreadsheet. Returns its path.

        - ``file``: where to, below the output directory unless it is absolute; one that is there is replaced.
        - ``timeout``: by default ``timeouts.platform`` of the configuration (60 s).

        Example:
        | Log In To Platform
        | ${path} =    Save Dormant Desktops    dormant.xls
        """
        sheet = self.ask(
            "The list of dormant desktops",
            lambda client, seconds: client.domains.dormant_as_sheet(timeout=seconds),
            timeout,
        )
        path = output.write(output.directory() / file, sheet)
        logger.info(f"Wrote the list of dormant desktops, {len(sheet)} bytes, to {path}.")
        return str(path)
