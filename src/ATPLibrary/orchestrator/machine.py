"""A connected VM: its libvirt domain, and its channels, opened when they are first needed."""

from __future__ import annotations

import asyncio
import contextlib
from collections import deque
from collections.abc import AsyncIterator, Awaitable
from typing import TYPE_CHECKING, Any, Protocol

from ATPLibrary import runtime
from ATPLibrary.errors import (
    AgentError,
    ATPError,
    ChannelError,
    CommandError,
    DeadlineError,
    InputError,
    VmStateError,
)
from ATPLibrary.orchestrator.channels import Channels, OpenProtocols
from ATPLibrary.orchestrator.input_engines import CHANNEL_SECONDS, InputEngines
from ATPLibrary.orchestrator.left_behind import StillDown
from ATPLibrary.orchestrator.letting_go import LettingGo
from ATPLibrary.orchestrator.opened import Opened
from ATPLibrary.orchestrator.qmp_events import QmpEvents
from ATPLibrary.orchestrator.sent_input import SentInput
from ATPLibrary.orchestrator.watches import Watches
from ATPLibrary.transport.domain_state import VmState
from ATPLibrary.transport.host_state import HostState
from ATPLibrary.transport.remaining import remaining

if TYPE_CHECKING:
    from ATPLibrary.config import Config, TypingSettings
    from ATPLibrary.events import EventBus
    from ATPLibrary.orchestrator.input_engines import SpiceInput
    from ATPLibrary.orchestrator.served_agents import ServedAgents
    from ATPLibrary.protocol.qga import Qga
    from ATPLibrary.protocol.qmp import Qmp
    from ATPLibrary.protocol.virtio_serial import Conversation
    from ATPLibrary.secrets import Secret
    from ATPLibrary.transport import ByteChannel, Domain, DomainDescription, DomainState
    from ATPLibrary.verifier import AgentSession, InputReport, Layout, Pointer, TypingEngine
    from ATPLibrary.verifier.hiding import HiddenTimes
    from ATPLibrary.verifier.injector import Via

KEPT_REPORTS = 50
# How long one channel may take to close before it is left to the process's end.
CLOSE_SECONDS = 2.0
# For libvirt's word on a VM whose agent doesn't answer: less than what a keyword's own deadline leaves it.
STATE_SECONDS = 0.5


class _Closable(Protocol):
    def close(self) -> Awaitable[None]: ...


