"""A recorded session played again: a stand-in says what the server said, this client takes it as if it were the VM."""

from __future__ import annotations

import asyncio
import contextlib
from collections import Counter
from dataclasses import dataclass, field

from ATPLibrary.errors import ChannelError, DeadlineError
from ATPLibrary.events import EventBus
from ATPLibrary.protocol.spice.channels import ChannelState, DisplayConversation
from ATPLibrary.protocol.spice.client import EndedBy, SpeakingChannel
from ATPLibrary.protocol.spice.display.surface import Surface
from ATPLibrary.protocol.spice.enums import CommonCap
from ATPLibrary.protocol.spice.errors import SpiceProtocolError
from ATPLibrary.protocol.spice.linking import SpiceLink
from ATPLibrary.protocol.spice.options import SpiceOptions
from ATPLibrary.protocol.spice.recorded import Opening, Recording
from ATPLibrary.protocol.spice.stand_in import Behaviour, Peer, StandIn
from ATPLibrary.runtime import deadline
from ATPLibrary.transport.spice import SpiceChannelType as Type
from ATPLibrary.transport.spice import SpiceEndpoint
from ATPLibrary.transport.spice_connection import SpiceVmConnection

# How long a message that can't be is given to end its channel, and a client that has heard all to hear of the connection's end.
_END_SECONDS = 2.0
_NOT_BY_US = (EndedBy.CONNECTION, EndedBy.MESSAGE)
_NEEDED_CAPS = 1 << CommonCap.AUTH_SELECTION | 1 << CommonCap.AUTH_SPICE


class ReplayServer(StandIn):
    """Says on the n-th link of a channel what was said on the n-th in the recording. `fast`: all at once, else at its own pace."""

    def __init__(self, recording: Recording, *, fast: bool) -> None:
        common = recording.openings[0].common_caps | _NEEDED_CAPS
        super().__init__(Behaviour(session=None, common_caps=common))
        self.fast = fast
        self._recording = recording
        self._links: Counter[tuple[Type, int]] = Counter()
        self._playing: set[asyncio.Task[None]] = set()
        self._left = sum(each.type is not Type.MAIN for each in recording.openings)
        self._all_others_played = asyncio.Event()
        if self._left == 0:
            self._all_others_played.set()

    async def stop(self) -> None:
        for task in self._playing:
            task.cancel()
        await super().stop()

    def greet(self, peer: Peer) -> None:
        key = peer.type, peer.id
        openings = [each for each in self._recording.openings if (each.type, each.id) == key]
        if self._links[key] >= len(openings):
            peer.writer.close()
            return
        opening = openings[self._links[key]]
        self._links[key] += 1
        task = asyncio.create_task(self._play(peer, opening), name=f"replay of {opening.name}")
        self._playing.add(task)
        task.add_done_callback(self._playing.discard)

    def answer(self, peer: Peer, number: int) -> None:
        """Nothing: what was answered is recorded."""

    def caps_of(self, peer: Peer) -> int:
        return next(
            (each.channel_caps for each in self._recording.openings if (each.type, each.id) == (peer.type, peer.id)), 0
        )

    async def _play(self, peer: Peer, opening: Opening) -> None:
        clock = asyncio.get_running_loop().time
        began = clock()
        try:
            # Without the main channel no other is opened any more: when all goes at once, what ends it waits for the others.
            ends_at = len(opening.said) - (opening.ended_by is EndedBy.MESSAGE and not opening.unread)
            holds_back = self.fast and opening.type is Type.MAIN and opening.ended_by in _NOT_BY_US
            for number, each in enumerate(opening.said):
                if not self.fast:
                    await asyncio.sleep(each.time - opening.time - (clock() - began))
                if holds_back and number == ends_at:
                    await self._all_others_played.wait()
                peer.send(each.number, each.body)
                await peer.writer.drain()
            if holds_back:
                await self._all_others_played.wait()
            peer.writer.write(opening.unread)
            await peer.writer.drain()
            if opening.ended_by is EndedBy.CONNECTION:
                if not self.fast:
                    await asyncio.sleep(opening.ended - opening.time - (clock() - began))
                peer.writer.close()
        except ConnectionError:
            return  # the client has ended it: its own affair
        finally:
            self._left -= opening.type is not Type.MAIN
            if self._left == 0:
                self._all_others_played.set()


@dataclass
class Played:
    """What became of one channel: `received` of `recorded` messages, and `failure` with which it ended ("": it did not, or as it
    was recorded). `note`: the recording ends before the channel had begun; empty where it doesn't."""

    opening: Opening
    received: int = 0
    failure: str = ""
    note: str = ""

    @property
    def recorded(self) -> int:
        return len(self.opening.said)


