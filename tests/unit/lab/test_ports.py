"""Ports for servers that bind theirs by themselves."""

from __future__ import annotations

import itertools
import socket
from pathlib import Path

import pytest

from ATPLibrary.lab import ports

pytestmark = pytest.mark.unit


def test_each_is_another_one_and_none_is_one_that_the_kernel_gives_away() -> None:
    first_given_away = int(Path("/proc/sys/net/ipv4/ip_local_port_range").read_text().split()[0])
    found = [ports.free_port() for _ in range(20)]
    assert len(set(found)) == 20
    assert max(found) < first_given_away


def test_one_that_somebody_listens_on_is_passed_over(monkeypatch: pytest.MonkeyPatch) -> None:
    taken = ports.free_port()
    with socket.create_server(("127.0.0.1", taken)):
        monkeypatch.setattr(ports, "_numbers", itertools.count(taken - 10_000))
        assert ports.free_port() == taken + 1
