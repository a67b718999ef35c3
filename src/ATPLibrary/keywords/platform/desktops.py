"""Keywords that ask about single desktops: what the platform says of one, which ones there are, what is in them."""

from __future__ import annotations

from collections.abc import Callable, Coroutine
from datetime import timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

from robot.api import logger
from robot.api.deco import keyword

from ATPLibrary.keywords.assertions import Operator
from ATPLibrary.keywords.platform.batches import in_words, named
from ATPLibrary.keywords.platform.looking import Looking

if TYPE_CHECKING:
    from ATPLibrary.vdi import VdiClient, Vm

Status = Literal["shut_off", "running", "suspended", "busy", "upgrading"]


class DesktopKeywords(Looking):
    @keyword(tags=["Desktop", "Getter"])
    def get_desktop(
        self,
        desktop: str,
        field: str | None = None,
        operator: Operator | None = None,
        expected: Any = None,
        timeout: timedelta | None = None,
    ) -> Any:
        """Returns what the platform says of a desktop, or of one field of it, after asserting it if asked to.

        The fields are ``name``, ``id``, ``status`` (``shut off``, ``running``, ``suspended``, ``busy``, ``upgrading``),
        ``host_name``, ``host_ip``, ``cpu``, ``memory`` (MiB), ``model_name``, ``desk_pool_id``, ``user_id``, ``remark``,
        ``freeze`` (its restore point), ``has_snapshot``, ``create_time``, ... Without a field the whole is returned, with these
        as attributes.

        - ``desktop``: the desktop, by name or id.
        - ``field``: one of the fields. An unknown one fails and names those that are near.
        - ``operator`` and ``expected``: an assertion about the field, such as ``==  running``.
        - ``timeout``: with an assertion, how long to wait for it to hold, asking again and again; without it, it is checked once.

        Example:
        | Log In To Platform
        | Get Desktop    sales-1    status    ==    running    timeout=30 s
        | ${memory} =    Get Desktop    sales-1    memory
        | ${all} =    Get Desktop    sales-1
        | Log    ${all.host_name}
        """
        return self.looked_at(
            f"Desktop '{desktop}'", look_at(desktop), field, operator=operator, expected=expected, timeout=timeout
        )

    @keyword(tags=["Desktop", "Assertion"])
    def desktop_should_be(self, desktop: str, status: Status, timeout: timedelta | None = None) -> None:
        """Fails unless the platform says that a desktop is in a state, or comes into it in ``timeout``.

        - ``desktop``: the desktop, by name or id.
        - ``status``: ``shut off``, ``running``, ``suspended``, ``busy`` or ``upgrading``.
        - ``timeout``: how long to wait for it; by default it must be so now.

        Example:
        | Log In To Platform
        | Desktop Should Be    sales-1    running
        | Desktop Should Be    sales-1    shut off    timeout=1 min
        """
        self.looked_at(
            f"Desktop '{desktop}'",
            look_at(desktop),
            "status",
            operator="==",
            expected=status,
            timeout=timeout,
        )

    @keyword(tags=["Desktop", "Assertion"])
    def desktop_should_exist(self, desktop: str, timeout: timedelta | None = None) -> None:
        """Fails unless the platform lists a desktop. One in the recycle bin isn't listed.

        - ``desktop``: the desktop's name or id.
        - ``timeout``: how long to wait until it does; by default it is looked at once.

        Example:
        | Log In To Platform
        | Desktop Should Exist    sales-1
        """
        self.should_exist(f"Desktop '{desktop}'", _names_and_ids, desktop, True, timeout)

    @keyword(tags=["Desktop", "Assertion"])
    def desktop_should_not_exist(self, desktop: str, timeout: timedelta | None = None) -> None:
        """Fails if the platform lists a desktop of that name or id. One in the recycle bin isn't listed.

        - ``desktop``: the desktop's name or id.
        - ``timeout``: how long to wait until it doesn't; by default it is looked at once.

        Example:
        | Log In To Platform
        | Desktop Should Not Exist    sales-deleted
        """
        self.should_exist(f"Desktop '{desktop}'", _names_and_ids, desktop, False, timeout)

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
    def save_dormant_desktops(self, path: str, timeout: timedelta | None = None) -> str:
        """Writes the platform's list of desktops that nobody has used for long to a file, a spreadsheet. Returns its whole path.

        - ``path``: the file to write, such as ``${OUTPUT DIR}/dormant.xls``; one that is there is replaced.
        - ``timeout``: by default ``timeouts.platform`` of the configuration (60 s).

        Example:
        | Log In To Platform
        | Save Dormant Desktops    ${OUTPUT DIR}/dormant.xls
        """
        sheet = self.ask(
            "The list of dormant desktops",
            lambda client, seconds: client.domains.dormant_as_sheet(timeout=seconds),
            timeout,
        )
        file = Path(path).absolute()
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_bytes(sheet)
        logger.info(f"Wrote {len(sheet)} bytes to {file}.")
        return str(file)

    @keyword(tags=["Desktop"])
    def refresh_desktop_status(self, desktop: str, timeout: timedelta | None = None) -> None:
        """Makes the platform look at a desktop's state again, where it may have missed a change.

        - ``desktop``: the desktop, by name or id.
        - ``timeout``: by default ``timeouts.platform`` of the configuration (60 s).

        Example:
        | Log In To Platform
        | Refresh Desktop Status    sales-1
        """

        async def refresh(client: VdiClient, seconds: float) -> None:
            vm = await client.domains.find(desktop, timeout=seconds)
            await client.domains.sync_status(vm.id, timeout=seconds)

        self.ask(f"Refreshing the status of desktop '{desktop}'", refresh, timeout)


async def _names_and_ids(client: VdiClient, seconds: float) -> list[str]:
    return [each for vm in await client.domains.list(timeout=seconds).collect() for each in (vm.name, vm.id)]


def look_at(desktop: str) -> Callable[[VdiClient, float], Coroutine[Any, Any, Vm]]:
    """Looks at the desktop of that name or id; from the second time on by its id, without the list of all."""
    known: list[str] = []

    async def look(client: VdiClient, seconds: float) -> Vm:
        if not known:
            known.append((await client.domains.find(desktop, timeout=seconds)).id)
        return await client.domains.detail(known[0], timeout=seconds)

    return look
