"""The command line's root: quick help, one sentence for an expected error, the exit code that says its kind."""

from __future__ import annotations

import subprocess
import sys

import click
import pytest

from ATPLibrary.cli.root import COMMANDS, LazyGroup, atp, main
from ATPLibrary.errors import ATPError, ConfigError, DeadlineError, LabError
from ATPLibrary.secrets import Secret

pytestmark = pytest.mark.unit


def run(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], error: BaseException | int
) -> tuple[int, str]:
    """The exit code and stderr of a command that ends with `error`, or by `Context.exit(error)`."""

    @click.command()
    @click.pass_context
    def command(context: click.Context) -> None:
        if isinstance(error, int):
            context.exit(error)
        raise error

    monkeypatch.setattr(LazyGroup, "get_command", lambda *_: command)
    with pytest.raises(SystemExit) as ended:
        main(["command"])
    assert isinstance(ended.value.code, int)
    return ended.value.code, capsys.readouterr().err


@pytest.mark.parametrize(
    ("error", "code"),
    [
        (ConfigError("The file is wrong."), 2),
        (LabError("The lab is broken."), 3),
        (DeadlineError("It took too long."), 4),
    ],
)
def test_an_expected_error_is_one_sentence_and_an_exit_code(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], error: ATPError, code: int
) -> None:
    assert run(monkeypatch, capsys, error) == (code, f"Error: {error}\n")


def test_a_secret_in_an_error_isnt_printed(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    secret = Secret("hunter22")
    code, text = run(monkeypatch, capsys, LabError(f"It said: {secret.reveal()}"))
    assert (code, "hunter22" in text) == (3, False)


def test_an_interrupt_is_130(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    assert run(monkeypatch, capsys, KeyboardInterrupt()) == (130, "\nInterrupted.\n")


def test_a_commands_own_exit_code_is_passed_on(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run(monkeypatch, capsys, 7) == (7, "")


def test_wrong_usage_is_2_and_names_the_command(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as ended:
        main(["labb"])
    assert ended.value.code == 2
    assert "No such command 'labb'" in capsys.readouterr().err


@pytest.mark.parametrize("name", sorted(COMMANDS))
def test_the_summary_in_the_list_is_the_commands_own(name: str) -> None:
    command = atp.get_command(click.Context(atp), name)
    assert command is not None
    assert (command.help or "").split("\n")[0] == COMMANDS[name][1]


def test_help_loads_no_subcommand_and_nothing_heavy() -> None:
    program = """
import sys
from ATPLibrary.cli import main
try:
    main(["--help"])
except SystemExit:
    heavy = {"robot", "libvirt", "pydantic", "httpx", "fastapi", "yaml", "ATPLibrary.cli.lab", "ATPLibrary.lab"}
    print("LOADED", sorted(heavy & set(sys.modules)))
"""
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, timeout=60, check=True)
    assert "atp lab up" in done.stdout
    assert done.stdout.endswith("LOADED []\n")
