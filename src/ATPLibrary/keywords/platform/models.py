"""Keywords about models, the templates that desktops are cloned from: clones, copies on other hosts, and back to a desktop."""

from __future__ import annotations

import contextlib
import re
from datetime import timedelta
from typing import TYPE_CHECKING, Any

from robot.api import logger
from robot.api.deco import keyword

from ATPLibrary.errors import PlatformError
from ATPLibrary.keywords.assertions import Operator
from ATPLibrary.keywords.platform.amounts import check_amount, check_ours
from ATPLibrary.keywords.platform.batches import in_words
from ATPLibrary.keywords.platform.looking import Looking
from ATPLibrary.orchestrator.creations import ClosingLevel

if TYPE_CHECKING:
    from ATPLibrary.vdi import LongOperation, Model, VdiClient
    from ATPLibrary.vdi.shapes.templates import ModelCopy
    from ATPLibrary.vdi.shapes.vm_devices import Disk


class ModelKeywords(Looking):
    @keyword(tags=["Model", "Getter"])
    def get_models(self, timeout: timedelta | None = None) -> list[str]:
        """Returns the names of the models (template VMs) that desktops and desk pools can be made from.

        - ``timeout``: by default ``timeouts.platform`` of the configuration (60 s).

        Example:
        | Log In To Platform
        | @{models} =    Get Models
        | Should Contain    ${models}    atp-linux
        """
        client, seconds = self.client(), self.seconds(timeout, "platform")

        async def names() -> list[str]:
            return [model.name for model in await client.models.list(timeout=seconds).collect()]

        return self._named(names(), seconds, "models")

    @keyword(tags=["Model", "Getter"])
    def get_model(
        self,
        model: str,
        field: str | None = None,
        operator: Operator | None = None,
        expected: Any = None,
        *,
        timeout: timedelta | None = None,
    ) -> Any:
        """Returns what the platform says about a model, or one field of it, and asserts it where an expectation is given.

        The fields: ``name``, ``id``, ``status`` (``upgrading`` while its next version is made), ``child_count`` (how many desktops
        were cloned from it), ``cpu``, ``memory`` (MiB), ``host_name``, ``os_name``, ``remark``, ...

        - ``model``: the model's name or id.
        - ``field``: which field; by default an object with all of them.
        - ``operator``, ``expected``: what the field should be, such as ``==    4``.
        - ``timeout``: how long to wait until it is so; by default it is looked at once.

        Example:
        | Log In To Platform
        | Get Model    win11-model    cpu    ==    4
        | ${clones} =    Get Model    win11-model    child_count
        """

        async def look(client: VdiClient, seconds: float) -> Model:
            return await client.models.find(model, timeout=seconds)

        return self.looked_at(f"Model '{model}'", look, field, operator=operator, expected=expected, timeout=timeout)

    @keyword(tags=["Model", "Assertion"])
    def model_should_exist(self, model: str, timeout: timedelta | None = None) -> None:
        """Fails unless the platform lists a model of that name or id.

        - ``model``: the model's name or id.
        - ``timeout``: how long to wait until it does; by default it is looked at once.

        Example:
        | Log In To Platform
        | Model Should Exist    win11-model
        """
        self.should_exist(f"Model '{model}'", _names, model, True, timeout)

    @keyword(tags=["Model", "Assertion"])
    def model_should_not_exist(self, model: str, timeout: timedelta | None = None) -> None:
        """Fails if the platform lists a model of that name or id.

        - ``model``: the model's name or id.
        - ``timeout``: how long to wait until it is gone; by default it is looked at once.

        Example:
        | Log In To Platform
        | Model Should Not Exist    old-model
        """
        self.should_exist(f"Model '{model}'", _names, model, False, timeout)

    @keyword(tags=["Model", "Desktop"])
    def clone_model(
        self,
        model: str,
        prefix: str,
        amount: int = 1,
        *storage_pools: str,
        wait: bool = True,
        closing: ClosingLevel | None = None,
        timeout: timedelta | None = None,
    ) -> list[str]:
        """Makes desktops of a model, linked clones in no desk pool, and waits until they are there. Returns the event ids.

        The platform numbers them: ``prefix-001`` and so on. For one desktop of a name of your own see `Create Desktop`. Fewer than
        were asked for fail, and so do more: then somebody else clones under the same prefix, and none is removed at the end.

        - ``model``: the model's name or id.
        - ``prefix``: how their names begin.
        - ``amount``: how many.
        - ``storage_pools``: where their disks lie, a storage pool's name a disk; an empty text where a disk stays with the model's.
        - ``wait``: ``False`` begins only.
        - ``closing``: when they are removed again: ``test``, ``suite``, ``manual``, ``keep``; by default the library's level.
        - ``timeout``: by default ``timeouts.boot`` of the configuration (180 s).

        Example:
        | Log In To Platform
        | Clone Model    atp-linux    guest    3
        | Start Desktop    guest-001    guest-002    guest-003
        """

        what = f"The clones '{prefix}-...' of model '{model}'"
        before: set[str] = set()
        made: set[str] = set()
        models: set[str | None] = {None}  # where the platform doesn't say what it is a clone of
        numbered = re.compile(rf"{re.escape(prefix)}\D*\d+")

        async def listed(client: VdiClient, seconds: float) -> list[str]:
            """Their names. Which are ours is kept by their ids, so that a new name doesn't hide them."""
            vms = await client.domains.list(timeout=seconds).collect()
            new = [vm for vm in vms if vm.id not in before and numbered.fullmatch(vm.name) and vm.model_id in models]
            names = [vm.name for vm in new]
            check_ours(what, names, amount)
            made.update(vm.id for vm in new)
            return names

        async def clone(client: VdiClient, seconds: float) -> LongOperation[Any]:
            found = await client.models.find(model, timeout=seconds)
            models.add(found.id)
            before.update(vm.id for vm in await client.domains.list(timeout=seconds).collect())

            async def remove(client: VdiClient, seconds: float) -> None:
                from ATPLibrary.orchestrator import desktops

                if operation is not None:  # what is still being made isn't listed yet
                    with contextlib.suppress(PlatformError):
                        await client.events.finish(operation.event_id, seconds)
                if not made:
                    await listed(client, seconds)
                await desktops.removal(self.workspace, lambda vm: vm.id in made)(client, seconds)

            operation: LongOperation[Any] | None = None
            with self.making("clones of a model", f"{prefix}-...", remove, closing):
                operation = await client.models.clone(
                    found.id, prefix, amount, storage_names=storage_pools or None, timeout=seconds
                )
            return operation

        cloning = f"Cloning model '{model}' {amount} times"
        events = self.order(cloning, clone, timeout, wait, kind="boot")
        if wait:
            names = self.ask(cloning, listed, None)
            check_amount(what, names, amount, self.client().name)
            logger.info(f"Made {in_words(names)}.")
        return events

    @keyword(tags=["Model", "Getter"])
    def get_model_disks(self, model: str, timeout: timedelta | None = None) -> list[Any]:
        """Returns a model's disks: a list of objects with ``name``, ``size`` (GiB), ``path``, ``host_id``, ...

        A model that is on several hosts has its disk once on each.

        - ``model``: the model's name or id.
        - ``timeout``: by default ``timeouts.platform`` of the configuration (60 s).

        Example:
        | Log In To Platform
        | @{disks} =    Get Model Disks    win11-model
        | Should Be Equal As Integers    ${disks}[0].size    64
        """

        async def look(client: VdiClient, seconds: float) -> list[Disk]:
            found = await client.models.find(model, timeout=seconds)
            return [*await client.models.disks(found.id, timeout=seconds)]

        disks = self.ask(f"Listing the disks of model '{model}'", look, timeout)
        logger.info("\n".join(map(repr, disks)) or "It has none.")
        return disks

    @keyword(tags=["Model", "Getter"])
    def get_model_copies(self, model: str, timeout: timedelta | None = None) -> list[Any]:
        """Returns the places of a model on other hosts, as the platform lists them: objects with ``ip`` (the host's), ``path``, ...

        - ``model``: the model's name or id.
        - ``timeout``: by default ``timeouts.platform`` of the configuration (60 s).

        Example:
        | Log In To Platform
        | @{places} =    Get Model Copies    win11-model
        | Log Many    @{places}
        """

        async def look(client: VdiClient, seconds: float) -> list[ModelCopy]:
            found = await client.models.find(model, timeout=seconds)
            return [*await client.models.copies(found.id, timeout=seconds)]

        places = self.ask(f"Listing the copies of model '{model}'", look, timeout)
        logger.info("\n".join(map(repr, places)) or "It has none.")
        return places

    @keyword(tags=["Model", "Host"])
    def copy_model_to_hosts(
        self, model: str, *hosts: str, wait: bool = True, timeout: timedelta | None = None
    ) -> list[str]:
        """Copies a model to other hosts, so that desktops can be cloned from it there, and waits until it is there.

        Returns the event ids.

        - ``model``: the model's name or id.
        - ``hosts``: the hosts, by name or id; by default every one that the platform offers for it.
        - ``wait``: ``False`` begins only.
        - ``timeout``: by default ``timeouts.boot`` of the configuration (180 s).

        Example:
        | Log In To Platform
        | Copy Model To Hosts    win11-model    lab-b    timeout=10 min
        """

        async def copy(client: VdiClient, seconds: float) -> LongOperation[Any]:
            found = await client.models.find(model, timeout=seconds)
            places = await client.models.copies(found.id, timeout=seconds)
            if hosts:
                chosen = [await client.hosts.find(host, timeout=seconds) for host in hosts]
                offered = {place.ip: place for place in places}
                if missing := [host.name for host in chosen if host.ip not in offered]:
                    raise PlatformError.about(
                        f"Model '{model}'",
                        wanted=f"be offered for {in_words(missing)}",
                        got=f"platform '{client.name}' offers {', '.join(map(str, offered)) or 'no place'}",
                        next_step="It may be there already: see 'Get Model Disks'",
                    )
                places = [offered[host.ip] for host in chosen]
            if not places:
                raise PlatformError.about(
                    f"Model '{model}'",
                    wanted="be offered for another host",
                    got=f"platform '{client.name}' offers no place",
                    next_step="It may be on all of them already: see 'Get Model Disks'",
                )
            return await client.models.copy(found.id, [_target(found, place) for place in places], timeout=seconds)

        return self.order(f"Copying model '{model}' to other hosts", copy, timeout, wait, kind="boot")

    @keyword(tags=["Model", "Desktop"])
    def reset_desktops_of_model(self, model: str, *, wait: bool = True, timeout: timedelta | None = None) -> list[str]:
        """Puts all desktops that were cloned from a model back to what the model is now, and waits until they are.

        What they had on their system disks is gone; they must be off. After `Complete Model Upgrade` this gives them the new
        version. Returns the event ids.

        - ``model``: the model's name or id.
        - ``wait``: ``False`` begins only.
        - ``timeout``: by default ``timeouts.boot`` of the configuration (180 s).

        Example:
        | Log In To Platform
        | Reset Desktops Of Model    win11-model
        """

        async def reset(client: VdiClient, seconds: float) -> LongOperation[Any]:
            found = await client.models.find(model, timeout=seconds)
            return await client.models.rebase(found.id, timeout=seconds)

        return self.order(f"Resetting the desktops of model '{model}'", reset, timeout, wait, kind="boot")

    @keyword(tags=["Model", "Desktop"])
    def convert_model_to_desktop(self, model: str, timeout: timedelta | None = None) -> None:
        """Makes a model an ordinary desktop again, of the same name. Nothing may be cloned from it.

        - ``model``: the model's name or id.
        - ``timeout``: by default ``timeouts.boot`` of the configuration (180 s).

        Example:
        | Log In To Platform
        | Convert Model To Desktop    win11-model
        | Start Desktop    win11-model
        """

        async def convert(client: VdiClient, seconds: float) -> None:
            found = await client.models.find(model, timeout=seconds)
            await client.models.to_vm(found.id, timeout=seconds)

        self.ask(f"Making model '{model}' a desktop", convert, timeout, kind="boot")
        logger.info(f"Model '{model}' is a desktop now.")


async def _names(client: VdiClient, seconds: float) -> list[str]:
    return [key for model in await client.models.all(timeout=seconds) for key in (model.name, model.id)]


def _target(model: Model, place: ModelCopy) -> Any:
    from ATPLibrary.vdi.shapes.templates import CopyTarget

    return CopyTarget(id=model.id, ip=place.ip or "", path=place.path or "", model_name=model.name)
