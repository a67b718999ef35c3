"""The settings of hosts and their pools are checked whole."""

from __future__ import annotations

from pathlib import Path

import pytest

from ATPLibrary.config import load
from ATPLibrary.errors import ConfigError

pytestmark = pytest.mark.unit


@pytest.fixture
def config(tmp_path: Path) -> Path:
    return tmp_path / "atp.yaml"


def test_the_defaults_are_the_documented_ones(config: Path) -> None:
    config.write_text("hosts: {a: {uri: 'qemu:///system'}}\n")
    pool = load(config, {}).pool
    assert (pool.max_connections_per_host, pool.min_connections_per_host) == (10, 1)
    assert (pool.idle_timeout, pool.connect_timeout) == (300, 30)
    assert (pool.heartbeat_interval, pool.heartbeat_timeout) == (10, 10)
    assert pool.selection_strategy == "round_robin"
    reconnect = pool.reconnect
    assert (reconnect.max_attempts, reconnect.initial_delay, reconnect.max_delay) == (5, 1, 60)
    assert reconnect.backoff_multiplier == 2


def test_a_host_s_password_is_a_secret(config: Path) -> None:
    config.write_text(
        "hosts: {a: {uri: 'qemu+tcp://h/system', username: me, password: 'very secret', drained: true}}\n"
    )
    host = load(config, {}).hosts["a"]
    assert "very secret" not in f"{host} {host!r} {host.model_dump()}"
    assert host.password is not None
    assert host.password.reveal() == "very secret"
    assert host.drained


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("pool: {min_connections_per_host: 11}", r"min_connections_per_host \(11\) should be at most"),
        ("pool: {selection_strategy: best}", "selection_strategy.*'round_robin', 'least_connections' or 'random'"),
        ("pool: {idle_timout: 3}", "did you mean 'idle_timeout'"),
        ("pool: {reconnect: {max_attempt: 3}}", "did you mean 'max_attempts'"),
        ("pool: {reconnect: {backoff_multiplier: 0.5}}", "backoff_multiplier"),
        ("pool: {max_connections_per_host: 0}", "max_connections_per_host"),
    ],
)
def test_a_mistake_is_named(config: Path, text: str, said: str) -> None:
    config.write_text(text + "\n")
    with pytest.raises(ConfigError, match=said):
        load(config, {})


def test_the_environment_overrides_a_nested_setting(config: Path) -> None:
    config.write_text("pool: {reconnect: {max_delay: 5}}\n")
    pool = load(config, {"ATP__POOL__RECONNECT__MAX_ATTEMPTS": "7", "ATP__POOL__IDLE_TIMEOUT": "9"}).pool
    assert (pool.reconnect.max_attempts, pool.reconnect.max_delay, pool.idle_timeout) == (7, 5, 9)
