"""Peers that accept and then say nothing, and a configuration that leads to them."""

from __future__ import annotations

import json
import socket
import tempfile
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest
import yaml


class _LogsInAndFallsSilent(BaseHTTPRequestHandler):
    """The vendor's login, and for everything else an answer that never comes."""

    protocol_version = "HTTP/1.1"
    gone = threading.Event()

    def do_POST(self) -> None:
        self.rfile.read(int(self.headers.get("Content-Length", 0)))
        if not self.path.endswith("/login"):
            self.gone.wait()
            return
        body = json.dumps(
            {"status": 0, "msg": "操作成功", "data": {"token": "t-0123456789", "username": "tester"}}
        ).encode()
        self.send_response(200)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def do_GET(self) -> None:
        self.gone.wait()

    do_DELETE = do_PUT = do_PATCH = do_GET

    def log_message(self, format: str, *args: object) -> None:
        """Nothing on the tester's console."""


@pytest.fixture(scope="module")
def silent_libvirt() -> Iterator[str]:
    """The URI of a libvirt daemon that accepts connections (the kernel does) and never answers."""
    with tempfile.TemporaryDirectory(prefix="atp-silent-") as directory, socket.socket(socket.AF_UNIX) as listener:
        path = Path(directory) / "libvirt.sock"
        listener.bind(str(path))
        listener.listen(256)
        yield f"qemu+unix:///session?socket={path}"


@pytest.fixture(scope="module")
def silent_platform() -> Iterator[str]:
    """The URL of a platform that accepts connections and never answers, not even a login."""
    with socket.create_server(("127.0.0.1", 0), backlog=256) as listener:
        yield f"http://127.0.0.1:{listener.getsockname()[1]}"


@pytest.fixture(scope="module")
def forgetful_platform() -> Iterator[str]:
    """The URL of a platform that lets one log in and answers nothing after that."""
    server = ThreadingHTTPServer(("127.0.0.1", 0), _LogsInAndFallsSilent)
    server.daemon_threads = True
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    yield f"http://127.0.0.1:{server.server_address[1]}"
    _LogsInAndFallsSilent.gone.set()
    server.shutdown()
    server.server_close()
    thread.join()


@pytest.fixture(scope="module")
def silent_world(
    tmp_path_factory: pytest.TempPathFactory, silent_libvirt: str, silent_platform: str, forgetful_platform: str
) -> Path:
    """A configuration file whose every host and platform is silent; timeouts so long that none ends a keyword."""
    credentials = {"username": "tester", "password": "a password"}
    values = {
        "hosts": {"silent": {"uri": silent_libvirt}},
        "platforms": {
            "silent": {"url": silent_platform, **credentials},
            "forgetful": {"url": forgetful_platform, **credentials},
        },
        "platform": "forgetful",
        "timeouts": dict.fromkeys(("connect", "command", "agent", "boot", "platform"), 300),
    }
    path = tmp_path_factory.mktemp("silent-world") / "atp.yaml"
    path.write_text(yaml.safe_dump(values), encoding="utf-8")
    return path
