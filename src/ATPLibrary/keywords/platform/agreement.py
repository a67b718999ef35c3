"""Keywords about whether the platform and its hypervisors tell the same."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING, Any

from robot.api import logger
from robot.api.deco import keyword

from ATPLibrary.errors import VerificationError
from ATPLibrary.keywords.component import in_seconds
from ATPLibrary.keywords.platform.base import PlatformComponent
from ATPLibrary.secrets import redact

if TYPE_CHECKING:
    from ATPLibrary.orchestrator.consistency import Comparison

_CELL = "padding:1px 8px;text-align:left;border:1px solid #888"


class AgreementKeywords(PlatformComponent):
    @keyword(tags=["Platform", "Assertion"])
    def platform_and_hypervisor_should_agree(
        self,
        *desktops: str,
        pool: str | None = None,
        devices: bool | None = None,
        grace: timedelta = timedelta(seconds=5),
        timeout: timedelta | None = None,
    ) -> None:
        """Fails where the platform and libvirt on its hosts tell different things, and names what differs.

        Compared are hosts (one side lacks it, it can't be reached, its address), and of each VM: whether it is there, its host,
        UUID, status, CPU, memory, disks (how many, where, how large) and MAC addresses. Models and VMs in the recycle bin aren't
        missing; a VM on a host that the platform says nothing of is a difference, and so is one that no hypervisor has, or of which
        only the platform says that it runs. All are in a table in the log. Where there was nothing to compare it fails too.

        What differs is looked at again before it counts, and what the platform is busy with is looked at until that is over.

        - ``desktops``: compare only these desktops, by name or id, and their hosts.
        - ``pool``: compare only the desktops of this desk pool, and their hosts.
        - ``devices``: ``True`` compares disks and MAC addresses however many VMs there are, ``False`` never; by default where
          there are 200 VMs at most, since the platform has to be asked for each VM.
        - ``grace``: how long what is under way is looked at again.
        - ``timeout``: by default ``timeouts.platform`` of the configuration (60 s). A host that doesn't
          answer takes at most half of it, and ``timeouts.connect``.

        Example:
        | Log In To Platform
        | Platform And Hypervisor Should Agree
        | Platform And Hypervisor Should Agree    pool=sales
        | Platform And Hypervisor Should Agree    sales-1    sales-2    grace=30 s
        """
        found = self._compared(desktops, pool, devices, grace, timeout)
        if not found.agree:
            raise VerificationError.about(
                f"Platform '{found.platform}' and its hypervisors",
                wanted="agree",
                got=f"differ in {len(found.differences)}: {found.first()}"
                if found.differences
                else "nothing was compared",
                next_step="The log has them all"
                if found.differences
                else "The platform lists no desktop that is meant, and no host that is configured and answers",
            )

    @keyword(tags=["Platform", "Getter"])
    def get_platform_differences(
        self,
        *desktops: str,
        pool: str | None = None,
        devices: bool | None = None,
        grace: timedelta = timedelta(seconds=5),
        timeout: timedelta | None = None,
    ) -> list[Any]:
        """Returns what differs between the platform and libvirt on its hosts; an empty list where they agree.

        Each difference has ``subject`` ("VM 'sales-1'"), ``host``, ``id``, ``field`` (``status``, ``cpu``, ``memory``, ``domain``,
        ...), ``platform`` and ``hypervisor``, which is what either side says of that field.

        The arguments are those of `Platform And Hypervisor Should Agree`.

        Example:
        | Log In To Platform
        | @{differences} =    Get Platform Differences    pool=sales
        | FOR    ${difference}    IN    @{differences}
        |     Log    ${difference.subject}: ${difference.field}
        | END
        """
        return list(self._compared(desktops, pool, devices, grace, timeout).differences)

    def _compared(
        self,
        desktops: tuple[str, ...],
        pool: str | None,
        devices: bool | None,
        grace: timedelta,
        timeout: timedelta | None,
    ) -> Comparison:
        from ATPLibrary.orchestrator.consistency import compare

        client, seconds = self.client(), self.seconds(timeout, "platform")
        comparing = compare(
            self.workspace,
            client,
            pool=pool,
            desktops=desktops,
            devices=devices,
            grace=in_seconds(grace),
            timeout=seconds,
        )
        found = self.wait(comparing, seconds, f"Comparing platform '{client.name}' with its hypervisors")
        for sentence in found.not_compared:
            logger.warn(f"Not compared: {redact(sentence)}")
        logger.info(str(found) if found.agree else table(found), html=not found.agree)
        return found


def table(found: Comparison) -> str:
    """The differences as HTML; what comes from outside is redacted and escaped."""
    import html

    from ATPLibrary.orchestrator.consistency.report import COLUMNS

    def cells(tag: str, texts: tuple[str, ...]) -> str:
        return "".join(f'<{tag} style="{_CELL}">{html.escape(redact(text))}</{tag}>' for text in texts)

    rows = "".join(f"<tr>{cells('td', each.row)}</tr>" for each in found.differences)
    return f"<b>{html.escape(str(found))}</b><table><tr>{cells('th', COLUMNS)}</tr>{rows}</table>"
