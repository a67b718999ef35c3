"""Keywords about the power of desktops: on, off, restarted, suspended, asleep."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from datetime import timedelta
from typing import TYPE_CHECKING

from robot.api.deco import keyword

from ATPLibrary.keywords.platform.batches import BatchComponent, in_words, named

if TYPE_CHECKING:
    from ATPLibrary.vdi import Batch, VdiClient


class DesktopPowerKeywords(BatchComponent):
    @keyword(tags=["Desktop"])
    def start_desktop(
        self, *names: str, host: str | None = None, wait: bool = True, timeout: timedelta | None = None
    ) -> list[str]:
        """Starts desktops through the platform, and waits until it says that all have started. Returns the event ids.

        One with a restore point is put back to it first where that is due. What boots inside is another question: see
        `Wait Until Verifier Is Ready`. Fails and names each desktop that wasn't started, with the platform's reason: one that
        runs already is refused.

        - ``names``: the desktops, by name or id.
        - ``host``: the host to start them on, by name or id; by default the platform decides.
        - ``wait``: ``False`` begins only; see `Wait For Platform Events`.
        - ``timeout``: by default ``timeouts.boot`` of the configuration (180 s).

        Example:
        | Log In To Platform
        | Start Desktop    sales-1
        | Start Desktop    sales-2    sales-3    timeout=2 min
        """

        async def start(client: VdiClient, ids: list[str], seconds: float) -> Batch:
            host_id = None if host is None else (await client.hosts.find(host, timeout=seconds)).id
            return await client.domains.start(ids, host_id=host_id, timeout=seconds)

        return self._switch("Starting", names, start, wait=wait, timeout=timeout)

    @keyword(tags=["Desktop"])
    def close_desktop(
        self, *names: str, force: bool = False, wait: bool = True, timeout: timedelta | None = None
    ) -> list[str]:
        """Shuts desktops down through the platform, and waits until all are off. Returns the event ids.

        Fails and names each desktop that isn't off, with the platform's reason.

        - ``names``: the desktops, by name or id.
        - ``force``: ``True`` cuts the power instead of asking the guest.
        - ``wait``: ``False`` begins only; see `Wait For Platform Events`.
        - ``timeout``: by default ``timeouts.boot`` of the configuration (180 s).

        Example:
        | Log In To Platform
        | Close Desktop    sales-1
        | Close Desktop    sales-2    sales-3    force=True
        """
        return self._switch(
            "Closing",
            names,
            lambda client, ids, seconds: client.domains.close(ids, force=force, timeout=seconds),
            wait=wait,
            timeout=timeout,
        )

    @keyword(tags=["Desktop"])
    def reboot_desktop(self, *names: str, wait: bool = True, timeout: timedelta | None = None) -> list[str]:
        """Asks the guests of running desktops to restart, and waits until they have. Returns the event ids.

        - ``names``: the desktops, by name or id.
        - ``wait``: ``False`` begins only; see `Wait For Platform Events`.
        - ``timeout``: by default ``timeouts.boot`` of the configuration (180 s).

        Example:
        | Log In To Platform
        | Reboot Desktop    sales-1
        """
        return self._switch(
            "Rebooting",
            names,
            lambda client, ids, seconds: client.domains.reboot(ids, timeout=seconds),
            wait=wait,
            timeout=timeout,
        )

    @keyword(tags=["Desktop"])
    def suspend_desktop(self, *names: str, wait: bool = True, timeout: timedelta | None = None) -> list[str]:
        """Stops the processors of running desktops; they stay in memory until `Resume Desktop`. Returns the event ids.

        - ``names``: the desktops, by name or id.
        - ``wait``: ``False`` begins only; see `Wait For Platform Events`.
        - ``timeout``: by default ``timeouts.platform`` of the configuration (60 s).

        Example:
        | Log In To Platform
        | Suspend Desktop    sales-1
        | Resume Desktop    sales-1
        """
        return self._switch(
            "Suspending",
            names,
            lambda client, ids, seconds: client.domains.suspend(ids, timeout=seconds),
            wait=wait,
            timeout=timeout,
            kind="platform",
        )

    @keyword(tags=["Desktop"])
    def resume_desktop(self, *names: str, wait: bool = True, timeout: timedelta | None = None) -> list[str]:
        """Lets suspended desktops go on where they were. Returns the event ids.

        - ``names``: the desktops, by name or id.
        - ``wait``: ``False`` begins only; see `Wait For Platform Events`.
        - ``timeout``: by default ``timeouts.platform`` of the configuration (60 s).

        Example:
        | Log In To Platform
        | Suspend Desktop    sales-1
        | Resume Desktop    sales-1
        """
        return self._switch(
            "Resuming",
            names,
            lambda client, ids, seconds: client.domains.resume(ids, timeout=seconds),
            wait=wait,
            timeout=timeout,
            kind="platform",
        )

    @keyword(tags=["Desktop"])
    def put_desktop_to_sleep(self, *names: str, wait: bool = True, timeout: timedelta | None = None) -> list[str]:
        """Puts running desktops to sleep: off the processor and out of memory, until `Wake Up Desktop`. Returns the event ids.

        - ``names``: the desktops, by name or id.
        - ``wait``: ``False`` begins only; see `Wait For Platform Events`.
        - ``timeout``: by default ``timeouts.boot`` of the configuration (180 s).

        Example:
        | Log In To Platform
        | Put Desktop To Sleep    sales-1
        | Wake Up Desktop    sales-1
        """
        return self._switch(
            "Putting to sleep",
            names,
            lambda client, ids, seconds: client.domains.sleep(ids, timeout=seconds),
            wait=wait,
            timeout=timeout,
        )

    @keyword(tags=["Desktop"])
    def wake_up_desktop(self, *names: str, wait: bool = True, timeout: timedelta | None = None) -> list[str]:
        """Wakes sleeping desktops up: they go on where they fell asleep. Returns the event ids.

        - ``names``: the desktops, by name or id.
        - ``wait``: ``False`` begins only; see `Wait For Platform Events`.
        - ``timeout``: by default ``timeouts.boot`` of the configuration (180 s).

        Example:
        | Log In To Platform
        | Put Desktop To Sleep    sales-1
        | Wake Up Desktop    sales-1
        """
        return self._switch(
            "Waking up",
            names,
            lambda client, ids, seconds: client.domains.wake_up(ids, timeout=seconds),
            wait=wait,
            timeout=timeout,
        )

    def _switch(
        self,
        doing: str,
        names: tuple[str, ...],
        begin: Callable[[VdiClient, list[str], float], Awaitable[Batch]],
        *,
        wait: bool,
        timeout: timedelta | None,
        kind: str = "boot",
    ) -> list[str]:
        return self.batch(f"{doing} {in_words(names)}", named(names), begin, timeout, wait=wait, kind=kind)
