"""Configuration: one YAML file, overridden from the environment, checked whole before anything is done.

`load()` looks at an explicit path, `$ATP_CONFIG`, `./atp.yaml` and the running lab's `config.yaml`, in this order, and takes
the first. `ATP__PLATFORMS__LAB__PASSWORD=...` overrides `platforms: {lab: {password: ...}}`; names match without regard to case,
and `_` also stands for `-`.
"""

from __future__ import annotations

import difflib
import os
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Annotated, Any, Literal, TypeVar

from pydantic import BaseModel, ConfigDict, Field, PlainSerializer, PlainValidator, ValidationError, model_validator

from ATPLibrary.errors import ConfigError
from ATPLibrary.secrets import MASK, Secret, as_secret

ENVIRONMENT_PREFIX = "ATP__"


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
            raise ValueError(f"platform: {self.platform!r} is not one of platforms ({_listed(self.platforms)})")
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
        return _member(self.hosts, name, "host", self.origin)

    def platform_settings(self, name: str | None = None) -> PlatformSettings:
        """The platform of that name, else the one that `platform:` names, else the only one."""
        if name is None:
            name = self.platform or (next(iter(self.platforms)) if len(self.platforms) == 1 else None)
        if name is None:
            got = f"there are {len(self.platforms)} ({_listed(self.platforms)})" if self.platforms else "there is none"
            raise ConfigError.about(
                "A platform",
                wanted=f"be named, or be the only one in {self.origin}",
                got=got,
                next_step="Add it under 'platforms:', say which with 'platform:', or start the lab with 'atp lab up'",
            )
        return _member(self.platforms, name, "platform", self.origin)


def lab_directory(environ: Mapping[str, str] = os.environ) -> Path:
    """Where the lab of this user lives: `$ATP_LAB_DIR`, else `$XDG_CACHE_HOME/atp/lab`, else `~/.cache/atp/lab`."""
    if explicit := environ.get("ATP_LAB_DIR"):
        return Path(explicit).expanduser().absolute()
    cache = environ.get("XDG_CACHE_HOME")
    return (Path(cache) if cache else Path("~/.cache").expanduser()) / "atp" / "lab"


def load(
    path: str | os.PathLike[str] | None = None, environ: Mapping[str, str] = os.environ, *, may_be_empty: bool = True
) -> Config:
    """Read the configuration. `ConfigError` says which file, which entry, and what it should be; it never quotes a value.

    A file without a word is refused unless it `may_be_empty`: while a run goes on it would take every host away.
    """
    source, origin = _find(path, environ)
    values = _read(source, may_be_empty) if source is not None else {}
    _override(values, environ)
    try:
        return Config.model_validate({**values, "origin": origin})
    except ValidationError as error:
        raise ConfigError(_explain(error, origin)) from None


def file(path: str | os.PathLike[str] | None = None, environ: Mapping[str, str] = os.environ) -> Path | None:
    """The file that `load()` would read; None where there is none."""
    return _find(path, environ)[0]


def _find(path: str | os.PathLike[str] | None, environ: Mapping[str, str]) -> tuple[Path | None, str]:
    if path is not None:
        return Path(path), str(path)
    if named := environ.get("ATP_CONFIG"):
        return Path(named), f"{named} ($ATP_CONFIG)"
    candidates = [Path("atp.yaml"), lab_directory(environ) / "config.yaml"]
    for candidate in candidates:
        if candidate.is_file():
            return candidate, str(candidate)
    return None, f"the configuration (no file: looked for {' and '.join(map(str, candidates))})"


