"""Keywords that ask what the platform says of a desktop, and whether it lists it."""

from __future__ import annotations

from collections.abc import Callable, Coroutine
from datetime import timedelta
from typing import TYPE_CHECKING, Any, Literal

from robot.api.deco import keyword

from ATPLibrary.keywords.assertions import Operator
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
        *,
        timeout: timedelta | None = None,
    ) -> Any:
        """Returns what the platform says of a desktop, or of one field of it, after asserting it if asked to.

        The fields are ``name``, ``id``, ``status`` (``shut off``, ``running``, ``suspended``, ``busy``, ``upgrading``),
        ``host_name``, ``host_ip``, ``cpu``, ``memory`` (MiB), ``model_name``, ``desk_pool_id``, ``user_id``, ``remark``,
        ``has_restore_point``, ``has_snapshot``, ``create_time``, ... Without a field the whole is returned, with these
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
