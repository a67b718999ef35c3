"""One VM, as its host's libvirt sees it."""

from __future__ import annotations

import asyncio
import contextlib
import math
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, TypeVar

from ATPLibrary.errors import CommandError, DeadlineError, HostError, VmStateError
from ATPLibrary.events import Event
from ATPLibrary.transport.byte_channel import ByteChannel
from ATPLibrary.transport.description import DomainDescription, parse_description
from ATPLibrary.transport.domain_state import DomainState, VmState, domain_state
from ATPLibrary.transport.remaining import remaining

if TYPE_CHECKING:
    import libvirt

    from ATPLibrary.transport.host import HostConnection

T = TypeVar("T")

# While a state is waited for and no event comes, it is asked for this often: of a VM whose QEMU ended while libvirtd was away,
# libvirt (9.0) tells no event at all, and for a moment after its start says that it runs.
ASK_AGAIN_SECONDS = 2.0


@dataclass(frozen=True, slots=True)
class _Change:
    """A change of state: what it is called, how it is asked for, and in which states it is possible."""

    what: str
    func: Callable[[libvirt.virDomain], object]
    wanted: str
    possible_in: frozenset[VmState]


_ON = frozenset(state for state in VmState if state.is_active)
_OFF = frozenset({VmState.SHUTOFF, VmState.CRASHED})
_RUNNING = frozenset({VmState.RUNNING, VmState.BLOCKED})
_START = _Change("start", lambda domain: domain.create(), "be shut off so that it can start", _OFF)
_SHUT_DOWN = _Change("shut down", lambda domain: domain.shutdown(), "be running so that it can shut down", _RUNNING)
_DESTROY = _Change("switch off", lambda domain: domain.destroy(), "be on so that it can be switched off", _ON)
_SUSPEND = _Change("pause", lambda domain: domain.suspend(), "be running so that it can be paused", _RUNNING)
_RESUME = _Change(
    "resume", lambda domain: domain.resume(), "be paused so that it can go on", frozenset({VmState.PAUSED})
)
_REBOOT = _Change("reboot", lambda domain: domain.reboot(), "be running so that it can reboot", _RUNNING)


# How many of the VM's last events an error tells.
_EVENTS_TOLD = 3


