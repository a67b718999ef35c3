"""`python -m ATPLibrary.lab.platform --lab DIR (--fd N | --port N) [--faults]`: serve the lab in DIR until SIGTERM or Ctrl-C."""

from __future__ import annotations

import argparse
import logging
import signal
import socket
import sys
from pathlib import Path

from ATPLibrary.errors import ATPError
from ATPLibrary.lab.settings import LabSettings
from ATPLibrary.secrets import Secret, redact


class _Redacted(logging.Formatter):
    def format(self, record: logging.LogRecord) -> str:
        return redact(super().format(record))


def main(arguments: list[str] | None = None) -> int:
    options = _options(arguments)
    # Until uvicorn has its own handlers; it shuts down in order and then raises the signal again, for these.
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: sys.exit(0))
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(_Redacted("%(asctime)s %(levelname)s %(name)s: %(message)s"))
    logging.basicConfig(level=logging.INFO, handlers=[handler])
    try:
        settings = LabSettings.load(options.lab)
        listener = _listener(options)
    except (ATPError, OSError) as error:
        print(f"lab platform: {redact(str(error))}", file=sys.stderr)
        return 3

    import uvicorn

    from ATPLibrary.lab.platform.app import STOP_SECONDS, create_app

    known = Secret(settings.platform.password)  # as long as this is kept, no log line shows it
    config = uvicorn.Config(
        create_app(
            options.lab,
            settings,
            options.token_seconds,
            detach_seconds=options.detach_seconds,
            with_faults=options.faults,
        ),
        log_config=None,
        access_log=False,
        lifespan="on",
        timeout_graceful_shutdown=int(STOP_SECONDS),
    )
    with listener:
        server = uvicorn.Server(config)
        server.run(sockets=[listener])
    del known
    return 0 if server.started else 1


def _options(arguments: list[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m ATPLibrary.lab.platform", description=__doc__)
    parser.add_argument("--lab", type=Path, required=True, metavar="DIR", help="the lab's directory, with its lab.json")
    where = parser.add_mutually_exclusive_group(required=True)
    where.add_argument("--fd", type=int, metavar="N", help="serve on this inherited, listening socket")
    where.add_argument("--port", type=int, metavar="N", help="serve on this port of 127.0.0.1 (0: a free one)")
    parser.add_argument(
        "--token-seconds",
        type=float,
        metavar="S",
        help="how long a login is valid (default: 12 h)",
    )
    parser.add_argument(
        "--detach-seconds",
        type=float,
        metavar="S",
        help="how long a guest may take to let a device go (default: 20)",
    )
    parser.add_argument("--faults", action="store_true", help="have /lab/faults, which orders faults for tests")
    return parser.parse_args(arguments)


def _listener(options: argparse.Namespace) -> socket.socket:
    if options.fd is not None:
        return socket.socket(fileno=options.fd)
    listener = socket.create_server(("127.0.0.1", options.port), backlog=64)
    print(f"http://127.0.0.1:{listener.getsockname()[1]}", flush=True)
    return listener


if __name__ == "__main__":
    sys.exit(main())
