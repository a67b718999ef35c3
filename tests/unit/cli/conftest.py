"""A platform on a local port that answers the vendor's lists with what a test gives it."""

from __future__ import annotations

import json
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import pytest

PASSWORD = "correct horse"


class Platform(ThreadingHTTPServer):
    """`lists` is by path; `logins` are the bodies of the logins that came. While `silent`, nothing is answered."""

    daemon_threads = True

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), _Handler)
        self.lists: dict[str, list[dict[str, Any]]] = {
            "host": [],
            "domain": [],
            "desk-pool": [],
            "recycle": [],
            "model": [],
        }
        self.logins: list[dict[str, str]] = []
        self.refuses_logins = False
        self.silent = threading.Event()
        self.ended = threading.Event()

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.server_address[1]}"


class _Handler(BaseHTTPRequestHandler):
    server: Platform

    def do_GET(self) -> None:
        path = urlsplit(self.path).path.removeprefix("/ocloud/v1/")
        listed = self.server.lists[path]
        self._answer({"list": listed, "pageNum": 1, "pages": 1, "total": len(listed)})

    def do_POST(self) -> None:
        body = json.loads(self.rfile.read(int(self.headers.get("content-length") or 0)) or b"{}")
        if self.path.endswith("/login"):
            self.server.logins.append(body)
            if self.server.refuses_logins:
                return self._answer(None, status=1, message="用户名或密码错误")
        return self._answer({"token": "0123456789abcdef", "username": "tester"})

    def _answer(self, data: object, status: int = 0, message: str = "操作成功") -> None:
        if self.server.silent.is_set():
            self.server.ended.wait(30)
            return
        content = json.dumps({"status": status, "msg": message, "data": data}).encode()
        self.send_response(200)
        self.send_header("Content-Length", str(len(content)))
        self.end_headers()
        self.wfile.write(content)

    def log_message(self, format: str, *args: Any) -> None:
        pass


@pytest.fixture
def platform() -> Iterator[Platform]:
    with Platform() as platform:
        thread = threading.Thread(target=platform.serve_forever, args=(0.01,))
        thread.start()
        yield platform
        platform.ended.set()
        platform.shutdown()
        thread.join()


@pytest.fixture
def atp_yaml(platform: Platform, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A configuration of that platform and one host, with a comment and a secret."""
    file = tmp_path / "atp.yaml"
    file.write_text(
        f"""\
hosts:
  rack-1:
    uri: qemu+tcp://192.0.2.1/system   # in the cellar
    ip: 192.0.2.1
    password: "host's secret"
platforms:
  lab: {{url: "{platform.url}", username: tester, password: "{PASSWORD}"}}
""",
        encoding="utf-8",
    )
    monkeypatch.setenv("ATP_CONFIG", str(file))
    return file
