"""How a command becomes a path and arguments that qemu-ga starts: on Linux and the like, and on Windows.

qemu-ga starts programs with GLib. On Windows GLib makes one command line of the arguments by the rules of Microsoft's C runtime
("Parsing C Command-Line Arguments"), which `cmd.exe` doesn't follow: a line for it that GLib would change goes through PowerShell.
"""

from __future__ import annotations

import base64
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

from ATPLibrary.errors import InputError

Family = Literal["posix", "windows"]
Shell = Literal["sh", "cmd", "powershell"]

# CreateProcess takes no longer command line (lpCommandLine), in characters with its final zero.
WINDOWS_LONGEST = 32767

# The command gets a session of its own, so that all that it starts can be found, and ended, by that session's number.
# `exec` keeps the process id that qemu-ga knows.
_RUN = 'command -v setsid >/dev/null 2>&1 && exec setsid "$@"\nexec "$@"'
_INTO_FILES = 'mkdir -m 700 -- "$1" && exec >"$1/out" 2>"$1/err" || exit 126\nshift\n'
_IN_DIRECTORY = 'cd -- "$1" || exit 126\nshift\n'
# What would be too much for one answer goes nowhere: the readers pass on the first bytes and swallow the rest, so that the command
# notices nothing. They are nobody's children, as a command may wait for all of its own. A guest that can't do this does without.
_THROUGH_PIPES = """if mkdir -m 700 -- "$1" 2>/dev/null; then
  if command -v head >/dev/null && mkfifo -m 600 "$1/out" "$1/err" 2>/dev/null; then
    ( { head -c "$2"; exec cat >/dev/null; } <"$1/out" & )
    ( { head -c "$3" >&2; exec cat >/dev/null; } <"$1/err" & )
    exec >"$1/out" 2>"$1/err"
  fi
  rm -rf -- "$1"
fi
shift 3
"""
# Once a shell starts it, only that shell knows that there is no such program: it says so with a word that nobody can guess.
_MUST_BE_THERE = """case $2 in
  */*) [ -x "$2" ] && [ ! -d "$2" ] ;;
  *) command -v "$2" >/dev/null 2>&1 ;;
esac || { echo "$1" >&2; exit 127; }
shift
"""

# Ends process $1 and all that came from it. Each is stopped first, so that none can start another one unseen.
_END = r"""kill -s STOP "$1" 2>/dev/null || exit 0
victims=" $1 " more=1
while [ "$more" ]; do
  more=
  for stat in /proc/[0-9]*/stat; do
    id=${stat#/proc/} id=${id%/stat}
    case $victims in *" $id "*) continue ;; esac
    read -r line 2>/dev/null <"$stat" || continue
    rest=${line##*) } rest=${rest#? } parent=${rest%% *} rest=${rest#* } rest=${rest#* } session=${rest%% *}
    case $victims in *" $parent "*) ;; *) [ "$session" = "$1" ] || continue ;; esac
    kill -s STOP "$id" 2>/dev/null && victims="$victims$id " more=1
  done
done
kill -s KILL $victims 2>/dev/null
exit 0
"""

# PowerShell takes each of these for a single quote; doubled, it is itself.
_POWERSHELL_QUOTES = "'\u2018\u2019\u201a\u201b"


@dataclass(frozen=True, slots=True)
class Launch:
    """What guest-exec is told: the program's path, and its arguments."""

    path: str
    arguments: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Output:
    """Where a POSIX command's output goes: into the files `out` and `err`, or with `limits` to qemu-ga, cut to so many bytes each.

    `scratch` is a directory that isn't there yet, with a name that nobody can guess. It is also what a program that isn't
    there, of a command given as a list, leaves on standard error, with exit code 127.
    """

    scratch: str
    limits: tuple[int, int] | None = None


def launch(
    command: str | Sequence[str],
    family: Family,
    shell: Shell | None = None,
    directory: str | None = None,
    output: Output | None = None,
) -> Launch:
    """How `command` is started in a guest of that family: a string by a shell, a list as it is (the program's path first).

    `shell` is by default `sh`, on Windows `cmd`. `directory` is where the command works; `output` is for POSIX only. `InputError`
    when nothing is to run, or the guest has no such shell.
    """
    if not command or not command[0]:
        raise InputError(
            "The command to run in the guest is empty: give a shell line, or a list with the program's path first."
        )
    if shell is not None and not isinstance(command, str):
        raise InputError(f"A program with arguments is run without a shell: leave shell={shell} out, or give one line.")
    if any("\0" in part for part in ([command] if isinstance(command, str) else command)):
        raise InputError("The command to run in the guest has a zero character, which no program can be given.")
    if family == "windows":
        return _windows(command, shell or "cmd", directory)
    return _posix(command, shell or "sh", directory, output)


def end_process(pid: int, family: Family) -> Launch:
    """What ends a process that guest-exec started, and everything that it has started in turn."""
    if family == "windows":
        return Launch("taskkill.exe", ("/PID", str(pid), "/T", "/F"))
    return Launch("/bin/sh", ("-c", _END, "sh", str(pid)))


