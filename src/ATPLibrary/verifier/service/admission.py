"""Who dials in? The service greets, the hello that comes back says which VM it is, and the token whether that is so.

A stranger gets one refusal, the same whatever was wrong, after a moment during which it keeps its place among the few that may
wait: that bounds how often a token can be guessed, and never shuts out an agent that comes from the same address.
"""

from __future__ import annotations

import asyncio
import contextlib
import secrets

from ATPLibrary.errors import AgentError, ATPError
from ATPLibrary.runtime import deadline
from ATPLibrary.verifier.hello import PROTOCOL, AgentHello
from ATPLibrary.verifier.service.peer import Peer
from ATPLibrary.verifier.service.tokens import TokenBook, VmIdentity
from ATPLibrary.verifier.wire import LineReader, Refused, encode

# The largest hello: devices are some hundred bytes each. Nobody without a token fills memory with more.
HELLO_BYTES = 64 * 1024
# What an agent may still say of an older session before it hears the greeting.
EARLIER_MESSAGES = 16
REFUSAL_SECONDS = 0.5
REFUSAL = encode({"type": "refused", "reason": "not admitted"}).strip()


async def admit(peer: Peer, tokens: TokenBook, timeout: float) -> tuple[VmIdentity, AgentHello]:
    """Greet, and return whom the tokens know it as. `AgentError`, `ChannelError` or `DeadlineError` says why it is a stranger."""
    peer.allow(HELLO_BYTES)
    nonce = secrets.token_hex(8)
    greeting = encode({"type": "hello", "nonce": nonce, "protocol": PROTOCOL, "watch": False}).strip()
    async with deadline(timeout, f"A connection from {peer.address}", wanted="say hello", got="did not"):
        await peer.send(greeting)
        lines = LineReader(HELLO_BYTES)
        for _ in range(EARLIER_MESSAGES):
            for message in lines.feed(await peer.receive() + b"\n"):
                if isinstance(message, Refused):
                    raise _stranger(peer, f"sent {message.why}")
                if message["type"] == "hello" and message.get("nonce") == nonce:
                    hello = AgentHello.from_wire(message, f"at {peer.address}", None)
                    vm = tokens.admit(hello.vm_id, message.get("token"))
                    if vm is None:
                        raise _stranger(peer, f"no VM {hello.vm_id[:80]!r} with that token is known")
                    return vm, hello
    raise _stranger(peer, f"sent {EARLIER_MESSAGES} messages and no hello with our nonce")


async def refuse(peer: Peer) -> None:
    """One refusal, and the end. Bounded, also where the other side doesn't read."""
    await asyncio.sleep(REFUSAL_SECONDS)
    with contextlib.suppress(ATPError, TimeoutError):
        async with asyncio.timeout(REFUSAL_SECONDS):
            await peer.send(REFUSAL)
    await peer.close()


def _stranger(peer: Peer, got: str) -> AgentError:
    return AgentError.about(
        f"A {peer.way} connection from {peer.address}",
        wanted="be the agent of a VM that has a token",
        got=got,
        next_step="Use 'Create Agent Token' and give that token to the agent in the guest (--token-file)",
    )
