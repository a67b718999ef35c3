"""Things that are chosen by name and may come from anyone: protocols, and codecs of virtio-serial channels.

A name stands for a factory. It comes from ATPLibrary itself, from an installed package that declares an entry point, or from
`register` at run time, which goes before the others:

    [project.entry-points."atp.protocols"]
    echo = "our_package.echo:EchoProtocol"

Entry points are looked for each time, not once: a package that appears on `sys.path`, or leaves it, is seen.
"""

from __future__ import annotations

import importlib
import inspect
import sys
import threading
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from difflib import get_close_matches
from importlib.metadata import EntryPoint, entry_points
from typing import Any, Generic, TypeVar

from ATPLibrary.errors import ATPError, ConfigError
from ATPLibrary.protocol.interface import Protocol

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Registered:
    """A name that can be used: what it stands for ("package.module:Name") and where it comes from."""

    name: str
    target: str
    origin: str


class Registry(Generic[T]):
    """Factories of one `kind` ("protocol") by name. May be used from any thread.

    `base` is what a factory must make; `group` the entry points' group; `built_in` is "module:Name" by name, imported at first use.
    """

    def __init__(self, kind: str, base: type[T], group: str, built_in: Mapping[str, str]) -> None:
        self.kind = kind
        self.group = group
        self._base = base
        self._built_in = dict(built_in)
        self._lock = threading.Lock()
        self._registered: dict[str, Callable[..., T]] = {}

    def register(self, name: str, factory: Callable[..., T], *, replace: bool = False) -> None:
        """Let `name` stand for `factory`, which is called with the options that a user gives and returns a new object.

        `ConfigError` for a class of another kind, and when the name is taken, unless `replace`: then the name means the new one
        until `unregister`.
        """
        if not name or name != name.strip():
            raise ConfigError.about(f"The {self.kind} name {name!r}", wanted="be a word", got="is not")
        if not callable(factory):
            raise ConfigError.about(
                self._subject(name), wanted="be a class or a function that makes one", got=f"is {factory!r}"
            )
        if isinstance(factory, type) and not issubclass(factory, self._base):
            raise ConfigError.about(
                self._subject(name), wanted=f"be a {self._base.__module__}.{self._base.__name__}",
                got=f"{_target(factory)} is not derived from it",
                next_step=f"Derive the class from {self._base.__name__}",
            )  # fmt: skip
        taken = self.names().get(name)
        if taken is not None and not replace:
            raise ConfigError.about(
                self._subject(name), wanted="be free to register", got=f"is taken by {taken.target} ({taken.origin})",
                next_step="Use another name, or replace=True",
            )  # fmt: skip
        with self._lock:
            self._registered[name] = factory

    def register_target(self, name: str, target: str, *, replace: bool = False) -> None:
        """Like `register`, with the factory written as "package.module:Name"; it is imported now."""
        self.register(name, self._imported(name, target), replace=replace)

    def unregister(self, name: str) -> None:
        """Forget what `register` was told, so that the name means what it meant before; unload what an entry point has loaded.

        An entry point's module is dropped, so that its next use runs the code as it is then; the name itself stays as long as its
        package is installed. `ConfigError` for a name that ATPLibrary itself provides, and for one that nobody knows.
        """
        with self._lock:
            if self._registered.pop(name, None) is not None:
                return
        points = self._entry_points(name)
        if not points:
            known = self._known(name)
            raise ConfigError.about(
                self._subject(name), wanted="be one that was registered or installed",
                got=f"is {known.origin}", next_step="It can be replaced: register yours with replace=True",
            )  # fmt: skip
        for point in points:
            for module in [each for each in sys.modules if each == point.module or each.startswith(f"{point.module}.")]:
                del sys.modules[module]

    def names(self) -> dict[str, Registered]:
        """Everything that can be used now, by name, in alphabetical order."""
        found = {name: Registered(name, target, "built in") for name, target in self._built_in.items()}
        for point in entry_points(group=self.group):
            found.setdefault(point.name, Registered(point.name, point.value, _origin(point)))
        with self._lock:
            for name, factory in self._registered.items():
                found[name] = Registered(name, _target(factory), "registered in this run")
        return dict(sorted(found.items()))

    def create(self, name: str, **options: Any) -> T:
        """A new object of that name. `ConfigError` when nobody knows the name, it can't be loaded, or doesn't take the options."""
        factory = self.factory(name)
        parameters = _parameters(factory)
        try:
            if parameters is not None:
                parameters.bind(**options)
        except TypeError as error:
            raise ConfigError.about(
                self._subject(name), wanted=f"take the options {_listed(options)}", got=f"does not: {error}",
                next_step=f"Its options: {_listed(parameters.parameters)}" if parameters else "",
            ) from error  # fmt: skip
        try:
            made = factory(**options)
        except ATPError:
            raise
        except Exception as error:  # a plug-in may raise anything, and nothing is awaited here
            raise ConfigError.about(
                self._subject(name), wanted="be made", got=f"{_target(factory)} failed: {type(error).__name__}: {error}"
            ) from error
        if not isinstance(made, self._base):
            raise ConfigError.about(
                self._subject(name), wanted=f"make a {self._base.__module__}.{self._base.__name__}",
                got=f"{_target(factory)} made a {type(made).__name__}",
                next_step=f"Derive its class from {self._base.__name__}",
            )  # fmt: skip
        return made

    def factory(self, name: str) -> Callable[..., T]:
        """What `name` stands for, imported if it wasn't."""
        with self._lock:
            if name in self._registered:
                return self._registered[name]
        points = self._entry_points(name)
        if len(points) + (name in self._built_in) > 1:
            rivals = [f"{point.value} ({_origin(point)})" for point in points]
            rivals += [f"{self._built_in[name]} (built in)"] if name in self._built_in else []
            raise ConfigError.about(
                self._subject(name), wanted="mean one thing", got=f"is {' and '.join(rivals)}",
                next_step="Uninstall one, or register the one that is meant with replace=True",
            )  # fmt: skip
        if points:
            return self._imported(name, points[0].value)
        return self._imported(name, self._known(name).target)

    def _imported(self, name: str, target: str) -> Callable[..., T]:
        module, _, path = target.partition(":")
        subject = self._subject(name)
        if not module or not path:
            raise ConfigError.about(subject, wanted="be written as package.module:Name", got=f"is {target!r}")
        importlib.invalidate_caches()  # its directory may be new
        try:
            found: Any = importlib.import_module(module)
            for attribute in path.split("."):
                found = getattr(found, attribute)
        except Exception as error:  # a plug-in may raise anything, and nothing is awaited here
            raise ConfigError.about(
                subject, wanted=f"be loaded from {target}", got=f"failed: {type(error).__name__}: {error}",
                next_step="Check that its package is installed, or on the PYTHONPATH",
            ) from error  # fmt: skip
        if not callable(found):
            raise ConfigError.about(
                subject, wanted="be a class or a function that makes one", got=f"{target} is {found!r}"
            )
        factory: Callable[..., T] = found
        return factory

    def _entry_points(self, name: str) -> list[EntryPoint]:
        return list(entry_points(group=self.group, name=name))

    def _known(self, name: str) -> Registered:
        known = self.names()
        if name in known:
            return known[name]
        near = get_close_matches(name, known, n=3, cutoff=0.5)
        raise ConfigError.about(
            self._subject(name), wanted="be known", got="is not",
            next_step=f"Did you mean {' or '.join(map(repr, near))}?" if near else f"There are: {_listed(known)}",
        )  # fmt: skip

    def _subject(self, name: str) -> str:
        return f"{self.kind.capitalize()} '{name}'"


def _origin(point: EntryPoint) -> str:
    return f"package {point.dist.name} {point.dist.version}" if point.dist is not None else "an installed package"


def _target(factory: Callable[..., Any]) -> str:
    name = getattr(factory, "__qualname__", type(factory).__qualname__)
    return f"{getattr(factory, '__module__', '?')}:{name}"


def _parameters(factory: Callable[..., Any]) -> inspect.Signature | None:
    try:
        return inspect.signature(factory)
    except (TypeError, ValueError):  # a class written in C doesn't tell
        return None


def _listed(names: Any) -> str:
    return ", ".join(sorted(names)) or "none"


PROTOCOLS: Registry[Protocol] = Registry(
    "protocol",
    Protocol,  # type: ignore[type-abstract]
    "atp.protocols",
    {
        "qmp": "ATPLibrary.protocol.commands:QmpProtocol",
        "qga": "ATPLibrary.protocol.commands:QgaProtocol",
        "virtio-serial": "ATPLibrary.protocol.virtio_serial.protocol:VirtioSerialProtocol",
    },
)
