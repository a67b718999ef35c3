"""How commands are started in a guest: by the rules that Microsoft documents for Windows, and by POSIX's."""

from __future__ import annotations

import base64
import subprocess

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ATPLibrary.errors import InputError
from ATPLibrary.protocol.qga.command_lines import launch, powershell_text, windows_command_line

pytestmark = pytest.mark.unit


def taken_apart(line: str) -> list[str]:
    """What a Windows program's argv is, as "Parsing C Command-Line Arguments" says it of all arguments but the program's name:

    white space parts them unless quoted; 2n backslashes and a quote are n backslashes and the quote's effect, 2n+1 are n and
    a quote itself; other backslashes are themselves; inside quotes, two quotes are one.
    """
    arguments: list[str] = []
    current: str | None = None
    quoted = False
    position = 0
    while position < len(line):
        character = line[position]
        if character in " \t" and not quoted:
            if current is not None:
                arguments.append(current)
            current = None
            position += 1
            continue
        current = current or ""
        backslashes = 0
        while position < len(line) and line[position] == "\\":
            backslashes += 1
            position += 1
        if position < len(line) and line[position] == '"':
            current += "\\" * (backslashes // 2)
            if backslashes % 2:
                current += '"'
            elif quoted and line[position + 1 : position + 2] == '"':
                current += '"'
                position += 1
            else:
                quoted = not quoted
            position += 1
        elif backslashes:
            current += "\\" * backslashes
        else:
            current += character
            position += 1
    return arguments if current is None else [*arguments, current]


@pytest.mark.parametrize(
    ("line", "arguments"),
    [  # the table of the document itself
        ('"a b c" d e', ["a b c", "d", "e"]),
        (r'"ab\"c" "\\" d', ['ab"c', "\\", "d"]),
        (r'a\\\b d"e f"g h', [r"a\\\b", "de fg", "h"]),
        (r"a\\\"b c d", [r"a\"b", "c", "d"]),
        (r'a\\\\"b c" d e', [r"a\\b c", "d", "e"]),
        ('a"b"" c d', ['ab" c d']),
    ],
)
def test_the_test_s_own_reader_reads_as_microsoft_documents(line: str, arguments: list[str]) -> None:
    assert taken_apart(line) == arguments


ARGUMENT = st.text(alphabet=st.one_of(st.sampled_from('"\\ \ta'), st.characters(exclude_characters="\0")), max_size=12)


@given(st.lists(ARGUMENT, max_size=6))
def test_a_windows_program_gets_just_the_arguments_that_were_given(arguments: list[str]) -> None:
    assert taken_apart(windows_command_line(arguments)) == arguments


@given(st.lists(ARGUMENT, max_size=6))
def test_it_agrees_with_python_s_own_quoting_for_windows_wherever_that_is_right(arguments: list[str]) -> None:
    assert taken_apart(subprocess.list2cmdline(arguments)) == taken_apart(windows_command_line(arguments))


def script_of(words: tuple[str, ...]) -> str:
    assert words[-2] == "-EncodedCommand"
    return base64.b64decode(words[-1]).decode("utf-16-le")


def test_a_line_for_cmd_is_one_argument_when_glib_changes_nothing_in_it() -> None:
    assert launch("dir C:\\ | find 1", "windows").arguments == ("/d", "/s", "/c", "dir C:\\ | find 1")


@pytest.mark.parametrize("line", ['dir "C:\\Program Files"', "cd C:\\"])
def test_a_line_for_cmd_that_glib_would_change_reaches_it_unchanged_by_powershell(line: str) -> None:
    how = launch(line, "windows")
    assert how.path == "powershell.exe"
    assert f"$start.Arguments = '/d /s /c \"{line}\"'" in script_of(how.arguments)


def test_a_windows_command_works_in_its_directory() -> None:
    program = script_of(launch(["tool.exe", "a b", "it's"], "windows", directory="D:\\it's").arguments)
    assert "$start.WorkingDirectory = 'D:\\it''s'" in program
    assert "$start.Arguments = '\"a b\" it''s'" in program
    assert script_of(launch("Get-Date", "windows", "powershell", "D:\\x").arguments).endswith(
        "Set-Location -LiteralPath 'D:\\x'\nGet-Date"
    )


def test_powershell_gets_a_script_that_no_quoting_can_harm() -> None:
    line = "Write-Output \"ü 'x' `$HOME` %PATH%\" | Out-Host"
    assert script_of(launch(line, "windows", "powershell").arguments).endswith(line)


@given(st.text(max_size=20))
def test_powershell_reads_a_literal_back(text: str) -> None:
    literal = powershell_text(text)
    inside, back, position = literal[1:-1], "", 0
    assert literal[0] == literal[-1] == "'"
    while position < len(inside):  # in single quotes each kind of single quote stands twice for itself
        if inside[position] in "'\u2018\u2019\u201a\u201b":
            assert inside[position + 1] == inside[position]
            position += 1
        back += inside[position]
        position += 1
    assert back == text


def test_what_windows_cannot_start_is_refused_with_a_way_out() -> None:
    for command in ("x" * 32767, ["tool.exe", "x" * 32767]):
        with pytest.raises(InputError, match=r"at most 32766: write a script into the guest"):
            launch(command, "windows")


@pytest.mark.parametrize(
    ("command", "family", "shell", "sentence"),
    [
        ("", "posix", None, "is empty"),
        ([], "posix", None, "is empty"),
        (["", "x"], "windows", None, "is empty"),
        ("a\0b", "posix", None, "zero character"),
        ("ls", "posix", "cmd", "This guest is no Windows"),
        ("ls", "windows", "sh", "This guest is a Windows"),
        (["/bin/ls"], "posix", "sh", "leave shell=sh out"),
    ],
)
def test_what_can_not_be_run_is_refused_in_words(
    command: object, family: str, shell: str | None, sentence: str
) -> None:
    with pytest.raises(InputError, match=sentence):
        launch(command, family, shell)  # type: ignore[arg-type]


def test_a_posix_program_is_started_as_it_is() -> None:
    how = launch(["/bin/ls", "-l", "a b"], "posix")
    assert (how.path, how.arguments) == ("/bin/ls", ("-l", "a b"))
