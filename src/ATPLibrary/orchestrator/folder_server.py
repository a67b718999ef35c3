"""A folder that can be fetched by HTTP on this machine, while somebody watches a film that grows in it."""

from __future__ import annotations

import threading
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path


class FolderServer:
    """Serves the files of one folder on 127.0.0.1, on a daemon thread, until `close`; nothing else, and no list of them."""

    def __init__(self, folder: Path) -> None:
        self._server = ThreadingHTTPServer(("127.0.0.1", 0), partial(_Files, directory=str(folder)))
        self._server.daemon_threads = True
        self.url = f"http://127.0.0.1:{self._server.server_address[1]}"
        threading.Thread(target=self._server.serve_forever, name="folder-server", daemon=True).start()

    def close(self) -> None:
        """Blocking: up to half a second."""
        self._server.shutdown()
        self._server.server_close()


class _Files(SimpleHTTPRequestHandler):
    extensions_map = {  # noqa: RUF012 - the base class has it like this
        **SimpleHTTPRequestHandler.extensions_map, ".m3u8": "application/vnd.apple.mpegurl", ".ts": "video/mp2t",
    }  # fmt: skip
    timeout = 30

    def list_directory(self, path: object) -> None:
        self.send_error(404)

    def translate_path(self, path: str) -> str:
        """No file outside the folder, also where a link in it leads there."""
        found = Path(super().translate_path(path))
        inside = found.resolve().is_relative_to(Path(self.directory).resolve())
        return str(found) if inside else "/nonexistent"

    def end_headers(self) -> None:
        self.send_header("Cache-Control", "no-store")
        super().end_headers()

    def log_message(self, format: str, *args: object) -> None:
        pass
