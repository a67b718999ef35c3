"""The guest agent's one file, agent.pyz: built from its source, which is in a wheel and in a checkout alike.

It is built without byte code, so that one version is one sequence of bytes whatever Python built it: a guest that has those
bytes has that agent.
"""

from __future__ import annotations

import hashlib
import importlib.util
import io
import re
import zipfile
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from types import ModuleType

from ATPLibrary.errors import ConfigError, InputError

_INIT = "atp_guest_agent/__init__.py"
_VERSION = re.compile(r"""^__version__ = ["']([^"']+)["']""", re.MULTILINE)


@dataclass(frozen=True)
class AgentPackage:
    """An agent.pyz: its bytes, and the version that it says it has."""

    content: bytes
    version: str

    @cached_property
    def sha256(self) -> str:
        return hashlib.sha256(self.content).hexdigest()


def project() -> Path | None:
    """The agent's project (`build.py`, `src/atp_guest_agent`): in a wheel beside this file, in a checkout at its root."""
    here = Path(__file__).resolve().parent
    for candidate in (here / "guest_agent", here.parents[1] / "guest_agent"):
        if (candidate / "build.py").is_file():
            return candidate
    return None


def source() -> Path | None:
    """The agent's package directory."""
    found = project()
    return found / "src" / "atp_guest_agent" if found is not None else None


def build(package: Path | None = None) -> AgentPackage:
    """The agent that belongs to this ATPLibrary, or the one in the package directory `package`."""
    content = _builder().pyz(*([] if package is None else [package]), byte_code=False)
    return AgentPackage(content, _version_of(content, "The guest agent of this ATPLibrary"))


def read(path: Path) -> AgentPackage:
    """An agent.pyz of the tester's own. `InputError` when it is none."""
    try:
        content = path.read_bytes()
    except OSError as error:
        raise InputError(f"The agent's file '{path}' can't be read: {error.strerror}.") from error
    return AgentPackage(content, _version_of(content, f"The agent's file '{path}'"))


def version_order(version: str) -> tuple[int, ...]:
    """What versions are compared by: "0.10.1" is after "0.9"."""
    return tuple(int(number) for number in re.findall(r"\d+", version))


def _version_of(content: bytes, subject: str) -> str:
    try:
        with zipfile.ZipFile(io.BytesIO(content)) as archive:
            found = _VERSION.search(archive.read(_INIT).decode())
    except (zipfile.BadZipFile, KeyError, UnicodeDecodeError):
        found = None
    if found is None:
        raise InputError.about(
            subject, wanted="be an agent.pyz with a version", got="is none",
            next_step="'atp agent build agent.pyz' writes one",
        )  # fmt: skip
    return found[1]


def _builder() -> ModuleType:
    """The agent's own build.py. It belongs to a project that isn't a package of this one, so it is loaded from its file."""
    found = project()
    if found is None:
        raise ConfigError.about(
            "The guest agent's source", wanted="be in this installation of ATPLibrary", got="isn't",
            next_step="Install robotframework-atp from its wheel, or use a whole checkout",
        )  # fmt: skip
    spec = importlib.util.spec_from_file_location("atp_guest_agent_build", found / "build.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module
