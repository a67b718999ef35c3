"""What a configuration holds: each setting's shape, default and bounds."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field, PlainSerializer, PlainValidator, model_validator

from ATPLibrary.config.names import listed, member
from ATPLibrary.errors import ConfigError
from ATPLibrary.secrets import MASK, Secret, as_secret


def _secret(value: object) -> Secret:
    try:
        return as_secret(value)
    except TypeError:
        raise ValueError("Input should be text: put it in quotes") from None


SecretText = Annotated[Secret, PlainValidator(_secret), PlainSerializer(lambda secret: MASK)]
Seconds = Annotated[float, Field(gt=0, le=86_400)]


class _Settings(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid", arbitrary_types_allowed=True)


class HostSettings(_Settings):
    """One hypervisor: its libvirt URI, and the `ip` by which the platform knows it.

    `username` and `password` answer a libvirt that asks for them (SASL). A `drained` host takes no new work.
    """

    name: str = ""
    uri: str = Field(min_length=1)
    ip: str | None = None
    tags: tuple[str, ...] = ()
    username: str = ""
    password: SecretText | None = None
    drained: bool = False


class PlatformSettings(_Settings):
    """One VDI platform. `ca_file` is a PEM file that its certificate is checked against, beside the system's own.

    `api_document` is the vendor's OpenAPI or Swagger document (JSON): each call is held against it, and what differs is told.
    """

    name: str = ""
    url: str = Field(pattern=r"^https?://")
    username: str = ""
    password: SecretText | None = None
    verify_tls: bool = True
    ca_file: Path | None = None
    api_document: Path | None = None


class AgentSettings(_Settings):
    """How the guest agent is reached. `token` is needed only where the domain XML doesn't carry it.

    `via` serial: the host opens the agent's virtio-serial port (where the VM has none: as service); service: the agent dials in.
    """

    channel: str = "com.vmagent.sock"
    token: SecretText | None = None
    via: Literal["serial", "service"] = "serial"


class ServiceSettings(_Settings):
    """Where the verification service listens for agents. A port of None is none, 0 is any free one.

    `certificate` and `key` (PEM files) make both ports TLS. At most `agents` are let in, and `strangers` are waited for at a time,
    each `hello_timeout` seconds, until it has said who it is.
    """

    host: str = Field(default="127.0.0.1", min_length=1)
    websocket_port: int | None = Field(default=8765, ge=0, le=65535)
    tcp_port: int | None = Field(default=8766, ge=0, le=65535)
    unix_socket: Path | None = None
    certificate: Path | None = None
    key: Path | None = None
    agents: int = Field(default=2000, ge=1, le=100_000)
    strangers: int = Field(default=256, ge=1, le=10_000)
    hello_timeout: Seconds = 10.0

    @model_validator(mode="after")
    def _listens_and_has_both_files(self) -> ServiceSettings:
        if (self.certificate is None) != (self.key is None):
            raise ValueError("certificate and key go together: give both, or neither")
        if self.websocket_port is None and self.tcp_port is None and self.unix_socket is None:
            raise ValueError("give a websocket_port, a tcp_port or a unix_socket: it would listen nowhere")
        return self


class TypingSettings(_Settings):
    """The guest's keyboard layout by its XKB name, and how it takes what that has no key for.

    `compose` is the key that is Compose in the guest, by QEMU's name ("menu", "alt_r"); `unicode_entry` how it takes a character's
    number. Without them such text is refused.
    """

    layout: str = "us"
    compose: str | None = None
    unicode_entry: Literal["ctrl+shift+u", "alt+numpad"] | None = None


class SpiceSettings(_Settings):
    """`ticket` is the password of every VM's SPICE server; without it the one that libvirt keeps is used.

    With `ca_file` (PEM) TLS is spoken and the server's certificate checked against it; `subject` ("O=Site,CN=node-1") is what the
    certificate must say then, in place of the host name. `user` is for servers that use SASL; its password is the ticket.
    """

    ticket: SecretText | None = None
    user: str = ""
    ca_file: Path | None = None
    subject: str = ""


class Timeouts(_Settings):
    """Seconds, where a keyword names none."""

    connect: Seconds = 30.0
    command: Seconds = 10.0
    agent: Seconds = 60.0
    boot: Seconds = 180.0
    platform: Seconds = 60.0


class ReconnectSettings(_Settings):
    """How a lost host is tried again: after `initial_delay`, then each time `backoff_multiplier` later, at most `max_delay`.

    After `max_attempts` failures in a row the circuit breaker opens: calls fail at once, one trial each `max_delay` seconds.
    """

    max_attempts: int = Field(default=5, ge=1)
    initial_delay: Seconds = 1.0
    max_delay: Seconds = 60.0
    backoff_multiplier: float = Field(default=2.0, ge=1, le=10)


class PoolSettings(_Settings):
    """The connections to one host, in seconds where they are times. `heartbeat_timeout` is how long a ping's answer may take."""

    max_connections_per_host: int = Field(default=10, ge=1, le=100)
    min_connections_per_host: int = Field(default=1, ge=1, le=100)
    idle_timeout: Seconds = 300.0
    connect_timeout: Seconds = 30.0
    selection_strategy: Literal["round_robin", "least_connections", "random"] = "round_robin"
    heartbeat_interval: Seconds = 10.0
    heartbeat_timeout: Seconds = 10.0
    reconnect: ReconnectSettings = ReconnectSettings()

    @model_validator(mode="after")
    def _minimum_fits(self) -> PoolSettings:
        if self.min_connections_per_host > self.max_connections_per_host:
            raise ValueError(
                f"min_connections_per_host ({self.min_connections_per_host}) should be at most "
                f"max_connections_per_host ({self.max_connections_per_host})"
            )
        return self