class Domain:
    """A VM on a connected host. It survives the host being connected again: libvirt's handle is looked up by UUID when needed."""

    __slots__ = ("_description", "host", "name", "uuid")

    def __init__(self, host: HostConnection, name: str, uuid: str) -> None:
        self.host = host
        self.name = name
        self.uuid = uuid
        self._description: DomainDescription | None = None

    def __repr__(self) -> str:
        return f"<Domain {self.name} {self.uuid} on {self.host.name}>"

    async def call(self, what: str, func: Callable[..., T], *args: Any, timeout: float, idempotent: bool = False) -> T:
        """Return `func(virDomain, *args)`, run on one of the host's workers. `what` says it in an error: "read its XML".

        `idempotent` as in `HostConnection.call`.
        """
        return await self.host.call_domain(self, what, func, *args, timeout=timeout, idempotent=idempotent)

    async def state(self, timeout: float) -> DomainState:
        return domain_state(*await self.call("tell its state", _state, timeout=timeout, idempotent=True))

    async def description(self, timeout: float, refresh: bool = False) -> DomainDescription:
        """What the VM is made of now. Remembered until `refresh`, or until the VM is started by us."""
        if self._description is None or refresh:
            xml = await self.call("read its XML", lambda domain: domain.XMLDesc(0), timeout=timeout, idempotent=True)
            self._description = parse_description(xml)
        return self._description

    async def start(self, timeout: float) -> None:
        """Start the VM; done when QEMU runs. `VmStateError` when it is running already."""
        self._description = None
        await self._change(_START, timeout)

    async def shutdown(self, timeout: float) -> None:
        """Ask the guest to shut down (ACPI, or its agent) and wait until it has. `destroy` is for a guest that won't."""
        left = remaining(timeout)
        await self._change(_SHUT_DOWN, left())
        await self.wait_for_state(VmState.SHUTOFF, left())

    async def destroy(self, timeout: float) -> None:
        """Switch the VM off at once, as if by pulling the plug."""
        await self._change(_DESTROY, timeout)

    async def suspend(self, timeout: float) -> None:
        """Stop the VM's processors; its memory stays. It is "paused" until `resume`."""
        await self._change(_SUSPEND, timeout)

    async def resume(self, timeout: float) -> None:
        """Let a paused VM go on."""
        await self._change(_RESUME, timeout)

    async def reboot(self, timeout: float) -> None:
        """Ask the guest to reboot. Done when libvirt has passed it on: `libvirt.reboot` on the bus tells when the guest does."""
        await self._change(_REBOOT, timeout)

    async def wait_for_state(self, state: VmState | str, timeout: float) -> DomainState:
        """Wait until the VM is in `state`; else as `wait_until`."""
        wanted = VmState(state)
        return await self.wait_until(lambda now: now is wanted, f"be {wanted.value}", timeout)

    async def wait_until(self, holds: Callable[[VmState], bool], words: str, timeout: float) -> DomainState:
        """Wait until `holds` for the VM's state, by libvirt's events and, where none comes, by asking.

        `DeadlineError` says "should WORDS", and what it was instead.

        Goes on waiting while its host was lost and is tried again; `HostError` when the host is given up.
        """
        seen = "its state was never told"
        with self.host.bus.subscribe(self._is_about_us) as news:
            try:
                async with asyncio.timeout(timeout):
                    while True:
                        try:
                            now = await self.state(timeout)
                        except HostError as error:
                            if not self.host.is_coming_back:
                                raise
                            seen = f"its host was lost ({error})"
                        else:
                            if holds(now.state):
                                return now
                            seen = f"was {now}"
                        with contextlib.suppress(TimeoutError):
                            async with asyncio.timeout(ASK_AGAIN_SECONDS):
                                await anext(news)
            except TimeoutError as error:
                latest = self.host.bus.recent(f"vm:{self.name}", limit=_EVENTS_TOLD)
                raise DeadlineError.about(
                    f"VM '{self.name}'", wanted=words, got=seen, waited=timeout,
                    last_seen=", ".join(map(in_short, latest)) or "no event of this VM",
                ) from error  # fmt: skip

    async def monitor_command(self, json_text: str, timeout: float, *, idempotent: bool = False) -> str:
        """Pass one QMP command through libvirt's own monitor and return the reply's text. `idempotent` as in `call`."""

        def ask(domain: libvirt.virDomain) -> str:
            import libvirt_qemu

            return str(libvirt_qemu.qemuMonitorCommand(domain, json_text, 0))

        return await self.call("pass a monitor command", ask, timeout=timeout, idempotent=idempotent)

    async def agent_command(self, json_text: str, timeout: float, *, idempotent: bool = False) -> str:
        """Pass one command to the guest agent (qemu-ga) through libvirt, which owns its port, and return the reply's text.

        `idempotent` as in `HostConnection.call`.
        """
        # libvirt counts whole seconds. Its time is up before ours, so that its error (which says more) is the one we see.
        seconds = max(1, math.floor(timeout))

        def ask(domain: libvirt.virDomain) -> str:
            import libvirt_qemu

            return str(libvirt_qemu.qemuAgentCommand(domain, json_text, seconds, 0))

        return await self.call("ask its guest agent", ask, timeout=timeout, idempotent=idempotent)

    async def screenshot(self, timeout: float) -> bytes:
        """The screen of the first display, as libvirt gives it (PPM or PNG)."""
        return await self.call("take a screenshot", _screenshot, timeout=timeout, idempotent=True)

    async def open_stream_channel(self, name: str, timeout: float) -> ByteChannel:
        """The host's end of virtio-serial port `name`, carried by libvirt: works on remote hosts too."""
        from ATPLibrary.transport.stream_channel import open_stream_channel

        return await open_stream_channel(self, name, timeout)

    async def _change(self, change: _Change, timeout: float) -> None:
        left = remaining(timeout)
        try:
            await self.call(change.what, change.func, timeout=left())
        except (VmStateError, CommandError) as error:
            # libvirt's drivers say "wrong state" in several ways; what the state is tells for certain.
            now = await self.state(left())
            if now.state in change.possible_in:
                raise
            raise VmStateError.about(
                f"VM '{self.name}' on host '{self.host.name}'", wanted=change.wanted, got=f"was {now}"
            ) from error

    def _is_about_us(self, event: Event) -> bool:
        if event.source == f"host:{self.host.name}":
            return True  # its connection was lost: asking again says so
        return event.data.get("uuid") == self.uuid and event.kind.startswith("libvirt.lifecycle.")


def in_short(event: Event) -> str:
    """A VM's event as a sentence about that VM tells it: "14:02:11 suspended (I/O error)"."""
    moment = time.strftime("%H:%M:%S", time.localtime(event.time))
    detail = event.data.get("detail")
    return f"{moment} {event.kind.removeprefix('libvirt.lifecycle.')}" + (f" ({detail})" if detail else "")


def _state(domain: libvirt.virDomain) -> tuple[int, int]:
    state, reason = domain.state()
    return state, reason


def _screenshot(domain: libvirt.virDomain) -> bytes:
    stream = domain.connect().newStream()
    picture = bytearray()
    domain.screenshot(stream, 0)
    try:
        stream.recvAll(lambda _stream, data, _opaque: picture.extend(data), None)
    except BaseException:
        stream.abort()
        raise
    stream.finish()
    return bytes(picture)
