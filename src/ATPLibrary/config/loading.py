"""Finding a configuration's file, reading it, and laying the environment over it."""

from __future__ import annotations

import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from pydantic import ValidationError

from ATPLibrary.config.mistakes import explained
from ATPLibrary.config.settings import Config
from ATPLibrary.errors import ConfigError

ENVIRONMENT_PREFIX = "ATP__"


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
        raise ConfigError(explained(error, origin)) from None


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
