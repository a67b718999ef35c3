"""Keywords about the SPICE agent in a guest: whether it is there, what it can, and the desktop's resolution."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING, Any

from robot.api import logger
from robot.api.deco import keyword

from ATPLibrary.errors import InputError
from ATPLibrary.keywords.assertions import Operator, check
from ATPLibrary.keywords.component import Component, named
from ATPLibrary.keywords.spice_words import speaking
from ATPLibrary.protocol.screen.monitors import MonitorPlace
from ATPLibrary.protocol.screen.region import Size

if TYPE_CHECKING:
    from ATPLibrary.protocol.spice.agent.talk import AgentTalk

_AWAKE = "be running for its SPICE agent to answer"
# The coordinates of X11, and of GDI, have 16 bits with a sign. What a guest can show may end far below.
_LARGEST = 32767


class SpiceAgents(Component):
    """The base of the keywords that ask the agent."""

    async def talk(self, vm: str | None, seconds: float) -> AgentTalk:
        from ATPLibrary.orchestrator.spice_desktop import agent_talk

        return await agent_talk(self.workspace, await self.machine(vm, seconds), seconds)

    async def awake_talk(self, vm: str | None, seconds: float) -> AgentTalk:
        """As `talk`, for what a guest has to answer: `VmStateError` where the VM is paused."""
        await (await self.machine(vm, seconds)).require_not_paused(_AWAKE, seconds)
        return await self.talk(vm, seconds)


class SpiceAgentKeywords(SpiceAgents):
    @keyword(name="SPICE Agent Should Be Connected", tags=["SPICE", "Assertion"])
    def spice_agent_should_be_connected(
        self, *capabilities: str, vm: str | None = None, timeout: timedelta | None = None
    ) -> None:
        """Waits until the SPICE agent in the guest (spice-vdagent) is connected and has said what it can.

        An agent that is missing is told apart from one that says nothing, one that sent what can't be, and a VM that has no
        channel for one. An agent of a VM that stands still, or whose QEMU doesn't answer within 5 s, answers nobody: then it fails
        too, as it does where a fault on purpose has harmed the server's word that the agent has gone (``AGENT_DISCONNECTED``).
        Needs `Connect To SPICE` before.

        - ``capabilities``: what it must be able to do, by its name in the specification: ``MONITORS_CONFIG``,
          ``CLIPBOARD_BY_DEMAND``, ``FILE_XFER_DETAILED_ERRORS``.
        - ``vm``: the VM's name or UUID; by default the current VM.
        - ``timeout``: how long it may take to come; by default ``timeouts.command`` of the configuration (10 s).

        Example:
        | Connect To VM    win11
        | Connect To SPICE
        | SPICE Agent Should Be Connected    MONITORS_CONFIG    timeout=2 min
        """
        from ATPLibrary.orchestrator.spice_life import require_running
        from ATPLibrary.protocol.spice.agent.enums import cap_names
        from ATPLibrary.protocol.spice.doubt import require_known

        wanted, seconds = [_known(each) for each in capabilities], self.seconds(timeout, "command")

        async def ask() -> list[str]:
            machine = await self.machine(vm, seconds)
            talk, subject = await self.awake_talk(vm, seconds), f"The SPICE agent of VM '{machine.name}'"
            require_known(speaking(self.workspace, machine, "main"), subject, "be connected", "AGENT_DISCONNECTED")
            await require_running(machine, subject, "be connected", seconds, _AWAKE)
            return cap_names(talk.agent.caps)

        names = self.wait(ask(), _patience(seconds), f"Waiting for the SPICE agent of {named(vm)}")
        for each in wanted:
            check(f"The capabilities of the SPICE agent of {named(vm)}", names, "contains", each)
        logger.info(f"The SPICE agent of {named(vm)} is connected: {', '.join(names)}.")

    @keyword(name="Get SPICE Agent Capabilities", tags=["SPICE", "Getter", "Assertion"])
    def get_spice_agent_capabilities(
        self,
        operator: Operator | None = None,
        expected: list[str] | str | None = None,
        vm: str | None = None,
        timeout: timedelta | None = None,
    ) -> list[str]:
        """Returns what the SPICE agent in the guest says that it can, by the names of the specification.

        - ``operator``, ``expected``: an assertion about the list, such as ``contains    CLIPBOARD_SELECTION``.
        - ``vm``: the VM's name or UUID; by default the current VM.
        - ``timeout``: how long the agent may take to come; by default ``timeouts.command`` of the configuration (10 s).

        Example:
        | Connect To VM    win11
        | Connect To SPICE
        | Get SPICE Agent Capabilities    not contains    FILE_XFER_DISABLED
        """
        names = self._capabilities(vm, self.seconds(timeout, "command"))
        check(f"The capabilities of the SPICE agent of {named(vm)}", names, operator, expected)
        return names

    @keyword(name="Get SPICE Agent Statistics", tags=["SPICE", "Getter", "Assertion"])
    def get_spice_agent_statistics(
        self,
        field: str | None = None,
        operator: Operator | None = None,
        expected: Any = None,
        vm: str | None = None,
        timeout: timedelta | None = None,
    ) -> Any:
        """Returns what was counted of the SPICE agent since the session began, or one number of it.

        ``messages_received``, ``messages_sent``, ``chunks_received``, ``chunks_sent`` (of 2048 bytes at most), ``tokens_returned``,
        ``tokens_withheld``, ``token_stalls`` (how often something was left to send and no token), ``overdrawn`` (chunks that
        the server had no token for), and by message ``received`` and ``ignored``.

        - ``field``: one of the names above; without it the whole dictionary is returned.
        - ``operator``, ``expected``: an assertion about that number, such as ``==    0``.
        - ``vm``: the VM's name or UUID; by default the current VM.
        - ``timeout``: how long the agent may take to come; by default ``timeouts.command`` of the configuration (10 s).

        Example:
        | Connect To VM    win11
        | Connect To SPICE
        | Get SPICE Agent Statistics    overdrawn    ==    ${0}
        """
        seconds = self.seconds(timeout, "command")

        async def ask() -> dict[str, Any]:
            return dict((await self.talk(vm, seconds)).agent.statistics.as_dict())

        counted = self.wait(ask(), seconds, f"Asking for the statistics of the SPICE agent of {named(vm)}")
        if field is None:
            check(f"The statistics of the SPICE agent of {named(vm)}", counted, operator, expected)
            return counted
        name = field.strip().lower().replace(" ", "_")
        if name not in counted:
            raise InputError.about(
                "A SPICE agent's statistics", wanted=f"have '{field}'", got=f"have {', '.join(counted)}"
            )
        check(f"{name} of the SPICE agent of {named(vm)}", counted[name], operator, expected)
        return counted[name]

    @keyword(tags=["SPICE"])
    def withhold_agent_tokens(
        self, withhold: bool = True, vm: str | None = None, timeout: timedelta | None = None
    ) -> None:
        """Gives the SPICE agent no new tokens, so that it can send no more than ten chunks; or gives it those that it is owed.

        A server may end the agent of a client that gives it none for long while it has something to say.

        - ``withhold``: ``False`` gives what is owed, and goes on as usual.
        - ``vm``: the VM's name or UUID; by default the current VM.
        - ``timeout``: by default ``timeouts.command`` of the configuration (10 s).

        Example:
        | Connect To VM    win11
        | Connect To SPICE
        | Withhold Agent Tokens
        | Withhold Agent Tokens    False
        """
        seconds = self.seconds(timeout, "command")

        async def hold() -> int:
            return await (await self.talk(vm, seconds)).withhold_tokens(withhold, seconds)

        owed = self.wait(hold(), seconds, f"Reaching the SPICE agent of {named(vm)}")
        if not withhold:
            logger.info(f"The SPICE agent gets tokens again; {owed} were owed and have been given.")

    @keyword(tags=["SPICE"])
    def set_resolution(self, size: Size, vm: str | None = None, timeout: timedelta | None = None) -> None:
        """Has the guest show its desktop in another resolution, as a viewer does whose window is resized, and waits until it does.

        The proof is the surface that the display draws on, not what the agent replies: its last reply stands in the error. The
        channel ``display`` is opened where it wasn't. Needs the agent (`SPICE Agent Should Be Connected`).

        - ``size``: width and height in pixels, 32767 at most: ``1280x720``. A guest may round the width to a multiple of 8.
        - ``vm``: the VM's name or UUID; by default the current VM.
        - ``timeout``: by default ``timeouts.command`` of the configuration (10 s).

        Example:
        | Connect To VM    win11
        | Connect To SPICE
        | Set Resolution    1280x720
        """
        seconds = self.seconds(timeout, "command")
        _require_possible(f"Resolution {size}", size.width, size.height)

        async def change() -> None:
            from ATPLibrary.orchestrator import spice_desktop

            machine = await self.machine(vm, seconds)
            talk = await self.talk(vm, seconds)
            display = await spice_desktop.display(self.workspace, machine, 0, seconds)
            await talk.set_monitors([MonitorPlace(size.width, size.height)], seconds)
            await spice_desktop.until_resolution(display, str(size), seconds, talk.reply_about_monitors)
            await spice_desktop.prove_now(machine, display, f"become {size}", seconds)

        self.wait(change(), _patience(seconds), f"Changing the resolution of {named(vm)}")

    @keyword(tags=["SPICE", "Assertion"])
    def resolution_should_become(
        self, size: Size, display: int = 0, vm: str | None = None, timeout: timedelta | None = None
    ) -> None:
        """Waits until a display has that resolution: the size of the surface that the guest draws on.

        Whoever changes it: `Set Resolution`, the guest itself, another viewer. The channel is opened where it wasn't; fails where
        it has failed, a fault on purpose or withheld acknowledgements leave the size unknown, or QEMU doesn't answer within 5 s.

        - ``size``: width and height in pixels: ``1280x720``.
        - ``display``: the number of the display, 0 for the first.
        - ``vm``: the VM's name or UUID; by default the current VM.
        - ``timeout``: by default ``timeouts.command`` of the configuration (10 s).

        Example:
        | Connect To VM    win11
        | Connect To SPICE
        | Resolution Should Become    1024x768    timeout=1 min
        """
        seconds = self.seconds(timeout, "command")

        async def until() -> None:
            from ATPLibrary.orchestrator import spice_desktop

            machine = await self.machine(vm, seconds)
            channel = await spice_desktop.display(self.workspace, machine, display, seconds)
            await spice_desktop.until_resolution(channel, str(size), seconds)
            await spice_desktop.prove_now(machine, channel, f"become {size}", seconds)

        self.wait(until(), _patience(seconds), f"Waiting for the resolution of {named(vm)}")

    @keyword(tags=["SPICE"])
    def set_monitors(self, *monitors: MonitorPlace, vm: str | None = None, timeout: timedelta | None = None) -> None:
        """Has the guest use these monitors, and waits until its displays show them: in these sizes, and where one display shows
        several, standing so to each other. How several displays stand to each other is asked for, but told by nobody.

        More than one needs a VM with as many: several display devices, or one with several outputs. All display channels
        that the server offers are opened. Needs the agent (`SPICE Agent Should Be Connected`).

        - ``monitors``: one or more of ``WIDTHxHEIGHT+LEFT+TOP`` in pixels; one without a place stands beside the one before.
        - ``vm``: the VM's name or UUID; by default the current VM.
        - ``timeout``: by default ``timeouts.command`` of the configuration (10 s).

        Example:
        | Connect To VM    win11
        | Connect To SPICE
        | Set Monitors    1024x768    800x600+1024+0
        """
        seconds = self.seconds(timeout, "command")
        if not monitors:
            raise InputError("Set Monitors needs at least one monitor, such as 1024x768.")
        for each in monitors:
            _require_possible(f"Monitor {each}", each.width, each.height)

        async def change() -> None:
            from ATPLibrary.orchestrator import spice_desktop

            machine = await self.machine(vm, seconds)
            talk = await self.talk(vm, seconds)
            channels = await spice_desktop.displays(self.workspace, machine, seconds)
            await talk.set_monitors(monitors, seconds)
            await spice_desktop.until_monitors(channels, monitors, seconds, talk.reply_about_monitors)
            await spice_desktop.prove_now(machine, channels[0], f"become {', '.join(map(str, monitors))}", seconds)

        self.wait(change(), _patience(seconds), f"Changing the monitors of {named(vm)}")

    def _capabilities(self, vm: str | None, seconds: float) -> list[str]:
        async def ask() -> list[str]:
            from ATPLibrary.protocol.spice.agent.enums import cap_names

            return cap_names((await self.talk(vm, seconds)).agent.caps)

        return self.wait(ask(), seconds, f"Waiting for the SPICE agent of {named(vm)}")


def _patience(seconds: float) -> float:
    """For what is seen within `seconds` and proved behind that."""
    from ATPLibrary.orchestrator.spice_life import LIFE_SECONDS

    return seconds + LIFE_SECONDS


def _require_possible(what: str, width: int, height: int) -> None:
    if not (1 <= width <= _LARGEST and 1 <= height <= _LARGEST):
        raise InputError.about(
            what, wanted=f"be between 1x1 and {_LARGEST}x{_LARGEST} pixels, as coordinates of X11 and Windows are",
            got="is not", next_step="Such as 1280x720",
        )  # fmt: skip


def _known(name: str) -> str:
    """The capability's name as the specification writes it. `InputError` with all of them for another."""
    from ATPLibrary.protocol.spice.agent.enums import AgentCap

    wanted = name.strip().upper().replace(" ", "_")
    names = [each.name for each in AgentCap]
    if wanted not in names:
        raise InputError.about("A SPICE agent's capability", wanted=f"be one of {', '.join(names)}", got=f"is '{name}'")
    return wanted
