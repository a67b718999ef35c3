"""A Windows for the agent: Wine on a screen of its own (Xvfb), and a Python for Windows, both only where somebody put them.

`ATP_WINDOWS_PYTHON` names the directory of an unpacked Python for Windows (python.exe, python3XX.dll, _ctypes.pyd, ...).
"""

from __future__ import annotations

import json
import os
import shutil
import signal
import subprocess
from pathlib import Path

import pytest

NEEDED = ("wine", "Xvfb", "xdotool")
PATIENCE = 60.0
HERE = Path(__file__).resolve().parent


def python_for_windows():
    """Its python.exe; skips, with the reason, where Wine or it is missing."""
    missing = [name for name in NEEDED if shutil.which(name) is None]
    if missing:
        pytest.skip(f"{', '.join(missing)} isn't here (Debian: wine64 wine xvfb xdotool)")
    directory = os.environ.get("ATP_WINDOWS_PYTHON")
    if not directory:
        pytest.skip(
            "ATP_WINDOWS_PYTHON doesn't name the directory of a Python for Windows (guest_agent/README.md, Tests)"
        )
    python = Path(directory) / "python.exe"
    assert python.is_file(), f"there is no {python}"
    return python


class Wine:
    """A screen and a Wine prefix of its own, ended with everything in it by `close`."""

    def __init__(self, directory):
        reader, writer = os.pipe()
        self.screen = subprocess.Popen(
            ["Xvfb", "-displayfd", str(writer), "-screen", "0", "1024x768x24", "-nolisten", "tcp"],
            pass_fds=[writer],
            stdin=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
        )
        os.close(writer)
        with os.fdopen(reader) as answer:
            display = f":{answer.readline().strip()}"
        quiet = {"WINEDEBUG": "-all", "WINEDLLOVERRIDES": "mscoree,mshtml="}
        self.environment = {
            **os.environ,
            "DISPLAY": display,
            "HOME": str(directory),
            "WINEPREFIX": str(directory / "wine"),
            **quiet,
        }
        try:
            self.run(["wine", "wineboot", "-i"])
        except BaseException:
            self.close()
            raise

    def run(self, command):
        done = subprocess.run(
            command, env=self.environment, input="", capture_output=True, text=True, timeout=PATIENCE, check=False
        )
        assert done.returncode == 0, (command, done.stdout[-2000:], done.stderr[-2000:])
        return done.stdout

    def drive(self, python, driver, *arguments):
        """Let that driver drive the agent; press keys at the screen when it asks for them. Returns what it found."""
        command = ["wine", str(python), "-I", "-S", str(HERE / driver), *map(str, arguments)]
        process = subprocess.Popen(
            command,
            env=self.environment,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )
        try:
            line = process.stdout.readline().strip()
            if line == "x":
                self.run(
                    [
                        "xdotool",
                        "search",
                        "--sync",
                        "--name",
                        "^atp$",
                        "windowfocus",
                        "--sync",
                        "key",
                        "--delay",
                        "50",
                        "g",
                        "h",
                    ]
                )
                process.stdin.write("pressed\n")
                process.stdin.flush()
                line = process.stdout.readline().strip()
            try:
                out, errors = process.communicate(timeout=PATIENCE)
            except subprocess.TimeoutExpired:
                process.kill()
                out, errors = process.communicate()
            assert line.startswith("{"), (line, out, errors[-3000:])
            return json.loads(line)
        finally:
            process.kill()
            process.wait()

    def close(self):
        subprocess.run(["wineserver", "-k"], env=self.environment, check=False, capture_output=True, timeout=PATIENCE)
        self.screen.send_signal(signal.SIGTERM)
        self.screen.wait(PATIENCE)