class Config(_Settings):
    hosts: dict[str, HostSettings] = {}
    platforms: dict[str, PlatformSettings] = {}
    platform: str | None = None
    qmp: Literal["auto", "libvirt", "direct"] = "auto"
    agent: AgentSettings = AgentSettings()
    service: ServiceSettings = ServiceSettings()
    typing: TypingSettings = TypingSettings()
    spice: SpiceSettings = SpiceSettings()
    timeouts: Timeouts = Timeouts()
    pool: PoolSettings = PoolSettings()
    origin: str = Field(default="", exclude=True)  # where it was read from, as errors say it

    @model_validator(mode="before")
    @classmethod
    def _names(cls, values: Any) -> Any:
        """Give each host and platform the name that it stands under."""
        if isinstance(values, dict):
            for group in ("hosts", "platforms"):
                members = values.get(group)
                if isinstance(members, dict):
                    named = {k: {**v, "name": str(k)} if isinstance(v, dict) else v for k, v in members.items()}
                    values = {**values, group: named}
        return values

    @model_validator(mode="after")
    def _platform_exists(self) -> Config:
        if self.platform is not None and self.platform not in self.platforms:
            raise ValueError(f"platform: {self.platform!r} is not one of platforms ({listed(self.platforms)})")
        return self

    def require_hosts(self) -> None:
        """`ConfigError` when there is no host at all: nothing can be said of any VM then."""
        if not self.hosts:
            raise ConfigError.about(
                "A host",
                wanted=f"be in {self.origin}",
                got="there is none",
                next_step="Add it under 'hosts:', or start the lab with 'atp lab up'",
            )

    def host_settings(self, name: str) -> HostSettings:
        """The host of that name; `ConfigError` names the ones there are."""
        return member(self.hosts, name, "host", self.origin)

    def platform_settings(self, name: str | None = None) -> PlatformSettings:
        """The platform of that name, else the one that `platform:` names, else the only one."""
        if name is None:
            name = self.platform or (next(iter(self.platforms)) if len(self.platforms) == 1 else None)
        if name is None:
            got = f"there are {len(self.platforms)} ({listed(self.platforms)})" if self.platforms else "there is none"
            raise ConfigError.about(
                "A platform",
                wanted=f"be named, or be the only one in {self.origin}",
                got=got,
                next_step="Add it under 'platforms:', say which with 'platform:', or start the lab with 'atp lab up'",
            )
        return member(self.platforms, name, "platform", self.origin)
