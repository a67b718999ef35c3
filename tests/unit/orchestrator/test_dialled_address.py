"""What 'Deploy Agent' takes for an address is what the agent takes: two projects, held to one list."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from ATPLibrary.errors import InputError
from ATPLibrary.orchestrator.deployment import wish_for
from ATPLibrary.orchestrator.deployment.dialled_address import SCHEMES, check_dialled

sys.path.append(str(Path(__file__).parents[3] / "guest_agent" / "src"))

pytestmark = pytest.mark.unit

GOOD = (
    "ws://h",
    "ws://h:8765/a/path?x=1",
    "wss://192.0.2.7:443/",
    "tcp://h:8766",
    "tcp://h:8766/",
    "tcp+tls://[2001:db8::1]:1",
    "tcp://[::1]",
    "unix:///run/atp.sock",
)
BAD = (
    "", "h", "h:8766", "192.0.2.7:8766", "http://x", "https://x", "WS://h", "tcp:/h", "://h", "ws://", "ws:///path", "tcp://h:",
    "tcp://:8766", "tcp://h:0", "tcp://h:65536", "tcp://h:x", "tcp://h:8766/path", "tcp://h:1:2", "tcp://u@h", "tcp://[::1",
    "tcp://[::1]8766", "tcp://[]:1", "ws://h/#a", "ws://h?x", "unix://run/atp.sock", "unix://", "tcp://h 1", "tcp://hé", "tcp://h\n",
)  # fmt: skip


def ours(address: str) -> bool:
    try:
        check_dialled(address)
    except InputError:
        return False
    return True


def theirs(address: str) -> bool:
    from atp_guest_agent.links.address import Address, AddressError

    try:
        Address(address)
    except AddressError:
        return False
    return True


def test_the_schemes_are_the_agent_s() -> None:
    from atp_guest_agent.links.address import PORTS

    assert set(SCHEMES) == {*PORTS, "unix"}


@pytest.mark.parametrize("address", [*GOOD, *BAD])
def test_both_say_the_same_of_an_address(address: str) -> None:
    assert ours(address) == theirs(address)


def test_the_list_has_both_kinds() -> None:
    assert [address for address in GOOD if not ours(address)] == []
    assert [address for address in BAD if ours(address)] == ["tcp://h:"]  # a port that isn't said is the scheme's own


@given(st.from_regex(r"\A(ws|wss|tcp|tcp\+tls|unix|http|)(://|:/|)[a-z@?#:\[\]/0-9. é]{0,12}\Z"))
@example("tcp://[::1]x")
@example("tcp://h:1²")
def test_both_say_the_same_of_anything(address: str) -> None:
    assert ours(address) == theirs(address)


async def test_a_wrong_address_is_refused_before_the_vm_is_looked_at() -> None:
    nobody: Any = None
    with pytest.raises(InputError, match="begins with http://"):
        await wish_for(nobody, nobody, 1, connect="http://x", served=nobody)


@pytest.mark.parametrize("address", ["http://x", "192.0.2.7:8766"])
def test_the_sentence_names_what_can_be_dialled(address: str) -> None:
    with pytest.raises(InputError) as caught:
        check_dialled(address)
    for scheme in SCHEMES:
        assert f"{scheme}://" in str(caught.value)
    assert address in str(caught.value)
