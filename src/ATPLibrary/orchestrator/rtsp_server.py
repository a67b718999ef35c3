"""GStreamer's RTSP server as a child process: `rtsp_program.py`, run by Debian's Python, as GStreamer's bindings are in no venv."""

from __future__ import annotations

import asyncio
import contextlib
import subprocess
import sys
import time
from pathlib import Path

from ATPLibrary.errors import ChannelError, ConfigError
from ATPLibrary.orchestrator.rtsp_program import HEAD
from ATPLibrary.runtime import deadline

_PYTHON = "/usr/bin/python3"
_PROGRAM = Path(__file__).with_name("rtsp_program.py")
_PACKAGES = "python3 python3-gi gir1.2-gst-rtsp-server-1.0 gstreamer1.0-plugins-good"
# What is kept of what it says of its troubles.
_LOG_BYTES = 4096
_WRITE_SECONDS = 10.0
_END_SECONDS = 3.0


class RtspServer:
    """Serves one stream at `url` until `close`. It ends by itself when this process does, as its input ends then.

    `is_watched`: somebody plays it; `came_at` (of `time.monotonic`): when somebody came last. `wants_key`: who has come needs a
    key picture, until the next one is sent.
    """

    def __init__(self, process: asyncio.subprocess.Process, address: str, path: str) -> None:
        self.url = ""
        self.is_watched = False
        self.wants_key = False
        self.came_at = 0.0
        self._process = process
        self._address, self._path = address, path
        self._log = b""
        self._said: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._tasks = [
            asyncio.create_task(self._listen(), name="RTSP server: what it says"),
            asyncio.create_task(self._keep_log(), name="RTSP server: its troubles"),
        ]

    @classmethod
    async def start(cls, address: str, port: int, path: str, timeout: float) -> RtspServer:
        """`path` begins with a slash; port 0 is a free one.

        `ConfigError` names the Debian packages that are missing, or why it can't listen.
        """
        try:
            process = await asyncio.create_subprocess_exec(
                # Isolated: PYTHONPATH, PYTHONHOME and the current directory are for another Python than this one.
                _PYTHON, "-I", str(_PROGRAM), address, str(port), path, start_new_session=True,
                stdin=asyncio.subprocess.PIPE, stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.PIPE,
            )  # fmt: skip
        except OSError as error:
            raise _missing(_PACKAGES) from error
        server = cls(process, address, path)
        try:
            async with deadline(timeout, "GStreamer's RTSP server", wanted="listen", got="said nothing"):
                await asyncio.shield(server._said)
        except BaseException:
            await asyncio.shield(server.close())
            raise
        return server

    @property
    def pid(self) -> int:
        return self._process.pid

    def require_running(self) -> None:
        """`ChannelError` with what it said last, once it has ended."""
        if self._tasks[0].done():
            raise ChannelError.about(
                f"GStreamer's RTSP server at {self.url}", wanted="run", got=f"has ended {self._ending()}",
                last_seen=self._troubles(),
            )  # fmt: skip

    async def send(self, picture: bytes, is_key: bool) -> None:
        """One picture; waits until the server has taken the one before."""
        self.require_running()
        if is_key:
            self.wants_key = False
        assert self._process.stdin is not None
        try:
            self._process.stdin.write(HEAD.pack(len(picture), is_key) + picture)
            async with deadline(_WRITE_SECONDS, f"GStreamer's RTSP server at {self.url}", wanted="take a picture"):
                await self._process.stdin.drain()
        except OSError as error:
            raise ChannelError.about(
                f"GStreamer's RTSP server at {self.url}", wanted="take a picture", got=f"has ended: {error}",
                last_seen=self._troubles(),
            ) from error  # fmt: skip

    async def close(self) -> None:
        """Its viewers' connections end; a server that doesn't is killed. Nothing of it is left."""
        assert self._process.stdin is not None
        self._process.stdin.close()
        try:
            async with asyncio.timeout(_END_SECONDS):
                await self._process.wait()
        except BaseException as error:
            with contextlib.suppress(ProcessLookupError):
                self._process.kill()
            if not isinstance(error, TimeoutError):
                raise
            await self._process.wait()
        finally:
            for task in self._tasks:
                task.cancel()
            await asyncio.gather(*self._tasks, return_exceptions=True)
            if self._said.done():
                self._said.exception()  # whoever waited for it has it already

    async def _listen(self) -> None:
        assert self._process.stdout is not None
        try:
            while line := await self._process.stdout.readline():
                self._take(line.decode("utf-8", "replace").strip())
        finally:
            if not self._said.done():
                self._said.set_exception(
                    ConfigError.about(
                        "GStreamer's RTSP server", wanted="listen", got="has ended before it did",
                        last_seen=self._troubles(),
                    )
                )  # fmt: skip

    def _take(self, line: str) -> None:
        word, _, rest = line.partition(" ")
        match word:
            case "listening":
                host = f"[{self._address}]" if ":" in self._address else self._address
                self.url = f"rtsp://{host}:{rest}{self._path}"
                if not self._said.done():
                    self._said.set_result(None)
            case "key":
                self.wants_key, self.came_at = True, time.monotonic()
            case "watched" | "unwatched":
                self.is_watched = word == "watched"
                self.wants_key = self.wants_key and self.is_watched
            case "missing" | "failed" if not self._said.done():
                self._said.set_exception(
                    _missing(rest)
                    if word == "missing"
                    else ConfigError.about("GStreamer's RTSP server", wanted="listen", got=f"can't: {rest}")
                )

    async def _keep_log(self) -> None:
        assert self._process.stderr is not None
        while piece := await self._process.stderr.read(_LOG_BYTES):
            self._log = (self._log + piece)[-_LOG_BYTES:]

    def _troubles(self) -> str:
        return " / ".join(self._log.decode("utf-8", "replace").strip().splitlines()[-3:])

    def _ending(self) -> str:
        code = self._process.returncode
        return "by itself" if code is None else f"with code {code}"


def missing_packages(timeout: float) -> str:
    """The Debian packages that this machine lacks for it, with blanks between them; "" where it could run. Blocking.

    `ConfigError` where that can't be found out.
    """
    try:
        command = [_PYTHON, "-I", str(_PROGRAM)]
        done = subprocess.run(command, capture_output=True, text=True, timeout=timeout, check=False)
    except OSError:
        return _PACKAGES
    except subprocess.TimeoutExpired as error:
        raise ConfigError.about(
            "GStreamer", wanted="say whether it could serve RTSP", waited=timeout, got="said nothing"
        ) from error
    word, _, rest = done.stdout.strip().partition(" ")
    if word not in ("ready", "missing"):
        said = (done.stderr.strip().splitlines() or ["no word"])[-1]
        raise ConfigError.about("GStreamer", wanted="say whether it could serve RTSP", got=f"said: {said}")
    return rest


def _missing(packages: str) -> ConfigError:
    got = f"lacks {packages}" if sys.platform == "linux" else "is no Linux with Debian's packages"
    return ConfigError.about(
        "RTSP by GStreamer's RTSP server", wanted="be there on this machine", got=f"this machine {got}",
        next_step=f"Install what it needs: apt-get install --no-install-recommends {packages}",
    )  # fmt: skip
