"""Keywords that change a desk pool: its name and size, its models, the desktops in it, the groups it is for, its graphics cards."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import timedelta
from typing import TYPE_CHECKING, Any

from robot.api import logger
from robot.api.deco import keyword

from ATPLibrary.errors import InputError, VmNotFoundError
from ATPLibrary.keywords.platform.amounts import check_amount
from ATPLibrary.keywords.platform.base import PlatformComponent
from ATPLibrary.keywords.platform.batches import in_words

if TYPE_CHECKING:
    from ATPLibrary.vdi import DeskPool, LongOperation, VdiClient
    from ATPLibrary.vdi.shapes.desk_pools import PassedCard


class DeskPoolChangeKeywords(PlatformComponent):
    @keyword(tags=["Desk Pool"])
    def update_desk_pool(
        self,
        pool: str,
        *,
        name: str | None = None,
        amount: int | None = None,
        remark: str | None = None,
        wait: bool = True,
        timeout: timedelta | None = None,
    ) -> list[str]:
        """Changes a desk pool, what is named, and waits until the platform has done it; the rest stays. Returns the event ids.

        - ``pool``: the desk pool's name or id.
        - ``name``: its new name. Its desktops keep theirs.
        - ``amount``: how many desktops it is to have: more are made from its present model. Whether the platform deletes some where
          there are more is the platform's affair; the lab refuses. Where it has another number then, that fails.
        - ``remark``: what the platform shows beside it.
        - ``wait``: ``False`` begins only.
        - ``timeout``: by default ``timeouts.platform`` of the configuration (60 s).

        Example:
        | Log In To Platform
        | Update Desk Pool    sales    name=sales-and-support    amount=5
        """
        if name is None and amount is None and remark is None:
            raise InputError("There is nothing to change: say name=, amount= or remark=.")

        async def update(client: VdiClient, seconds: float) -> LongOperation[Any]:
            detail = await client.desk_pools.detail(pool, timeout=seconds)
            ids.append(detail.id)
            wanted = await _kept_amount(client, detail, seconds) if amount is None else amount
            return await client.desk_pools.update(detail, name=name, amount=wanted, remark=remark, timeout=seconds)

        async def desktops(client: VdiClient, seconds: float) -> list[str]:
            return [vm.name for vm in await client.desk_pools.vms(ids[0], timeout=seconds)]

        ids: list[str] = []
        changing = f"Changing desk pool '{pool}'"
        events = self.order(changing, update, timeout, wait)
        if wait and amount is not None:
            names = self.ask(changing, desktops, None)
            check_amount(f"The desktops of desk pool '{name or pool}'", names, amount, self.client().name)
        return events

    @keyword(tags=["Desk Pool", "Model"])
    def set_desk_pool_models(
        self, pool: str, *models: str, wait: bool = True, timeout: timedelta | None = None
    ) -> list[str]:
        """Says which models a desk pool may be switched to, and waits until the platform knows it. Returns the event ids.

        The model that its desktops have now must be among them.

        - ``pool``: the desk pool's name or id.
        - ``models``: their names or ids.
        - ``wait``: ``False`` begins only.
        - ``timeout``: by default ``timeouts.platform`` of the configuration (60 s).

        Example:
        | Log In To Platform
        | Set Desk Pool Models    sales    atp-linux    atp-linux-usb
        | Switch Desk Pool Model    sales    atp-linux-usb
        """
        if not models:
            raise InputError("A desk pool needs a model: name at least one.")

        async def update(client: VdiClient, seconds: float) -> LongOperation[Any]:
            detail = await client.desk_pools.detail(pool, timeout=seconds)
            ids = [(await client.models.find(each, timeout=seconds)).id for each in models]
            kept = await _kept_amount(client, detail, seconds)
            return await client.desk_pools.update(detail, amount=kept, model_id=",".join(ids), timeout=seconds)

        return self.order(f"Setting the models of desk pool '{pool}'", update, timeout, wait)

    @keyword(tags=["Desk Pool", "Model"])
    def switch_desk_pool_model(
        self, pool: str, model: str, *, wait: bool = True, timeout: timedelta | None = None
    ) -> list[str]:
        """Makes all desktops of a desk pool anew from another model, and waits until they are. Returns the event ids.

        What the desktops had on their system disks is gone. They must be off, and the model one of the pool's: see
        `Set Desk Pool Models`.

        - ``pool``: the desk pool's name or id.
        - ``model``: the model's name or id.
        - ``wait``: ``False`` begins only.
        - ``timeout``: by default ``timeouts.boot`` of the configuration (180 s).

        Example:
        | Log In To Platform
        | Close Desktops    sales
        | Switch Desk Pool Model    sales    atp-linux-usb
        """

        async def switch(client: VdiClient, seconds: float) -> LongOperation[Any]:
            detail = await client.desk_pools.detail(pool, timeout=seconds)
            chosen = await client.models.find(model, timeout=seconds)
            return await client.desk_pools.switch_model(detail.id, chosen.id, timeout=seconds)

        return self.order(f"Switching desk pool '{pool}' to model '{model}'", switch, timeout, wait, kind="boot")

    @keyword(tags=["Desk Pool", "Desktop"])
    def add_desktops_to_desk_pool(self, pool: str, *desktops: str, timeout: timedelta | None = None) -> None:
        """Puts desktops that are in no desk pool into one. Fails and names those that the platform left out.

        - ``pool``: the desk pool's name or id.
        - ``desktops``: their names or ids.
        - ``timeout``: by default ``timeouts.platform`` of the configuration (60 s).

        Example:
        | Log In To Platform
        | Add Desktops To Desk Pool    sales    spare-1    spare-2
        """
        _check(desktops, "desktop")

        async def add(client: VdiClient, seconds: float) -> None:
            detail = await client.desk_pools.detail(pool, timeout=seconds)
            vms = await client.domains.find_all(desktops, timeout=seconds)
            await client.desk_pools.add_vms(detail.id, [vm.id for vm in vms], timeout=seconds)

        self.ask(f"Putting desktops into desk pool '{pool}'", add, timeout)
        logger.info(f"Put {in_words(desktops)} into desk pool '{pool}'.")

    @keyword(tags=["Desk Pool", "Desktop"])
    def remove_desktops_from_desk_pool(self, pool: str, *desktops: str, timeout: timedelta | None = None) -> None:
        """Takes desktops out of a desk pool. They live on without it.

        - ``pool``: the desk pool's name or id.
        - ``desktops``: their names or ids. Where one isn't in the pool the keyword fails and takes none out.
        - ``timeout``: by default ``timeouts.platform`` of the configuration (60 s).

        Example:
        | Log In To Platform
        | Remove Desktops From Desk Pool    sales    sales-002
        """
        _check(desktops, "desktop")

        async def remove(client: VdiClient, seconds: float) -> None:
            detail = await client.desk_pools.detail(pool, timeout=seconds)
            inside = await client.desk_pools.vms(detail.id, timeout=seconds)
            ids = {key: vm.id for vm in inside for key in (vm.name, vm.id)}
            if strange := [each for each in desktops if each not in ids]:
                raise VmNotFoundError.about(
                    f"Desk pool '{pool}'",
                    wanted=f"have {in_words(strange)}",
                    got=f"has {in_words([vm.name for vm in inside])}" if inside else "has no desktop",
                    next_step="Nothing was taken out",
                )
            chosen = dict.fromkeys(ids[each] for each in desktops)
            await client.desk_pools.remove_vms(detail.id, chosen, timeout=seconds)

        self.ask(f"Taking desktops out of desk pool '{pool}'", remove, timeout)
        logger.info(f"Took {in_words(desktops)} out of desk pool '{pool}'.")

    @keyword(tags=["Desk Pool", "User"])
    def give_desk_pool_to_groups(self, pool: str, *groups: str, timeout: timedelta | None = None) -> None:
        """Lets the users of groups have the desktops of a desk pool. Fails and names the groups that the platform left out.

        - ``pool``: the desk pool's name or id.
        - ``groups``: their names, or their distinguished names: ``ou=sales,ou=office``.
        - ``timeout``: by default ``timeouts.platform`` of the configuration (60 s).

        Example:
        | Log In To Platform
        | Give Desk Pool To Groups    sales    ou=sales,ou=office    support
        """
        _check(groups, "group")

        async def give(client: VdiClient, seconds: float) -> None:
            detail = await client.desk_pools.detail(pool, timeout=seconds)
            paths = [(await client.groups.find(each, timeout=seconds)).path for each in groups]
            await client.desk_pools.bind_groups(detail.id, paths, timeout=seconds)

        self.ask(f"Giving desk pool '{pool}' to groups", give, timeout)
        logger.info(f"Desk pool '{pool}' is for {in_words(groups)}.")

    @keyword(tags=["Desk Pool", "User"])
    def take_desk_pool_from_groups(self, pool: str, *groups: str, timeout: timedelta | None = None) -> None:
        """Lets the users of groups have the desktops of a desk pool no more.

        - ``pool``: the desk pool's name or id.
        - ``groups``: their names, or their distinguished names: ``ou=sales,ou=office``.
        - ``timeout``: by default ``timeouts.platform`` of the configuration (60 s).

        Example:
        | Log In To Platform
        | Take Desk Pool From Groups    sales    support
        """
        _check(groups, "group")

        async def take(client: VdiClient, seconds: float) -> None:
            detail = await client.desk_pools.detail(pool, timeout=seconds)
            paths = [(await client.groups.find(each, timeout=seconds)).path for each in groups]
            await client.desk_pools.unbind_groups(detail.id, paths, timeout=seconds)

        self.ask(f"Taking desk pool '{pool}' from groups", take, timeout)
        logger.info(f"Desk pool '{pool}' is no more for {in_words(groups)}.")

    @keyword(tags=["Desk Pool", "Graphics"])
    def give_graphics_cards_to_desk_pool(
        self, pool: str, *cards: str, desktops: int | None = None, timeout: timedelta | None = None
    ) -> int:
        """Gives desktops of a desk pool a graphics card of their host each. Returns how many desktops of the pool have one now.

        - ``pool``: the desk pool's name or id.
        - ``cards``: the cards to choose from, each by its PCI address and its host's name or id: ``0000:81:00.0@lab-a``.
        - ``desktops``: how many desktops get one; by default as many as there are cards.
        - ``timeout``: by default ``timeouts.platform`` of the configuration (60 s).

        Example:
        | Log In To Platform
        | Give Graphics Cards To Desk Pool    sales    0000:81:00.0@lab-a    0000:81:00.1@lab-a
        """
        _check(cards, "graphics card")
        places = [_card(each) for each in cards]

        async def give(client: VdiClient, seconds: float) -> int:
            detail = await client.desk_pools.detail(pool, timeout=seconds)
            given = [await _passed(client, address, host, seconds) for address, host in places]
            count = len(given) if desktops is None else desktops
            answer = await client.desk_pools.pass_graphics_cards(detail, given, count=count, timeout=seconds)
            return answer.count or 0

        count = self.ask(f"Giving graphics cards to desk pool '{pool}'", give, timeout)
        logger.info(f"{count} desktops of desk pool '{pool}' have a graphics card.")
        return count


async def _passed(client: VdiClient, address: str, host: str, seconds: float) -> PassedCard:
    from ATPLibrary.vdi.shapes.desk_pools import PassedCard

    found = await client.hosts.find(host, timeout=seconds)
    return PassedCard(address=address, host_id=found.id, ip=found.ip, auto_alloc=1)


def _card(text: str) -> tuple[str, str]:
    address, separator, host = text.partition("@")
    if not (address.strip() and separator and host.strip()):
        raise InputError.about(
            f"Graphics card '{text}'",
            wanted="be a PCI address and a host",
            got="is not",
            next_step="Write it as 0000:81:00.0@lab-a",
        )
    return address.strip(), host.strip()


def _check(names: Sequence[str], what: str) -> None:
    if not names:
        raise InputError(f"No {what} is named. Name at least one.")


async def _kept_amount(client: VdiClient, pool: DeskPool, seconds: float) -> int:
    """How many desktops it is to keep: every change says how many. Counted where the platform doesn't tell."""
    return len(await client.desk_pools.vms(pool.id, timeout=seconds)) if pool.amount is None else pool.amount
