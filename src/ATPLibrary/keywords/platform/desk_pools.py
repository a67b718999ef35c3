"""Keywords about desk pools: making, enabling, putting away, deleting."""

from __future__ import annotations

import contextlib
from collections.abc import Awaitable, Callable, Iterable, Iterator
from datetime import timedelta
from typing import TYPE_CHECKING, Any, Literal

from robot.api import logger
from robot.api.deco import keyword

from ATPLibrary.errors import PlatformError
from ATPLibrary.keywords.platform.amounts import check_amount
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
            from ATPLibrary.vdi.groups.base import is_same_name

            chosen = await client.models.find(model, timeout=seconds)
            # Others' pools of that name aren't ours to remove, should the platform have any.
            before = {pool.id: pool for pool in await client.desk_pools.list(timeout=seconds).collect()}

            async def ours(client: VdiClient, seconds: float) -> list[DeskPool]:
                pools = await client.desk_pools.list(timeout=seconds).collect()
                if made.id is not None:
                    return [pool for pool in pools if pool.id == made.id]
                return [pool for pool in pools if is_same_name(pool.name, name) and pool.id not in before]

            async def remove(client: VdiClient, seconds: float) -> None:
                from ATPLibrary.orchestrator.adapter import remove_desk_pool

                if operation is not None:  # a pool that is being made can't be deleted, whatever comes of its making
                    with contextlib.suppress(PlatformError):
                        await client.events.finish(operation.event_id, seconds)
                for pool in await ours(client, seconds):
                    await remove_desk_pool(self.workspace, client, pool.id, seconds)

            operation: LongOperation[Any] | None = None
            with self.making("desk pool", name, remove, closing) as made, _what_to_do(name, amount, before.values()):
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
            ids.append(made.id or "")
            return operation

        async def desktops(client: VdiClient, seconds: float) -> list[str]:
            pool = ids[0] or (await client.desk_pools.detail(name, timeout=seconds)).id
            return [vm.name for vm in await client.desk_pools.vms(pool, timeout=seconds)]

        ids: list[str] = []
        creating = f"Creating desk pool '{name}'"
        events = self.order(creating, create, timeout, wait)
        if wait:
            names = self.ask(creating, desktops, None)
            check_amount(f"The desktops of desk pool '{name}'", names, amount, self.client().name)
        logger.info(
            f"{'Created' if wait else 'Began'} desk pool '{name}' with {_desktops(amount)} from model '{model}'."
        )
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
    def archive_desk_pool(self, pool: str, timeout: timedelta | None = None) -> None:
        """Puts a desk pool away: it is disabled, and its desktops can't be started until `Activate Desk Pool`.

        Its desktops must be off.

        - ``pool``: the desk pool's name or id.
        - ``timeout``: by default ``timeouts.platform`` of the configuration (60 s).

        Example:
        | Log In To Platform
        | Archive Desk Pool    sales
        | Activate Desk Pool    sales
        """
        self._order(pool, timeout, "Archiving", lambda client, id_, s: client.desk_pools.archive(id_, timeout=s))
        logger.info(f"Desk pool '{pool}' is archived.")

    @keyword(tags=["Desk Pool"])
    def activate_desk_pool(self, pool: str, timeout: timedelta | None = None) -> None:
        """Gets a desk pool back out of the archive. It is disabled then: see `Enable Desk Pool`.

        - ``pool``: the desk pool's name or id.
        - ``timeout``: by default ``timeouts.platform`` of the configuration (60 s).

        Example:
        | Log In To Platform
        | Activate Desk Pool    sales
        | Enable Desk Pool    sales
        """
        self._order(pool, timeout, "Activating", lambda client, id_, s: client.desk_pools.activate(id_, timeout=s))
        logger.info(f"Desk pool '{pool}' is active.")

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


def _desktops(amount: int) -> str:
    return f"{amount} desktop{'' if amount == 1 else 's'}"


@contextlib.contextmanager
def _what_to_do(name: str, amount: int, pools: Iterable[DeskPool]) -> Iterator[None]:
    """To the platform's refusal to make a pool: what was asked for, and what a tester may do about it."""
    from ATPLibrary.vdi.groups.base import is_same_name

    try:
        yield
    except PlatformError as error:
        if error.status is None:
            raise
        taken = next((pool.name for pool in pools if is_same_name(pool.name, name)), None)
        if taken is not None:
            step = f"Choose another name, or delete desk pool '{taken}' first with 'Delete Desk Pool'"
        elif amount < 1:
            step = "Ask for 1 or more"
        else:
            step = "Correct what the platform names, or ask it for less"
        raise PlatformError(
            f"{str(error).rstrip('.')}. Asked for: {_desktops(amount)}. {step}.", error.status, error.vendor_message
        ) from error