@dataclass
class ReplayLink(SpiceLink):
    """Waits for no more than is recorded of `opening`: a kill has cut it there, or somebody gave up waiting."""

    opening: Opening | None = None

    def has_begun(self, speaker: SpeakingChannel) -> bool:
        opening = self.opening
        has_all = opening is not None and opening.ended_by not in _NOT_BY_US and speaker.taken >= len(opening.said)
        return has_all or super().has_begun(speaker)


@dataclass
class ReplayResult:
    """`screen` is display:0's surface at the end, None where there is none."""

    channels: list[Played] = field(default_factory=list)
    screen: Surface | None = None

    @property
    def messages(self) -> int:
        """How many were taken, on all channels together."""
        return sum(each.received for each in self.channels)

    @property
    def failed(self) -> list[Played]:
        return [each for each in self.channels if each.failure]


async def replay(
    recording: Recording, timeout: float, *, fast: bool = False, options: SpiceOptions | None = None
) -> ReplayResult:
    """Play a recording to this client, and say what became of each channel.

    `DeadlineError` when it takes longer. A channel that failed in the recording because of what its server said fails here again,
    unless the client has learned to take it.
    """
    server = ReplayServer(recording, fast=fast)
    subject = f"The replay of {recording.path.name}"
    result = ReplayResult()
    tasks: list[tuple[str, asyncio.Task[None]]] = []
    displays: list[DisplayConversation] = []
    async with deadline(timeout, subject, wanted="end", got="did not", last_seen=lambda: _so_far(result)):
        await server.start()
        link = ReplayLink(options or SpiceOptions())
        connection = SpiceVmConnection(
            recording.vm or "replay", "replay", SpiceEndpoint("replay", "127.0.0.1", server.port), EventBus(), link=link
        )
        try:
            clock = asyncio.get_running_loop().time
            began = clock()
            for opening in recording.openings:
                if not fast:
                    await asyncio.sleep(opening.time - recording.openings[0].time - (clock() - began))
                # What is opened again was closed before, when it had heard all of it.
                before = [task for key, task in tasks if opening.type is Type.MAIN or key == opening.name]
                await asyncio.gather(*before)
                played = Played(opening)
                result.channels.append(played)
                link.opening = opening
                speaker = await _opened(connection, played, timeout)
                if speaker is not None:
                    if isinstance(display := speaker.conversation, DisplayConversation) and opening.id == 0:
                        displays.append(display)
                    hearing = asyncio.create_task(_heard(speaker, played, timeout), name=f"hears {opening.name}")
                    tasks.append((opening.name, hearing))
            await asyncio.gather(*(task for _, task in tasks))
            result.screen = displays[-1].painter.screen if displays else None
        finally:
            for _, task in tasks:
                task.cancel()
            await connection.close()
            await server.stop()
    return result


async def _opened(connection: SpiceVmConnection, played: Played, timeout: float) -> SpeakingChannel | None:
    """The client on that channel; one that is open already was closed here when this was recorded."""
    opening = played.opening
    known = connection.channel(opening.type, opening.id)
    try:
        if known is not None and known.state.is_open:
            await connection.close_channel(opening.type, opening.id)
        channel = await connection.open_channel(opening.type, opening.id, timeout=timeout)
    except ChannelError as error:
        is_as_recorded = opening.ended_by is EndedBy.CONNECTION and not isinstance(error, SpiceProtocolError)
        played.failure = "" if is_as_recorded else str(error)
        return None
    speaker = channel.speaker
    assert isinstance(speaker, SpeakingChannel)
    if speaker.conversation.state is ChannelState.STARTING:
        ends = "the recording ends" if opening.ended_by is None else "it was closed"
        played.note = f"{ends} there, while {speaker.conversation.waits_for} was awaited"
    return speaker


async def _heard(speaker: SpeakingChannel, played: Played, timeout: float) -> None:
    """Until all of it has been taken, or the channel has ended."""
    opening = played.opening

    def has_all() -> bool:
        played.received = min(speaker.taken, played.recorded)
        return speaker.taken >= played.recorded

    try:
        await speaker.wait_until(has_all, timeout, "take what was recorded")
        if speaker.end is not None:
            raise speaker.end
        if opening.unread or opening.ended_by is EndedBy.CONNECTION:
            with contextlib.suppress(DeadlineError):  # it goes on where it ended before
                await speaker.wait_until(lambda: False, _END_SECONDS, "end")
    except ChannelError as error:
        has_all()
        ends_as_recorded = opening.ended_by is EndedBy.CONNECTION and speaker.ended_by is EndedBy.CONNECTION
        if not (ends_as_recorded and played.received == played.recorded):
            played.failure = str(error)


def _so_far(result: ReplayResult) -> str:
    return ", ".join(f"{each.opening.name} {each.received} of {each.recorded}" for each in result.channels)
