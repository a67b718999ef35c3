"""Keywords that read what the platform says about a desktop's disks."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import timedelta
from typing import TYPE_CHECKING, Any

from robot.api import logger
from robot.api.deco import keyword

from ATPLibrary.keywords.assertions import Operator
from ATPLibrary.keywords.platform.base import PlatformComponent
from ATPLibrary.keywords.platform.desktop_disks import START, disk_of

if TYPE_CHECKING:
    from ATPLibrary.vdi import VdiClient
    from ATPLibrary.vdi.shapes.vm_devices import Disk


class DesktopDiskGetterKeywords(PlatformComponent):
    @keyword(tags=["Desktop", "Disk", "Getter"])
    def get_desktop_disk(
        self,
        desktop: str,
        disk: str = START,
        field: str | None = None,
        operator: Operator | None = None,
        expected: Any = None,
        *,
        timeout: timedelta | None = None,
    ) -> Any:
        """Returns what the platform says about one disk of a desktop, or one field of it.

        The fields: ``id``, ``name``, ``size`` (GB), ``bus_type``, ``is_start_disk`` (0 or 1), ``filename``, ``path``,
        ``storage_pool_id``, ``pool_name``, ``read_bytes_sec``, ``write_bytes_sec``, ``read_iops_sec``, ``write_iops_sec``, ...

        - ``desktop``: the desktop's name or id.
        - ``disk``: the disk's id, name or file name; by default ``start``, the one that the desktop starts from.
        - ``field``: the field that is wanted; without it all of them are returned.
        - ``operator`` and ``expected``: an assertion about the field, such as ``>=  20``.
        - ``timeout``: how long to wait until the assertion holds; without it it is checked once.

        Example:
        | Log In To Platform
        | ${disk} =    Get Desktop Disk    sales-1
        | Get Desktop Disk    sales-1    ${disk.id}    size    >=    1
        """

        async def look(client: VdiClient, seconds: float) -> Disk:
            return (await disk_of(client, desktop, disk, seconds))[1]

        return self.looked_at(
            f"Disk '{disk}' of desktop '{desktop}'", look, field, operator=operator, expected=expected, timeout=timeout
        )

    @keyword(tags=["Desktop", "Disk", "Getter"])
    def get_desktop_disks(self, desktop: str, timeout: timedelta | None = None) -> Sequence[Any]:
        """Returns the disks of a desktop, each with the fields of `Get Desktop Disk`.

        - ``desktop``: the desktop's name or id.
        - ``timeout``: by default ``timeouts.platform`` of the configuration (60 s).

        Example:
        | Log In To Platform
        | @{disks} =    Get Desktop Disks    sales-1
        | Length Should Be    ${disks}    1
        | Log    ${disks}[0].size GB
        """

        async def read(client: VdiClient, seconds: float) -> Sequence[Disk]:
            vm = await client.domains.find(desktop, timeout=seconds)
            return await client.domains.disks(vm.id, timeout=seconds)

        found = self.ask(f"Listing the disks of desktop '{desktop}'", read, timeout)
        shown = ", ".join(f"{disk.name or disk.id} ({disk.size} GB)" for disk in found)
        logger.info(f"Desktop '{desktop}' has {len(found)} disks: {shown or 'none'}.")
        return found
