"""Keywords that read desk pools and assert what is read: how many desktops run, which model they have, whether there is one."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import timedelta
from typing import TYPE_CHECKING, Any

from robot.api import logger
from robot.api.deco import keyword

from ATPLibrary.errors import InputError
from ATPLibrary.keywords.assertions import Operator
from ATPLibrary.keywords.platform.batches import NAMED_IN_A_SENTENCE, in_words
from ATPLibrary.keywords.platform.fields import counted
from ATPLibrary.keywords.platform.looking import Looking
from ATPLibrary.vdi.codes import VmStatus

if TYPE_CHECKING:
    from ATPLibrary.vdi import DeskPool, VdiClient, Vm

# What is counted of a pool's desktops by their status.
_STATUSES = {"running", "shut_off", "suspended", "busy"}


class DeskPoolCheckKeywords(Looking):
    @keyword(tags=["Desk Pool", "Getter"])
    def get_desk_pools(self, timeout: timedelta | None = None) -> list[str]:
        """Returns the names of all desk pools.

        - ``timeout``: by default ``timeouts.platform`` of the configuration (60 s).

        Example:
        | Log In To Platform
        | @{pools} =    Get Desk Pools
        | Log    ${pools}
        """
        client, seconds = self.client(), self.seconds(timeout, "platform")

        async def names() -> list[str]:
            return [pool.name for pool in await client.desk_pools.list(timeout=seconds).collect()]

        return self._named(names(), seconds, "desk pools")

    @keyword(tags=["Desk Pool", "Getter"])
    def get_desk_pool(
        self,
        pool: str,
        field: str | None = None,
        operator: Operator | None = None,
        expected: Any = None,
        *,
        timeout: timedelta | None = None,
    ) -> Any:
        """Returns what the platform says about a desk pool, or one field of it, and asserts it where an expectation is given.

        The fields: ``name``, ``id``, ``is_enabled``, ``amount``, ``used_amount``, ``status`` (``idle``, ``switching model``,
        ``archived``), ``type`` (``not shared``, ``shared``, ``teaching``), ``current_model_name``, ``models``,
        ``class_number``, ``group_names``, ``remark``, ...

        - ``pool``: the desk pool's name or id.
        - ``field``: which field; by default an object with all of them.
        - ``operator``, ``expected``: what the field should be, such as ``==    idle``.
        - ``timeout``: how long to wait until it is so; by default it is looked at once.

        Example:
        | Log In To Platform
        | Get Desk Pool    sales    status    ==    idle    timeout=30 s
        | ${pool} =    Get Desk Pool    sales
        | Should Be True    ${pool.is_enabled}
        """

        async def look(client: VdiClient, seconds: float) -> DeskPool:
            return await client.desk_pools.detail(pool, timeout=seconds)

        return self.looked_at(f"Desk pool '{pool}'", look, field, operator=operator, expected=expected, timeout=timeout)

    @keyword(tags=["Desk Pool", "Getter", "Graphics"])
    def get_desk_pool_graphics_cards(
        self,
        pool: str,
        operator: Operator | None = None,
        expected: Any = None,
        *,
        timeout: timedelta | None = None,
    ) -> int:
        """Returns how many desktops of a desk pool have a virtual graphics card, and asserts it where an expectation is given.

        - ``pool``: the desk pool's name or id.
        - ``operator``, ``expected``: what it should be, such as ``>    0``.
        - ``timeout``: how long to wait until it is so; by default it is looked at once.

        Example:
        | Log In To Platform
        | Get Desk Pool Graphics Cards    sales    ==    0
        """

        async def look(client: VdiClient, seconds: float) -> int:
            detail = await client.desk_pools.detail(pool, timeout=seconds)
            counts = await client.desk_pools.graphics_card_counts(timeout=seconds)
            return next((each.count or 0 for each in counts if each.pool_id == detail.id), 0)

        subject = f"The number of graphics cards of desk pool '{pool}'"
        count: int = self.looked_at(subject, look, None, operator=operator, expected=expected, timeout=timeout)
        return count

    @keyword(tags=["Desk Pool", "Assertion"])
    def desk_pool_should_have(
        self,
        pool: str,
        desktops: int | None = None,
        running: int | None = None,
        enabled: bool | None = None,
        *,
        shut_off: int | None = None,
        suspended: int | None = None,
        busy: int | None = None,
        bound: int | None = None,
        model: str | None = None,
        timeout: timedelta | None = None,
    ) -> None:
        """Fails unless the platform says of a desk pool what is expected. What isn't named isn't checked.

        - ``pool``: the desk pool's name or id.
        - ``desktops``: how many desktops the platform lists in it.
        - ``running``, ``shut_off``, ``suspended``, ``busy``: how many of them run, are off or asleep, are suspended, or have an
          operation under way. A desktop whose status the platform doesn't tell, for one on a host that hangs, fails these.
        - ``enabled``: whether it is enabled.
        - ``bound``: how many of the desktops are bound to a user.
        - ``model``: the name or id of the model that its desktops have now, each of them.
        - ``timeout``: how long to wait until all of it is so; by default it is looked at once.

        Example:
        | Log In To Platform
        | Desk Pool Should Have    sales    desktops=2    enabled=True    model=atp-linux
        | Desk Pool Should Have    sales    running=2    timeout=30 s
        """
        named = {
            "desktops": desktops,
            "running": running,
            "shut_off": shut_off,
            "suspended": suspended,
            "busy": busy,
            "enabled": enabled,
            "bound": bound,
            "model": model,
        }
        wanted = {what: value for what, value in named.items() if value is not None}
        if not wanted:
            raise InputError.about(
                f"Desk pool '{pool}'", wanted="have something that can be checked", got="nothing is named",
                next_step=f"Say one of {', '.join(named)}",
            )  # fmt: skip

        seen = ""

        async def look(client: VdiClient, seconds: float) -> tuple[bool, str]:
            nonlocal seen
            detail = await client.desk_pools.detail(pool, timeout=seconds)
            vms = await client.desk_pools.vms(detail.id, timeout=seconds)
            found = facts(detail, vms, model)
            wrong = [f"{what}={found[what]}" for what in wanted if found[what] != wanted[what]]
            if _STATUSES & wanted.keys() and (untold := [vm.name for vm in vms if vm.status is None]):
                wrong.append(f"no known status of {in_words(untold)}")
            seen = f"{len(vms)} desktop{'' if len(vms) == 1 else 's'}: {in_words_of(detail, vms)}"
            return not wrong, f"it has {', '.join(wrong)} ({seen})"

        expected = ", ".join(f"{what}={value}" for what, value in wanted.items())
        self.should(f"Desk pool '{pool}'", f"have {expected}", look, timeout)
        logger.info(f"Desk pool '{pool}': {seen}.")

    @keyword(tags=["Desk Pool", "Assertion"])
    def desk_pool_should_exist(self, pool: str, timeout: timedelta | None = None) -> None:
        """Fails unless the platform lists a desk pool of that name or id.

        - ``pool``: the desk pool's name or id.
        - ``timeout``: how long to wait until it does; by default it is looked at once.

        Example:
        | Log In To Platform
        | Desk Pool Should Exist    sales
        """
        self.should_exist(f"Desk pool '{pool}'", _names, pool, True, timeout)

    @keyword(tags=["Desk Pool", "Assertion"])
    def desk_pool_should_not_exist(self, pool: str, timeout: timedelta | None = None) -> None:
        """Fails if the platform lists a desk pool of that name or id.

        - ``pool``: the desk pool's name or id.
        - ``timeout``: how long to wait until it is gone; by default it is looked at once.

        Example:
        | Log In To Platform
        | Desk Pool Should Not Exist    deleted-pool
        """
        self.should_exist(f"Desk pool '{pool}'", _names, pool, False, timeout)


async def _names(client: VdiClient, seconds: float) -> list[str]:
    return [key for pool in await client.desk_pools.list(timeout=seconds).collect() for key in (pool.name, pool.id)]


def facts(pool: DeskPool, vms: Sequence[Vm], model: str | None) -> dict[str, int | bool | str]:
    """What is true of the pool, by the words of 'Desk Pool Should Have'. Its model is called `model` where that names it."""
    names = model_of(pool)
    has = model if model in names else next(iter(names), "none")
    # A switch that failed half way leaves desktops of both: the pool alone doesn't tell.
    others = [
        f"'{vm.name}' has '{vm.model_name or vm.model_id}'"
        for vm in vms
        if (vm.model_id or vm.model_name) and not {vm.model_id, vm.model_name} & {*names}
    ]
    return {
        "desktops": len(vms),
        "running": sum(vm.status == VmStatus.RUNNING for vm in vms),
        "shut_off": sum(vm.status == VmStatus.SHUT_OFF for vm in vms),
        "suspended": sum(vm.status == VmStatus.SUSPENDED for vm in vms),
        "busy": sum(vm.status == VmStatus.BUSY for vm in vms),
        "enabled": pool.is_enabled,
        "bound": sum(bool(vm.user_id) for vm in vms),
        "model": f"{has}, but {', '.join(others[:NAMED_IN_A_SENTENCE])}" if others else has,
    }


def model_of(pool: DeskPool) -> list[str]:
    """The name and id of the model that its desktops have now: the only one there is where the platform names no present one."""
    present = [each for each in (pool.current_model_name, pool.current_model_id) if each]
    if present or len(pool.models or []) != 1:
        return present
    (only,) = pool.models or []
    return [each for each in (only.name, only.id) if each]


def in_words_of(pool: DeskPool, vms: Sequence[Vm]) -> str:
    """How the pool is: "2 running, 1 shut off, enabled, model 'atp-linux'"."""
    bound = sum(bool(vm.user_id) for vm in vms)
    parts = [
        counted(vm.status for vm in vms),
        f"{bound} bound" if bound else "",
        "enabled" if pool.is_enabled else "not enabled",
    ]
    parts += [f"model '{name}'" for name in model_of(pool)[:1]]
    return ", ".join(part for part in parts if part)
