"""Makes a connected channel a SPICE channel: by the link protocol, and until it has begun.

`SpiceLink` is the seam's other half: `transport.spice_connection` connects a socket and hands the channel over.
"""

from __future__ import annotations

import time
from dataclasses import dataclass, field, replace

from ATPLibrary.protocol.spice.channels import CONVERSATIONS, ChannelState, MainConversation
from ATPLibrary.protocol.spice.client import SpeakingChannel
from ATPLibrary.protocol.spice.errors import SpiceLinkError
from ATPLibrary.protocol.spice.link import Identity, Linked, LinkMachine, LinkRequest
from ATPLibrary.protocol.spice.offered import not_offered
from ATPLibrary.protocol.spice.options import SpiceOptions
from ATPLibrary.transport.spice import SpiceChannelType
from ATPLibrary.transport.spice_connection import SpiceChannel

_READ_BYTES = 256 * 1024


@dataclass
class SpiceLink:
    """Makes a connected channel a SPICE channel, as `SpiceConnectionManager` wants it.

    For the main channel it waits until the session is there and the channels are listed; for the others until they have begun.
    """

    options: SpiceOptions = field(default_factory=SpiceOptions)

    def has_begun(self, speaker: SpeakingChannel) -> bool:
        return speaker.conversation.state is not ChannelState.STARTING

    async def __call__(self, channel: SpiceChannel, timeout: float) -> None:
        until = time.monotonic() + timeout
        try:
            linked, early, trips = await self._link(channel)
        except SpiceLinkError as error:
            if channel.connection.offers(channel.type, channel.id):
                raise
            raise not_offered(channel, error) from error
        # Channels with caches of their own wait for none of the others.
        options = replace(self.options, cache_id=channel.id + 1)
        conversation = CONVERSATIONS[channel.type](channel.type, channel.subject, linked, options)
        for trip in trips:
            conversation.wire.statistics.round_trips.record(trip)
        conversation.session_time = lambda: _session_time(channel)
        speaker = channel.speaker = SpeakingChannel(channel, conversation)
        for tell in list(channel.connection.when_linked):
            tell(channel)
        speaker.start(early)

        channel.stage = lambda: f"linked; {conversation.waits_for} is awaited"
        await speaker.wait_until(lambda: self.has_begun(speaker), until - time.monotonic(), "begin", channel.stage)
        if isinstance(conversation, MainConversation) and conversation.session is not None:
            channel.connection.session_id = conversation.session.session_id
            channel.connection.offered = lambda: [(each.type, each.id) for each in conversation.channels]

    async def _link(self, channel: SpiceChannel) -> tuple[Linked, bytes, list[float]]:
        assert channel.reader is not None
        assert channel.writer is not None
        session = channel.connection.session_id if channel.type is not SpiceChannelType.MAIN else 0
        request = LinkRequest(
            channel.type, channel.id, session, self.options.caps_of(channel.type), self.options.common_caps
        )
        identity = Identity(channel.connection.ticket, self.options.user, channel.connection.tls is not None)
        machine = LinkMachine(channel.subject, request, identity)
        channel.stage = lambda: f"stage {machine.stage.name}: waiting for {machine.stage.value}"
        trips: list[float] = []
        channel.writer.write(machine.start())
        asked_at = time.monotonic()
        while machine.linked is None:
            try:
                data = await channel.reader.read(_READ_BYTES)
            except OSError as error:
                raise machine.ended(f"the connection broke ({error.strerror or error})") from error
            if not data:
                raise machine.ended()
            before = machine.round_trips
            channel.writer.write(machine.feed(data))
            if machine.round_trips > before:
                trips.append((time.monotonic() - asked_at) * 1000)
                asked_at = time.monotonic()
        return machine.linked, machine.rest, trips


def _session_time(channel: SpiceChannel) -> int | None:
    """The clock of the session that the channel belongs to, in ms."""
    main = channel.connection.channel(SpiceChannelType.MAIN)
    speaker = main.speaker if main is not None else None
    conversation = speaker.conversation if isinstance(speaker, SpeakingChannel) else None
    return conversation.multi_media_time() if isinstance(conversation, MainConversation) else None
