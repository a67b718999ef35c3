"""A guest, its agent's way to us, and a text on it: where faults are made one at a time, and what comes of each is kept."""

from __future__ import annotations

import asyncio
import contextlib
import itertools
import re
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from tests.faults.messages import HostSide, MessageProxy

from ATPLibrary.config import ServiceSettings
from ATPLibrary.errors import ATPError
from ATPLibrary.verifier import AgentSession, InputReport, SessionState, TypingEngine, Verdict
from ATPLibrary.verifier.service.service import VerificationService
from ATPLibrary.verifier.service.tokens import TokenBook, VmIdentity

from .dialling_agent import Dialled
from .faulty_guest import FaultyGuest

TEXT = "hello from atp"
PATIENCE = 20.0
WAYS = ("line", "tcp", "websocket")  # virtio-serial's, and those of the service
_numbers = itertools.count(1)


@dataclass
class Outcome:
    """What came of one fault."""

    reads: str  # all that a tester reads of it
    verdicts: frozenset[str]  # of the input, or the error's class
    within: float  # seconds from the fault's beginning
    well: bool = False  # afterwards: the session is ready, no key is down, and the next text is proved
    text_arrived: bool = field(default=True)  # what the guest got is what was typed


class Bench:
    """One guest called `name`, and how its agent is reached."""

    def __init__(self, guest: FaultyGuest, proxy: MessageProxy, session: AgentSession) -> None:
        self.guest, self.proxy, self.session = guest, proxy, session
        self.engine = TypingEngine(guest.qmp, session, ["ps2"])
        self.service: VerificationService | None = None
        self.dial: Callable[[], Awaitable[HostSide]] | None = None  # as an agent that dials in
        self.vm: VmIdentity | None = None

    async def until(self, condition: Callable[[], bool]) -> None:
        """Let the loop run until the fake guest is in that state: it has no event of its own for it."""
        async with asyncio.timeout(PATIENCE):
            while not condition():  # noqa: ASYNC110
                await asyncio.sleep(0.001)

    async def type(self, text: str = TEXT) -> Outcome:
        """What is read of that text, whatever goes wrong."""
        began = time.monotonic()
        try:
            report = await self.engine.type_text(text, timeout=PATIENCE)
        except ATPError as error:
            return Outcome(str(error), frozenset({type(error).__name__}), time.monotonic() - began)
        return Outcome(_read(report), _verdicts(report), time.monotonic() - began)

    async def type_while(self, fault: Callable[[], Any], after: int = 8, text: str = TEXT * 20) -> Outcome:
        """The same, with `fault` made when the guest has had so many edges."""
        begin = len(self.guest.received)
        typing = asyncio.create_task(self.type(text))
        await self.until(lambda: len(self.guest.received) >= begin + after or typing.done())
        began = time.monotonic()
        made = fault()
        if isinstance(made, Awaitable):
            await made
        outcome = await typing
        outcome.within = time.monotonic() - began
        return outcome

    async def is_well(self) -> bool:
        """The session is ready again by itself, no key is down, and the next text is proved."""
        await self.until(lambda: self.session.state is SessionState.READY)
        report = await self.engine.type_text("well", timeout=PATIENCE)
        return report.verified and not self.guest.held and self.session.state is SessionState.READY

    def events(self, kind: str) -> list[Any]:
        return [event for event in self.guest.events.recent(limit=500) if event.kind == kind]


@contextlib.asynccontextmanager
async def bench(
    directory: Path, way: str = "line", *, token: str | None = None, starts: bool = True
) -> AsyncIterator[Bench]:
    """A bench whose agent is reached by that way; with `starts`, its session is open."""
    name = f"faulty-{next(_numbers)}"
    place = directory / name
    place.mkdir()
    async with contextlib.AsyncExitStack() as stack:
        guest = await stack.enter_async_context(FaultyGuest(place, name=name))
        service: VerificationService | None = None
        if way == "line":
            proxy = MessageProxy(guest.socket, at=place / "port")

            async def opens() -> Any:
                from ATPLibrary.transport import socket_channel

                return await socket_channel(place / "port", 2.0)

            session = AgentSession(opens, name, guest.events, token, guest.port_state)
            guest.token = token
        else:
            tokens, vm = TokenBook(), VmIdentity.of(name, name)
            guest.token = tokens.issue(vm).reveal()
            settings = ServiceSettings.model_validate({"websocket_port": 0, "tcp_port": 0})
            service = VerificationService(settings, tokens, guest.events)
            await service.start()
            stack.push_async_callback(service.close)

            async def dial() -> HostSide:
                assert service is not None
                return await Dialled(way, service.addresses[way]).__aenter__()

            proxy = MessageProxy(guest.socket, dial=dial)

            async def takes() -> Any:
                assert service is not None
                return await service.channel(vm, 5.0)

            session = AgentSession(takes, name, guest.events, None, None)
        await stack.enter_async_context(proxy)
        made = Bench(guest, proxy, session)
        if service is not None:
            made.service, made.vm, made.dial = service, vm, dial
        stack.push_async_callback(session.close)
        if starts:
            await session.start(PATIENCE)
        yield made


def sentence_pattern(told: str) -> re.Pattern[str]:
    """What a table says is read, `...` for what differs from case to case, as a pattern."""
    return re.compile(".*?".join(re.escape(piece) for piece in told.split("...")), re.DOTALL)


def _read(report: InputReport) -> str:
    try:
        report.raise_if_bad(must_be_verified=True)
    except ATPError as error:
        return str(error)
    return report.sentence()


def _verdicts(report: InputReport) -> frozenset[str]:
    bad = {verdict.value for verdict, count in report.verdicts.items() if count and verdict is not Verdict.OK}
    return frozenset(bad or ({"ok"} if report.verified else {"unproved"}))
