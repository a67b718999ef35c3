"""Keywords about all desktops of a desk pool: starting, closing and suspending them."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from datetime import timedelta
from typing import TYPE_CHECKING

from robot.api import logger
from robot.api.deco import keyword

from ATPLibrary.errors import PlatformError
from ATPLibrary.keywords.platform.batches import BatchComponent, in_words
from ATPLibrary.keywords.platform.fields import counted, word_of
from ATPLibrary.vdi.codes import VmStatus

if TYPE_CHECKING:
    from ATPLibrary.keywords.platform.batches import Begin
    from ATPLibrary.vdi import VdiClient, Vm


class PoolDesktopKeywords(BatchComponent):
    @keyword(tags=["Desk Pool", "Getter"])
    def get_desktops(self, pool: str, timeout: timedelta | None = None) -> list[str]:
        """Returns the names of the desktops of a desk pool, as the platform lists them.

        - ``pool``: the desk pool's name or id.
        - ``timeout``: by default ``timeouts.platform`` of the configuration (60 s).

        Example:
        | Log In To Platform
        | @{desktops} =    Get Desktops    sales
        | Length Should Be    ${desktops}    2
        """
        client, seconds = self.client(), self.seconds(timeout, "platform")

        async def names() -> list[str]:
            detail = await client.desk_pools.detail(pool, timeout=seconds)
            return [vm.name for vm in await client.desk_pools.vms(detail.id, timeout=seconds)]

        return self._named(names(), seconds, f"desktops of '{pool}'")

    @keyword(tags=["Desk Pool"])
    def start_desktops(
        self, pool: str, *, at_once: int | None = None, wait: bool = True, timeout: timedelta | None = None
    ) -> list[str]:
        """Starts every desktop of a desk pool through the platform, and waits until the platform says that all have started.

        What boots inside is another question: see `Wait Until Verifier Is Ready`. Desktops that run already are left alone.
        Fails and names each desktop that wasn't started, with the platform's reason; the others have been started then.
        Returns the event ids.

        - ``pool``: the desk pool's name or id.
        - ``at_once``: how many are started at a time, the next when these have started; by default all.
        - ``wait``: ``False`` begins only.
        - ``timeout``: by default ``timeouts.boot`` of the configuration (180 s).

        Example:
        | Log In To Platform
        | Start Desktops    sales
        | Desk Pool Should Have    sales    running=2
        | Start Desktops    class-room    at_once=5    timeout=10 min
        """
        return self._all(
            "Starting",
            pool,
            lambda client, ids, seconds: client.domains.start(ids, timeout=seconds),
            spared=[VmStatus.RUNNING],
            goal=VmStatus.RUNNING,
            together=at_once,
            wait=wait,
            timeout=timeout,
        )

    @keyword(tags=["Desk Pool"])
    def close_desktops(
        self, pool: str, force: bool = False, *, wait: bool = True, timeout: timedelta | None = None
    ) -> list[str]:
        """Shuts down every desktop of a desk pool through the platform, and waits until all are off. Returns the event ids.

        Fails and names each desktop that isn't off, with the reason: one that is suspended can't shut down when asked to.

        - ``pool``: the desk pool's name or id.
        - ``force``: ``True`` cuts the power instead of asking the guest.
        - ``wait``: ``False`` begins only.
        - ``timeout``: by default ``timeouts.boot`` of the configuration (180 s).

        Example:
        | Log In To Platform
        | Close Desktops    sales
        | Desk Pool Should Have    sales    running=0
        """
        return self._all(
            "Closing",
            pool,
            lambda client, ids, seconds: client.domains.close(ids, force=force, timeout=seconds),
            spared=[VmStatus.SHUT_OFF],
            goal=VmStatus.SHUT_OFF,
            wait=wait,
            timeout=timeout,
        )

    @keyword(tags=["Desk Pool"])
    def reboot_desktops(
        self, pool: str, *, at_once: int | None = None, wait: bool = True, timeout: timedelta | None = None
    ) -> list[str]:
        """Asks the guests of all running desktops of a desk pool to restart, and waits until they have. Returns the event ids.

        Desktops that don't run are left alone; where none runs the keyword fails.

        - ``pool``: the desk pool's name or id.
        - ``at_once``: how many restart at a time; by default all.
        - ``wait``: ``False`` begins only.
        - ``timeout``: by default ``timeouts.boot`` of the configuration (180 s).

        Example:
        | Log In To Platform
        | Reboot Desktops    sales
        """
        return self._all(
            "Rebooting",
            pool,
            lambda client, ids, seconds: client.domains.reboot(ids, timeout=seconds),
            spared=[VmStatus.SHUT_OFF, VmStatus.SUSPENDED],
            together=at_once,
            wait=wait,
            timeout=timeout,
        )

    @keyword(tags=["Desk Pool"])
    def suspend_desktops(self, pool: str, *, wait: bool = True, timeout: timedelta | None = None) -> list[str]:
        """Stops the processors of all running desktops of a desk pool, until `Resume Desktops`. Returns the event ids.

        Desktops that don't run are left alone; where none runs, and none is suspended already, the keyword fails.

        - ``pool``: the desk pool's name or id.
        - ``wait``: ``False`` begins only.
        - ``timeout``: by default ``timeouts.boot`` of the configuration (180 s).

        Example:
        | Log In To Platform
        | Suspend Desktops    sales
        | Desk Pool Should Have    sales    running=0
        """
        return self._all(
            "Suspending",
            pool,
            lambda client, ids, seconds: client.domains.suspend(ids, timeout=seconds),
            spared=[VmStatus.SHUT_OFF, VmStatus.SUSPENDED],
            goal=VmStatus.SUSPENDED,
            wait=wait,
            timeout=timeout,
        )

    @keyword(tags=["Desk Pool"])
    def resume_desktops(self, pool: str, *, wait: bool = True, timeout: timedelta | None = None) -> list[str]:
        """Lets all suspended desktops of a desk pool go on where they were. Returns the event ids.

        The others are left alone; where none is suspended, and none runs, the keyword fails.

        - ``pool``: the desk pool's name or id.
        - ``wait``: ``False`` begins only.
        - ``timeout``: by default ``timeouts.boot`` of the configuration (180 s).

        Example:
        | Log In To Platform
        | Suspend Desktops    sales
        | Resume Desktops    sales
        """
        return self._all(
            "Resuming",
            pool,
            lambda client, ids, seconds: client.domains.resume(ids, timeout=seconds),
            spared=[VmStatus.SHUT_OFF, VmStatus.RUNNING],
            goal=VmStatus.RUNNING,
            wait=wait,
            timeout=timeout,
        )

    @keyword(tags=["Desk Pool"])
    def put_desktops_to_sleep(self, pool: str, *, wait: bool = True, timeout: timedelta | None = None) -> list[str]:
        """Puts all running desktops of a desk pool to sleep, until `Wake Up Desktops`. Returns the event ids.

        Desktops that don't run are left alone; where none runs the keyword fails.

        - ``pool``: the desk pool's name or id.
        - ``wait``: ``False`` begins only.
        - ``timeout``: by default ``timeouts.boot`` of the configuration (180 s).

        Example:
        | Log In To Platform
        | Put Desktops To Sleep    sales
        | Wake Up Desktops    sales
        """
        return self._all(
            "Putting to sleep",
            pool,
            lambda client, ids, seconds: client.domains.sleep(ids, timeout=seconds),
            spared=[VmStatus.SHUT_OFF, VmStatus.SUSPENDED],
            wait=wait,
            timeout=timeout,
        )

    @keyword(tags=["Desk Pool"])
    def wake_up_desktops(
        self, pool: str, *, at_once: int | None = None, wait: bool = True, timeout: timedelta | None = None
    ) -> list[str]:
        """Wakes all sleeping desktops of a desk pool up: they go on where they fell asleep. Returns the event ids.

        Desktops that run are left alone. The platform doesn't tell which of the others sleep: one that is merely off is refused,
        and named.

        - ``pool``: the desk pool's name or id.
        - ``at_once``: how many wake up at a time; by default all.
        - ``wait``: ``False`` begins only.
        - ``timeout``: by default ``timeouts.boot`` of the configuration (180 s).

        Example:
        | Log In To Platform
        | Put Desktops To Sleep    sales
        | Wake Up Desktops    sales
        """
        return self._all(
            "Waking up",
            pool,
            lambda client, ids, seconds: client.domains.wake_up(ids, timeout=seconds),
            spared=[VmStatus.RUNNING],
            goal=VmStatus.RUNNING,
            together=at_once,
            wait=wait,
            timeout=timeout,
        )

    def _all(
        self,
        doing: str,
        pool: str,
        begin: Begin,
        *,
        spared: Collection[VmStatus],
        goal: VmStatus | None = None,
        together: int | None = None,
        wait: bool,
        timeout: timedelta | None,
    ) -> list[str]:
        """Do it to the desktops of the pool but those in a state that is `spared`: what can't be done to one is an error.

        Where nothing is left to do it to, and none is in the state `goal` already, that is an error too.
        """
        left_alone: list[str] = []

        async def which(client: VdiClient, seconds: float) -> Sequence[Vm]:
            detail = await client.desk_pools.detail(pool, timeout=seconds)
            vms = await client.desk_pools.vms(detail.id, timeout=seconds)
            left_alone.extend(f"{vm.name} ({word_of(vm.status)})" for vm in vms if vm.status in spared)
            chosen = [vm for vm in vms if vm.status not in spared]
            # A pool without any desktop has none that is on.
            if not chosen and goal not in (VmStatus.SHUT_OFF, *(vm.status for vm in vms)):
                raise PlatformError.about(
                    f"{doing} the desktops of '{pool}'",
                    wanted="find one that it can be done to",
                    got=f"its desktops are {counted(vm.status for vm in vms)}"
                    if vms
                    else "the platform lists no desktop in it",
                )
            return chosen

        ids = self.batch(
            f"{doing} the desktops of '{pool}'", which, begin, timeout, wait=wait, together=together, kind="boot"
        )
        if left_alone:
            logger.info(f"Left alone: {in_words(left_alone)}.")
        return ids
