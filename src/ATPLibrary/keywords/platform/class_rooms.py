"""Keywords about class rooms: teaching desk pools, whose teacher chooses the model. The platform wants no login for these."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING, Any

from robot.api.deco import keyword

from ATPLibrary.errors import PlatformError
from ATPLibrary.keywords.platform.base import PlatformComponent
from ATPLibrary.keywords.platform.batches import in_words

if TYPE_CHECKING:
    from ATPLibrary.vdi import DeskPool, LongOperation, VdiClient


class ClassRoomKeywords(PlatformComponent):
    @keyword(tags=["Desk Pool", "Class Room", "Getter"])
    def get_class_room_models(self, class_number: str, timeout: timedelta | None = None) -> list[str]:
        """Returns the names of the models that the teacher of a class room can choose from, the one that it has now first.

        - ``class_number``: the class room's number; see `Create Desk Pool`.
        - ``timeout``: by default ``timeouts.platform`` of the configuration (60 s).

        Example:
        | Log In To Platform
        | @{models} =    Get Class Room Models    7
        | Should Be Equal    ${models}[0]    atp-linux
        """
        client, seconds = self.client(), self.seconds(timeout, "platform")

        async def names() -> list[str]:
            models = await client.desk_pools.class_models(class_number, timeout=seconds)
            return [model.name or model.id for model in sorted(models, key=lambda each: not each.active)]

        return self._named(names(), seconds, f"models of class room {class_number}")

    @keyword(tags=["Desk Pool", "Class Room", "Model"])
    def switch_class_room_model(
        self, class_number: str, model: str, *, wait: bool = True, timeout: timedelta | None = None
    ) -> list[str]:
        """Switches a class room to another of its models, as its teacher would, and waits until all desktops have it.

        What the desktops had on their system disks is gone; they must be off. Returns the event ids.

        - ``class_number``: the class room's number.
        - ``model``: the model's name or id.
        - ``wait``: ``False`` begins only.
        - ``timeout``: by default ``timeouts.boot`` of the configuration (180 s).

        Example:
        | Log In To Platform
        | Switch Class Room Model    7    atp-linux-usb
        """

        async def switch(client: VdiClient, seconds: float) -> LongOperation[Any]:
            pool = await _of_class(client, class_number, seconds)
            models = await client.desk_pools.class_models(class_number, timeout=seconds)
            chosen = next((each for each in models if model in (each.id, each.name)), None)
            if chosen is None:
                raise PlatformError.about(
                    f"Class room {class_number}",
                    wanted=f"have model '{model}' to choose",
                    got=f"has {in_words([each.name or each.id for each in models])}",
                    next_step="See 'Set Desk Pool Models'",
                )
            return await client.desk_pools.switch_class_model(
                pool.id, chosen.id, class_number=class_number, timeout=seconds
            )

        return self.order(f"Switching class room {class_number} to model '{model}'", switch, timeout, wait, kind="boot")


async def _of_class(client: VdiClient, class_number: str, timeout: float) -> DeskPool:
    """The teaching pool of that class room."""
    pools = await client.desk_pools.list(timeout=timeout).collect()
    found = [pool for pool in pools if pool.class_number == class_number]
    if len(found) != 1:
        numbers = sorted(f"{pool.class_number} ('{pool.name}')" for pool in pools if pool.class_number)
        raise PlatformError.about(
            f"Platform '{client.name}'",
            wanted=f"have one desk pool with class number {class_number}",
            got=f"has {len(found)}; its class rooms are {', '.join(numbers) or 'none'}",
        )
    return found[0]