def _posix(command: str | Sequence[str], shell: Shell, directory: str | None, output: Output | None) -> Launch:
    if shell == "cmd":
        raise InputError("This guest is no Windows: it has no 'cmd'. Leave shell=cmd out.")
    if not isinstance(command, str) and directory is None and output is None:
        return Launch(command[0], tuple(command[1:]))  # a program that isn't there is then told by qemu-ga itself
    script, words = "", []
    if output is not None:
        script += _INTO_FILES if output.limits is None else _THROUGH_PIPES
        words += [output.scratch, *map(str, output.limits or ())]
    if directory is not None:
        script += _IN_DIRECTORY
        words.append(directory)
    if not isinstance(command, str):
        if output is not None:
            script += _MUST_BE_THERE
            words.append(output.scratch)
        words += command
    elif shell == "powershell":
        words += ["pwsh", "-NoProfile", "-NonInteractive", "-EncodedCommand", encoded(command)]
    else:
        words += ["/bin/sh", "-c", command]
    return Launch("/bin/sh", ("-c", script + _RUN, "sh", *words))


def _windows(command: str | Sequence[str], shell: Shell, directory: str | None) -> Launch:
    if not isinstance(command, str):
        if directory is None:
            windows_command_line(command)  # refuses what is too long
            return Launch(command[0], tuple(command[1:]))
        return _by_powershell(command[0], windows_command_line(command[1:]), directory)
    if shell == "sh":
        raise InputError("This guest is a Windows: it has no 'sh'. Leave shell=sh out, or say shell=powershell.")
    if shell == "powershell":
        place = f"Set-Location -LiteralPath {powershell_text(directory)}\n" if directory is not None else ""
        return _powershell(place + command)
    _check_length(command)
    if directory is None and '"' not in command and not command.endswith("\\"):
        # GLib puts quotes around a line with spaces and changes nothing else; with /s cmd takes just those off again.
        return Launch("cmd.exe", ("/d", "/s", "/c", command))
    return _by_powershell("cmd.exe", f'/d /s /c "{command}"', directory)


def _by_powershell(program: str, arguments: str, directory: str | None) -> Launch:
    """Start a program with exactly this rest of its command line; it shares PowerShell's input and output."""
    lines = [
        "$start = New-Object System.Diagnostics.ProcessStartInfo",
        f"$start.FileName = {powershell_text(program)}",
        f"$start.Arguments = {powershell_text(arguments)}",
        "$start.UseShellExecute = $false",
    ]
    if directory is not None:
        lines.append(f"$start.WorkingDirectory = {powershell_text(directory)}")
    lines += [
        "$process = [System.Diagnostics.Process]::Start($start)",
        "$process.WaitForExit()",
        "exit $process.ExitCode",
    ]
    return _powershell("$ErrorActionPreference = 'Stop'\n" + "\n".join(lines))


def _powershell(script: str) -> Launch:
    words = ("-NoProfile", "-NonInteractive", "-ExecutionPolicy", "Bypass", "-EncodedCommand")
    text = encoded("$ProgressPreference = 'SilentlyContinue'\n" + script)
    windows_command_line(["powershell.exe", *words, text])
    return Launch("powershell.exe", (*words, text))


def encoded(script: str) -> str:
    """A script for PowerShell's `-EncodedCommand`: base64 of UTF-16LE, which no quoting can harm."""
    return base64.b64encode(script.encode("utf-16-le")).decode()


def powershell_text(text: str) -> str:
    """`text` as a literal of PowerShell (about_Quoting_Rules: in single quotes nothing has a meaning but the quote)."""
    for quote in _POWERSHELL_QUOTES:
        text = text.replace(quote, quote * 2)
    return f"'{text}'"


def windows_command_line(arguments: Sequence[str]) -> str:
    r"""One command line that Microsoft's C runtime, and CommandLineToArgvW, take apart into just these arguments.

    In quotes: n backslashes before a quote are doubled, and one more makes the quote itself part of the argument; backslashes
    elsewhere stand for themselves. `InputError` when it is longer than CreateProcess takes.
    """
    return _check_length(" ".join(_windows_argument(argument) for argument in arguments))


def _windows_argument(argument: str) -> str:
    if argument and not any(character in argument for character in ' \t\n\v"'):
        return argument
    quoted, backslashes = "", 0
    for character in argument:
        if character == "\\":
            backslashes += 1
            continue
        quoted += "\\" * (2 * backslashes + 1 if character == '"' else backslashes) + character
        backslashes = 0
    return f'"{quoted}{chr(92) * (2 * backslashes)}"'


def _check_length(line: str) -> str:
    if len(line) >= WINDOWS_LONGEST:
        raise InputError(
            f"The command line has {len(line)} characters, and Windows takes at most {WINDOWS_LONGEST - 1}: "
            "write a script into the guest with 'Write Guest File' and run that."
        )
    return line