def _read(file: Path, may_be_empty: bool) -> dict[str, Any]:
    import yaml

    try:
        text = file.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        if isinstance(error, OSError):
            reason, step = error.strerror, "Check the path"
        else:
            reason = "it is not UTF-8 text"
            step = "Save it as UTF-8, or check that the path names the right file"
        raise ConfigError.about(
            f"Configuration file '{file}'",
            wanted="be readable",
            got=f"is not: {reason}",
            next_step=step,
        ) from None
    try:
        values = yaml.safe_load(text)
    except yaml.YAMLError as error:
        mark = getattr(error, "problem_mark", None)
        where = f" at line {mark.line + 1}, column {mark.column + 1}" if mark else ""
        raise ConfigError.about(
            f"Configuration file '{file}'",
            wanted="be YAML",
            got=f"is not{where}: {getattr(error, 'problem', None) or 'it can not be parsed'}",
            next_step="Correct that line; docs/configuration.md shows a whole file",
        ) from None
    except (ValueError, OverflowError, RecursionError) as error:
        # What PyYAML lets through: a date with a 13th month, brackets in brackets by the thousand.
        is_deep = isinstance(error, RecursionError)
        raise ConfigError.about(
            f"Configuration file '{file}'",
            wanted="be YAML",
            got=f"is not: {'it is nested too deeply' if is_deep else 'a number or date in it is none'}",
            next_step="Correct it; docs/configuration.md shows a whole file",
        ) from None
    if values is None:
        if not may_be_empty:
            raise ConfigError.about(
                f"Configuration file '{file}'",
                wanted="name the hosts",
                got="is empty, which would take every host away",
                next_step="Write them into it, or '{}' where there is to be none",
            )
        return {}
    if not isinstance(values, dict):
        raise ConfigError.about(
            f"Configuration file '{file}'",
            wanted="hold names and values (hosts:, platforms:, ...)",
            got=f"is a {type(values).__name__}",
            next_step="docs/configuration.md shows a whole file",
        )
    return values


def _override(values: dict[str, Any], environ: Mapping[str, str]) -> None:
    for variable, text in environ.items():
        if not variable.upper().startswith(ENVIRONMENT_PREFIX):
            continue
        *parents, last = variable[len(ENVIRONMENT_PREFIX) :].split("__")
        level = values
        for parent in parents:
            key = _same_name(level, parent)
            if not isinstance(level.get(key), dict):
                level[key] = {}
            level = level[key]
        level[_same_name(level, last)] = _value(text)


def _same_name(level: Mapping[str, Any], name: str) -> str:
    def plain(text: str) -> str:
        return text.lower().replace("-", "_")

    return next((key for key in level if plain(str(key)) == plain(name)), name.lower())


def _value(text: str) -> Any:
    """Text stays text (pydantic makes numbers and truth values of it); a list or mapping is written in YAML's flow style."""
    if text[:1] in "[{" and text:
        import yaml

        try:
            return yaml.safe_load(text)
        except (yaml.YAMLError, ValueError, OverflowError, RecursionError):
            return text  # an honest type error will name the entry
    return text


# What pydantic says of values in words of its own, by its name for the problem.
_IN_WORDS = {
    "missing": "is missing",
    "tuple_type": "should be a list, such as [one, two]",
    "string_type": "should be text: put it in quotes",
    "dict_type": "should hold names and values",
    "model_type": "should hold names and values",
}


def _explain(error: ValidationError, origin: str) -> str:
    sentences = []
    for problem in error.errors(include_input=False, include_url=False):
        where = ".".join(str(part) for part in problem["loc"])
        message = problem["msg"].removeprefix("Value error, ")
        if problem["type"] == "extra_forbidden":
            known = _known_names(problem["loc"][:-1])
            near = difflib.get_close_matches(str(problem["loc"][-1]), known, n=1)
            message = f"there is no such setting{f'; did you mean {near[0]!r}?' if near else f' (there are {_listed(known)})'}"
        message = _IN_WORDS.get(problem["type"], message)
        sentences.append(f"{where}: {message}" if where else message)
    return f"{origin} is wrong: {'; '.join(sentences)}. docs/configuration.md explains each setting."


def _known_names(path: tuple[int | str, ...]) -> list[str]:
    model: type[BaseModel] = Config
    groups: dict[str, type[BaseModel]] = {
        "hosts": HostSettings,
        "platforms": PlatformSettings,
        "agent": AgentSettings,
        "service": ServiceSettings,
        "typing": TypingSettings,
        "spice": SpiceSettings,
        "timeouts": Timeouts,
        "pool": PoolSettings,
    }
    if path:
        model = groups.get(str(path[0]), Config)
    if path == ("pool", "reconnect"):
        model = ReconnectSettings
    return [name for name in model.model_fields if name not in ("origin", "name")]


_M = TypeVar("_M")


def _member(members: Mapping[str, _M], name: str, kind: str, origin: str) -> _M:
    if name in members:
        return members[name]
    near = difflib.get_close_matches(name, members, n=1)
    raise ConfigError.about(
        f"{kind.capitalize()} '{name}'",
        wanted=f"be in {origin}",
        got=f"the {kind}s there are: {_listed(members)}" if members else f"there is no {kind} at all",
        next_step=f"Did you mean '{near[0]}'?"
        if near
        else f"Add it under '{kind}s:', or start the lab with 'atp lab up'",
    )


def _listed(names: Iterable[str]) -> str:
    return ", ".join(sorted(map(str, names))) or "none"
