"""What every `atp vdi` command does: options, configuration, password, login, and running it under its deadline."""

from __future__ import annotations

import functools
import sys
from collections.abc import Callable, Coroutine
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

import click

if TYPE_CHECKING:
    from ATPLibrary.config import Config, PlatformSettings
    from ATPLibrary.orchestrator import Workspace
    from ATPLibrary.vdi import VdiClient

T = TypeVar("T")
Question = Callable[["Workspace", "VdiClient", float], Coroutine[Any, Any, T]]

# What is still open when the answer is there may take so long to close.
CLOSE_SECONDS = 3.0

_OPTIONS = (
    click.option("--json", "as_json", is_flag=True, help="Print JSON, for programs."),
    click.option(
        "--timeout",
        type=click.FloatRange(min=0, min_open=True),
        metavar="SECONDS",
        help="How long all of it may take; timeouts.platform of the configuration (60) when not given.",
    ),
    click.option(
        "--config",
        "config_file",
        type=click.Path(dir_okay=False, path_type=Path),
        metavar="FILE",
        help="The configuration; $ATP_CONFIG, ./atp.yaml or the running lab's when not given.",
    ),
    click.option(
        "--platform", metavar="NAME", help="Which platform of the configuration; not needed where there is one."
    ),
)


def common_options(command: Callable[..., Any]) -> Callable[..., Any]:
    """The options of every command, which come to it as one `Asked`."""

    @functools.wraps(command)
    def with_asked(
        *args: Any, as_json: bool, timeout: float | None, config_file: Path | None, platform: str | None, **more: Any
    ) -> Any:
        return command(Asked(as_json, timeout, config_file, platform), *args, **more)

    wrapped: Callable[..., Any] = with_asked
    for option in _OPTIONS:
        wrapped = option(wrapped)
    return wrapped


class Asked:
    """What the common options say, and the answer of a question to the platform that they mean."""

    def __init__(self, as_json: bool, timeout: float | None, config_file: Path | None, platform: str | None) -> None:
        self.as_json = as_json
        self._timeout = timeout
        self.config_file = config_file
        self._platform = platform

    def ask(self, what: str, question: Question[T]) -> T:
        """The answer of `question(workspace, client, seconds)`, logged in before it and out after it.

        `what` begins the deadline's sentence. Raises what the question raises, `ConfigError`, `PlatformError`, `DeadlineError`.
        """
        from ATPLibrary import config, runtime
        from ATPLibrary.orchestrator import Workspace

        loaded = config.load(self.config_file)
        settings = _with_password(loaded, self._platform)
        seconds = self._timeout or loaded.timeouts.platform

        async def answer() -> T:
            from ATPLibrary.transport.remaining import remaining
            from ATPLibrary.vdi import VdiClient

            left = remaining(seconds)
            workspace = Workspace(loaded)
            client = VdiClient(settings, timeout=seconds)
            try:
                async with runtime.deadline(seconds, what):
                    await client.login(left())
                    found = await question(workspace, client, left())
                    await client.logout(left())
                    return found
            finally:
                await client.close()
                await workspace.close(CLOSE_SECONDS)

        return runtime.wait(answer(), seconds + CLOSE_SECONDS + 1.0, what)


def _with_password(config: Config, platform: str | None) -> PlatformSettings:
    """The platform's settings; a password that they lack is asked for where somebody is there to type it."""
    from ATPLibrary.errors import ConfigError
    from ATPLibrary.secrets import Secret

    settings = config.platform_settings(platform)
    if settings.password is not None:
        return settings
    if not sys.stdin.isatty():
        variable = f"ATP__PLATFORMS__{settings.name.upper().replace('-', '_')}__PASSWORD"
        raise ConfigError.about(
            f"Platform '{settings.name}'",
            wanted="have a password",
            got=f"has none in {config.origin}, and nobody is there to type it",
            next_step=f"Set {variable} in the environment",
        )
    typed = click.prompt(f"Password of '{settings.username}' on platform '{settings.name}'", hide_input=True, err=True)
    return settings.model_copy(update={"password": Secret(typed)})