class Machine:
    """What keywords mean by "the VM". Every coroutine runs on `runtime`'s loop; `timeout` is in seconds.

    Channels open on first use and stay open; when the VM stops they lead nowhere, so `lifecycle()` drops them and the next use
    opens new ones. `reports` holds the newest input reports, oldest first, for assertions and for evidence.
    """

    __slots__ = (
        "__weakref__",  # evidence keeps its last look so
        "_agent", "_description_is_old", "_home", "_layout", "_qga", "_qmp", "_ready_qmp", "_served", "bus", "channels", "config",
        "domain", "engines", "last_input", "last_text", "letting_go", "protocols", "qmp_events", "reports", "secrets",
        "watches",
    )  # fmt: skip

    def __init__(
        self,
        domain: Domain,
        config: Config,
        bus: EventBus,
        served: ServedAgents | None = None,
        spice: SpiceInput | None = None,
    ) -> None:
        self.domain = domain
        self._home = domain.host  # at hand for each operation, of which there may be one for each of a thousand VMs
        self.config = config
        self.bus = bus
        self._served = served
        self.reports: deque[InputReport] = deque(maxlen=KEPT_REPORTS)
        self.last_input: SentInput | None = None
        self.last_text: SentInput | None = None
        self.secrets: tuple[Secret, ...] = ()  # that its QEMU and guest were told: both may say them again
        subject = f"VM '{domain.name}'"
        self._qmp: Opened[Qmp] = Opened(f"The QMP channel of {subject}", self._open_qmp)
        self._ready_qmp: Qmp | None = None  # the same, once nothing waits to be let go of through it
        self._qga: Opened[Qga] = Opened(f"The guest agent channel of {subject}", self._open_qga)
        self._agent: Opened[AgentSession] = Opened(f"The verifier's channel of {subject}", self._open_agent)
        self.watches = Watches(domain.name, self.agent)
        self.channels = Channels(domain.name, self.open_channel)
        self.protocols = OpenProtocols(domain)
        self.qmp_events = QmpEvents(self.source, bus, self.qmp)
        self._description_is_old = False
        self._layout: Layout | None = None  # where it isn't the configuration's
        self.engines = InputEngines(self, spice)
        self.letting_go = LettingGo(domain.name, self.engines.release_left_over)

    @property
    def name(self) -> str:
        return self.domain.name

    @property
    def uuid(self) -> str:
        return self.domain.uuid

    @property
    def host(self) -> str:
        return self.domain.host.name

    @property
    def host_is_connected(self) -> bool:
        return self._home.state is HostState.CONNECTED

    def move(self, domain: Domain) -> None:
        """It is another host's now: `domain`."""
        self.domain, self._home = domain, domain.host
        self.protocols.domain = domain

    @property
    def source(self) -> str:
        """Who this VM is on the event bus."""
        return f"vm:{self.name}"

    def follow(self, config: Config) -> None:
        """Use other settings from now on. What is open stays open: a channel's settings count when it is opened next."""
        is_other_layout = config.typing != self.config.typing
        self.config = config
        if is_other_layout and not self.holds_keys:
            self.engines.forget_layout()

    def layout(self) -> Layout:
        """The guest's keyboard layout: what `use_layout` said, else the configuration's."""
        return self._layout or _layout_of(self.config.typing)

    def use_layout(self, layout: TypingSettings | None) -> None:
        """Type on another layout from now on; None: the configuration's again. `ConfigError` where there is none of that name.

        `InputError` while keys are down: another layout might not know how to let go of them.
        """
        chosen = None if layout is None else _layout_of(layout)
        if self.holds_keys:
            raise InputError(
                f"VM '{self.name}' has keys down: let go of them ('Release All Keys') before its layout changes."
            )
        self._layout = chosen
        self.engines.forget_layout()

    def remember(self, sent: SentInput) -> None:
        """Keep what became of an input, one that failed half-way too."""
        self.last_input = sent
        if sent.text is not None:
            self.last_text = sent
        if sent.report is not None:
            self.reports.append(sent.report)

    async def qmp(self, timeout: float) -> Qmp:
        """The QMP channel; a new one where it ended, through which the keys are let go that were down then."""
        if self._ready_qmp is not None and self._ready_qmp.is_open:
            return self._ready_qmp
        self._ready_qmp = None
        if self._qmp.value is not None and not self._qmp.value.is_open:
            self._qmp.take()
            self.engines.channel_ended()
        qmp = await self._qmp.get(timeout)
        if self.engines.left_down:
            what = f"The keys that were down in VM '{self.name}' when its QMP channel ended"
            async with runtime.deadline(timeout, what, wanted="be let go of", got="are not"):
                try:
                    with contextlib.suppress(CommandError):  # it is paused: the next use does it
                        await self.engines.release_on(qmp, timeout)
                finally:
                    if self.engines.left_down:  # somebody may have found none meanwhile, as they were on their way
                        self._ready_qmp = None
        if qmp is self._qmp.value and not self.engines.left_down:
            self._ready_qmp = qmp
        return qmp

    async def qga(self, timeout: float) -> Qga:
        return await self._qga.get(timeout)

    async def agent(self, timeout: float) -> AgentSession:
        """The session with the guest agent. `AgentError` or `DeadlineError` when none answers in time."""
        return await self._agent.get(timeout)

    @property
    def hidden_times(self) -> HiddenTimes | None:
        """Of the session with the guest agent, where one is open: when input is on its way that nobody may read."""
        session = self._agent.value
        return session.hidden if session is not None else None

    @contextlib.asynccontextmanager
    async def answering(self) -> AsyncIterator[None]:
        """While the agent is asked: `VmStateError` where it doesn't answer because the VM is paused or stopped."""
        try:
            yield
        except (AgentError, DeadlineError) as error:
            with contextlib.suppress(AgentError, ChannelError, DeadlineError, OSError):
                state = await self.domain.state(STATE_SECONDS)
                if state.state is not VmState.RUNNING:
                    raise self._stands_still("be running to have an agent that answers", state) from error
            raise

    def check_channel_is_free(self, name: str) -> None:
        """`ChannelError` when the verifier uses that channel, or it is libvirt's: a port has one reader."""
        from ATPLibrary.protocol.qga.agent import PORT

        if name == PORT:
            raise ChannelError.about(
                f"Channel '{name}' of VM '{self.name}'",
                wanted="be free",
                got="libvirt has it open, to QEMU's guest agent",
                next_step="Use 'Run Command' and the like, or 'Open Protocol    qga'",
            )
        if name == self.config.agent.channel and self._agent.value is not None:
            raise ChannelError.about(
                f"Channel '{name}' of VM '{self.name}'",
                wanted="be free",
                got="the verifier uses it",
                next_step="Use the Verifier keywords, or 'Disconnect From Verifier' first",
            )

    async def channel(self, name: str, timeout: float) -> Conversation:
        """The virtio-serial channel of that name, opened with codec raw if it isn't open."""
        self.check_channel_is_free(name)
        return await self.channels.get(name, timeout)

    async def close_agent(self) -> None:
        """End the session with the guest agent; the next verified input opens a new one."""
        self.watches.stop()
        session = self._agent.take()
        await self._release_and_drop_engines()
        if session is not None:
            await session.close()

    def lifecycle(self, *, stopped: bool, lives_on: bool = False) -> None:
        """The VM was started or stopped: what is known of it is old. When it stopped, its channels lead nowhere: they go.

        `lives_on`: only its QEMU has gone; its guest goes on elsewhere, or later, with what is down in it.
        """
        self._description_is_old = True
        if stopped:
            left_down = [*self.engines.left_down, *self.engines.releases()] if lives_on else []
            self._forget_channels()
            self.engines.left_down = left_down

    def _forget_channels(self) -> None:
        for closing in self._take_everything():
            runtime.spawn(_quietly(closing), f"close a channel of {self.name}")

    async def close(self) -> StillDown:
        """Release the keys that are down and close every channel; what can't be closed in time is left.

        Returns what could not be let go of: the VM is paused, or its QEMU doesn't answer.
        """
        await _quietly(self.release_all())
        down = StillDown(self.shown_down, [*self.engines.left_down, *self.engines.releases()])
        await asyncio.gather(*(_quietly(closing) for closing in self._take_everything()))
        return down

    async def _release_and_drop_engines(self) -> None:
        try:
            await self.release_all()
        finally:
            self.engines.channel_ended()  # what could not be let go of the next use of QMP lets go of
            if self.engines.left_down:
                self._ready_qmp = None

    def _take_everything(self) -> list[Awaitable[None]]:
        self.letting_go.stop()
        self.watches.stop()
        self.engines.drop()
        self.engines.left_down = []
        self._ready_qmp = None
        opened: list[Opened[Any]] = [self._agent, self._qga, self._qmp]
        things: list[_Closable] = [thing for thing in (each.take() for each in opened) if thing is not None]
        closings = [thing.close() for thing in (*things, *self.channels.take_all())]
        return [*closings, *(protocol.disconnect() for protocol in self.protocols.take_all())]

    async def typing(self, timeout: float, *, verified: bool = True, via: Via = "qmp") -> TypingEngine:
        """The typing engine; with `verified`, on top of a live agent session (`AgentError` when there is none)."""
        return await self.engines.typing(timeout, verified=verified, via=via)

    async def pointer(self, timeout: float, *, verified: bool = True, via: Via = "qmp") -> Pointer:
        """The pointer; with `verified`, on top of a live agent session (`AgentError` when there is none)."""
        return await self.engines.pointer(timeout, verified=verified, via=via)

    @property
    def holds_keys(self) -> bool:
        """Whether a keyword has left a key or button down."""
        return self.engines.holds_keys

    @property
    def shown_down(self) -> list[str]:
        """What keywords hold down, for a log: "shift", "left button"; a key of a secret has no name."""
        return self.engines.shown_down

    @property
    def holds_input(self) -> bool:
        """Whether a keyword has left a key or button down, or keeps others in the guest from its input."""
        return self.holds_keys or self.watches.is_exclusive

    async def release_all(self) -> None:
        """Let go of every key and button that keywords hold down."""
        await self.engines.release_all()

    def spice_input_ended(self) -> None:
        """The inputs channel of its SPICE session has: what is down by it is let go of, by QMP."""
        releasing = None
        if self.holds_keys:
            what = f"release what SPICE holds down in {self.name}"
            releasing = runtime.spawn(_quietly(self.engines.release_all("spice")), what)
        self.engines.expect_strays(releasing)

    async def free_input(self) -> None:
        """Let go of everything that is down, and let others in the guest have its input."""
        await asyncio.gather(self.release_all(), self.watches.give_back(CHANNEL_SECONDS))

    async def held_keys(self, timeout: float) -> list[str]:
        """What the guest's kernel sees held down, by device: "a of AT Translated Set 2 keyboard"."""
        from ATPLibrary.verifier.key_names import key_name

        session = await self.agent(timeout)
        await session.ensure_watching(timeout)
        devices = session.devices
        held = sorted(await session.held_keys(timeout))
        return [f"{key_name(code)} of {devices[device].name if device in devices else device}" for device, code in held]

    async def description(self, timeout: float) -> DomainDescription:
        """What the VM is made of: read again after it was started or stopped, whoever did that."""
        refresh, self._description_is_old = self._description_is_old, False
        return await self.domain.description(timeout, refresh=refresh)

    async def _open_qmp(self, timeout: float) -> Qmp:
        from ATPLibrary.protocol.qmp import open_qmp

        state = await self.domain.state(timeout)
        if not state.state.is_active:
            raise self._stands_still("be started before QEMU can be spoken to", state)
        await self.description(timeout)
        return await open_qmp(self.domain, mode=self.config.qmp, timeout=timeout)

    async def _open_qga(self, timeout: float) -> Qga:
        from ATPLibrary.protocol.qga import open_qga

        await self.description(timeout)
        return await open_qga(self.domain, timeout=timeout)

    async def open_channel(self, name: str, timeout: float) -> ByteChannel:
        """The virtio-serial port of that name, as bytes: whoever opens it is its one reader."""
        from ATPLibrary.protocol.virtio_serial import open_channel

        await self.description(timeout)
        return await open_channel(self.domain, name, timeout=timeout)

    async def _open_agent(self, timeout: float) -> AgentSession:
        from ATPLibrary.orchestrator.agent_opening import open_agent

        left = remaining(timeout)
        state = await self.domain.state(left())
        if state.state is not VmState.RUNNING:
            raise self._stands_still("be running to have an agent that answers", state)
        return await open_agent(self, self._served, left(), self._agent.asked)

    async def require_not_paused(self, wanted: str, timeout: float) -> None:
        """`VmStateError` where the VM is paused: it should have been `wanted`."""
        state = await self.domain.state(timeout)
        if state.state is VmState.PAUSED:
            raise self._stands_still(wanted, state)

    def _stands_still(self, wanted: str, state: DomainState) -> VmStateError:
        paused = state.state is VmState.PAUSED
        next_step = "Let it go on with 'Resume VM'" if paused else "Start it with 'Start VM' or 'Start Desktops'"
        return VmStateError.about(f"VM '{self.name}'", wanted=wanted, got=f"is {state}", next_step=next_step)


async def _quietly(closing: Awaitable[None]) -> None:
    """Await a clean-up with a bound of its own; what it can't do any more (the peer is gone) is of no interest."""
    try:
        async with asyncio.timeout(CLOSE_SECONDS):
            await closing
    except (ATPError, OSError, TimeoutError):
        return


def _layout_of(settings: TypingSettings) -> Layout:
    from ATPLibrary.verifier.layout import Layout
    from ATPLibrary.verifier.unicode_entry import UnicodeEntry

    entry = None if settings.unicode_entry is None else UnicodeEntry(settings.unicode_entry)
    return Layout(settings.layout, compose=settings.compose, unicode_entry=entry)
