"""Keywords about desk pools: making, enabling, reading, deleting."""

from __future__ import annotations

import contextlib
from collections.abc import Awaitable, Callable
from datetime import timedelta
from typing import TYPE_CHECKING, Any, Literal

from robot.api import logger
from robot.api.deco import keyword

from ATPLibrary.errors import PlatformError, VerificationError
from ATPLibrary.keywords.platform.base import PlatformComponent
from ATPLibrary.orchestrator.creations import ClosingLevel
from ATPLibrary.vdi.codes import DeskPoolType

if TYPE_CHECKING:
    from ATPLibrary.vdi import DeskPool, LongOperation, VdiClient

PoolType = Literal["not shared", "shared", "teaching"]
TYPES: dict[PoolType, DeskPoolType] = {
    "not shared": DeskPoolType.NOT_SHARED,
    "shared": DeskPoolType.SHARED,
    "teaching": DeskPoolType.TEACHING,
}


class DeskPoolKeywords(PlatformComponent):
    @keyword(tags=["Desk Pool"])
    def create_desk_pool(
        self,
        name: str,
        model: str,
        amount: int = 1,
        prefix: str | None = None,
        *,
        type: PoolType = "not shared",
        class_number: str | None = None,
        restore_point: bool = False,
        remark: str | None = None,
        wait: bool = True,
        closing: ClosingLevel | None = None,
        timeout: timedelta | None = None,
    ) -> list[str]:
        """Creates a desk pool with new VMs, linked clones of a model, and waits until the platform has made them all.

        It is disabled then: see `Enable Desk Pool`. Returns the event ids.

        - ``name``: the new desk pool's name, in any language.
        - ``model``: the name or id of the model; see `Get Models`.
        - ``amount``: how many desktops.
        - ``prefix``: how the names of the VMs begin; by default the platform decides.
        - ``type``: ``not shared``: a user keeps a desktop; ``shared``: a user gets any that is free; ``teaching``: a class room.
        - ``class_number``: the class room's number, of a teaching pool; see `Switch Class Room Model`.
        - ``restore_point``: ``True`` has each desktop go back to how it was made whenever it starts.
        - ``remark``: what the platform shows beside it.
        - ``wait``: ``False`` begins only.
        - ``closing``: when it is removed again: ``test``, ``suite``, ``manual``, ``keep``; by default the library import's level.
        - ``timeout``: by default ``timeouts.platform`` of the configuration (60 s).

        Example:
        | Log In To Platform
        | Create Desk Pool    测试桌面池    model=atp-linux    amount=2
        | Delete Desk Pool    测试桌面池
        """

        async def create(client: VdiClient, seconds: float) -> LongOperation[Any]:
            chosen = await client.models.find(model, timeout=seconds)
            # Others' pools of that name aren't ours to remove, should the platform have any.
            before = {pool.id for pool in await client.desk_pools.list(timeout=seconds).collect()}

            async def ours(client: VdiClient, seconds: float) -> list[DeskPool]:
                pools = await client.desk_pools.list(timeout=seconds).collect()
                if made.id is not None:
                    return [pool for pool in pools if pool.id == made.id]
                return [pool for pool in pools if pool.name == name and pool.id not in before]

            async def remove(client: VdiClient, seconds: float) -> None:
                from ATPLibrary.orchestrator.adapter import remove_desk_pool

                if operation is not None:  # a pool that is being made can't be deleted, whatever comes of its making
                    with contextlib.suppress(PlatformError):
                        await client.events.finish(operation.event_id, seconds)
                for pool in await ours(client, seconds):
                    await remove_desk_pool(self.workspace, client, pool.id, seconds)

            operation: LongOperation[Any] | None = None
            with self.making("desk pool", name, remove, closing) as made:
                operation = await client.desk_pools.create(
                    name,
                    model_id=chosen.id,
                    amount=amount,
                    type=TYPES[type],
                    vm_prefix=prefix,
                    class_number=class_number,
                    force_freeze=restore_point or None,
                    remark=remark,
                    timeout=seconds,
                )
            made.id = next((pool.id for pool in await ours(client, seconds)), None)
            return operation

        events = self.order(f"Creating desk pool '{name}'", create, timeout, wait)
        logger.info(f"{'Created' if wait else 'Began'} desk pool '{name}' with {amount} desktops from model '{model}'.")
        return events

    @keyword(tags=["Desk Pool"])
    def enable_desk_pool(self, pool: str, timeout: timedelta | None = None) -> None:
        """Enables a desk pool, so that its desktops can be used.

        - ``pool``: the desk pool's name or id.
        - ``timeout``: by default ``timeouts.platform`` of the configuration (60 s).

        Example:
        | Log In To Platform
        | Enable Desk Pool    sales
        """
        self._order(pool, timeout, "Enabling", lambda client, id_, s: client.desk_pools.enable(id_, timeout=s))
        logger.info(f"Desk pool '{pool}' is enabled.")

    @keyword(tags=["Desk Pool"])
    def disable_desk_pool(self, pool: str, timeout: timedelta | None = None) -> None:
        """Disables a desk pool: its desktops are not given to users any more.

        - ``pool``: the desk pool's name or id.
        - ``timeout``: by default ``timeouts.platform`` of the configuration (60 s).

        Example:
        | Log In To Platform
        | Disable Desk Pool    sales
        """
        self._order(pool, timeout, "Disabling", lambda client, id_, s: client.desk_pools.disable(id_, timeout=s))
        logger.info(f"Desk pool '{pool}' is disabled.")

    @keyword(tags=["Desk Pool"])
    def delete_desk_pool(self, pool: str, timeout: timedelta | None = None) -> None:
        """Deletes a desk pool with its VMs, and waits until the platform lists none of them any more.

        Connections to its VMs are closed first.

        - ``pool``: the desk pool's name or id.
        - ``timeout``: by default ``timeouts.platform`` of the configuration (60 s).

        Example:
        | Log In To Platform
        | Delete Desk Pool    sales
        """
        from ATPLibrary.orchestrator.adapter import delete_desk_pool

        async def delete(client: VdiClient, seconds: float) -> str:
            return await delete_desk_pool(self.workspace, client, pool, seconds)

        self.forget("desk pool", self.ask(f"Deleting desk pool '{pool}'", delete, timeout))
        logger.info(f"Deleted desk pool '{pool}'.")

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
    def get_desk_pool(self, pool: str, timeout: timedelta | None = None) -> Any:
        """Returns what the platform says about a desk pool.

        The result has ``name``, ``id``, ``is_enabled``, ``amount``, ``used_amount``, ``status``, ``type``, ``models``, ...

        - ``pool``: the desk pool's name or id.
        - ``timeout``: by default ``timeouts.platform`` of the configuration (60 s).

        Example:
        | Log In To Platform
        | ${pool} =    Get Desk Pool    sales
        | Should Be True    ${pool.is_enabled}
        """
        client, seconds = self.client(), self.seconds(timeout, "platform")
        detail = self.wait(client.desk_pools.detail(pool, timeout=seconds), seconds, f"Reading desk pool '{pool}'")
        logger.info(repr(detail))
        return detail

    @keyword(tags=["Desk Pool", "Assertion"])
    def desk_pool_should_have(
        self,
        pool: str,
        desktops: int | None = None,
        running: int | None = None,
        enabled: bool | None = None,
        timeout: timedelta | None = None,
    ) -> None:
        """Fails unless the platform says of a desk pool what is expected. What isn't named isn't checked.

        - ``pool``: the desk pool's name or id.
        - ``desktops``: how many desktops the platform lists in it.
        - ``running``: how many of them run.
        - ``enabled``: whether it is enabled.
        - ``timeout``: by default ``timeouts.platform`` of the configuration (60 s).

        Example:
        | Log In To Platform
        | Desk Pool Should Have    sales    desktops=2    enabled=True
        | Desk Pool Should Have    sales    running=0
        """
        client, seconds = self.client(), self.seconds(timeout, "platform")

        async def look() -> tuple[int, int, bool]:
            detail = await client.desk_pools.detail(pool, timeout=seconds)
            vms = await client.desk_pools.vms(detail.id, timeout=seconds)
            return len(vms), sum(vm.is_running for vm in vms), detail.is_enabled

        found = self.wait(look(), seconds, f"Reading desk pool '{pool}'")
        for what, expected, got in zip(
            ("desktops", "running", "enabled"), (desktops, running, enabled), found, strict=True
        ):
            if expected is not None and expected != got:
                raise VerificationError.about(f"Desk pool '{pool}'", wanted=f"have {what} {expected}", got=f"has {got}")
        logger.info(
            f"Desk pool '{pool}': {found[0]} desktops, {found[1]} running, {'' if found[2] else 'not '}enabled."
        )

    @keyword(tags=["Desk Pool", "Assertion"])
    def desk_pool_should_not_exist(self, pool: str, timeout: timedelta | None = None) -> None:
        """Fails if the platform lists a desk pool of that name.

        - ``pool``: the desk pool's name.
        - ``timeout``: by default ``timeouts.platform`` of the configuration (60 s).

        Example:
        | Log In To Platform
        | Desk Pool Should Not Exist    deleted-pool
        """
        if pool in self.get_desk_pools(timeout):
            raise VerificationError.about(f"Desk pool '{pool}'", wanted="not exist", got="the platform lists it")

    def _order(
        self,
        pool: str,
        timeout: timedelta | None,
        doing: str,
        order: Callable[[VdiClient, str, float], Awaitable[None]],
    ) -> None:
        client, seconds = self.client(), self.seconds(timeout, "platform")

        async def act() -> None:
            detail = await client.desk_pools.detail(pool, timeout=seconds)
            await order(client, detail.id, seconds)

        self.wait(act(), seconds, f"{doing} desk pool '{pool}'")
