"""What is dialled: ws://HOST:PORT/PATH, wss://, tcp://, tcp+tls://, unix:///PATH."""

from __future__ import annotations

PORTS = {"ws": 8765, "wss": 8765, "tcp": 8766, "tcp+tls": 8766}


class AddressError(ValueError):
    """The text is no address that can be dialled."""


class Address:
    """`text` as it was given; `scheme`; `is_tls`; of a UNIX socket the `path`, else `host`, `port`, and `target`, what is asked for
    by HTTP."""

    def __init__(self, text: str) -> None:
        """Raises AddressError."""
        self.text = text
        self.scheme, separator, rest = text.partition("://")
        self.is_tls = self.scheme in ("wss", "tcp+tls")
        self.host, self.port, self.path, self.target = "", 0, "", "/"
        if not text.isascii() or not text.isprintable() or " " in text:
            raise self._wrong("has characters that an address can't have")
        if not separator or self.scheme not in (*PORTS, "unix"):
            raise self._wrong(f"should begin with one of {'://, '.join((*PORTS, 'unix'))}://")
        if self.scheme == "unix":
            if not rest.startswith("/"):
                raise self._wrong("should be unix:///PATH, with the path's own slash as the third")
            self.path = rest
            return
        place, slash, target = rest.partition("/")
        if "#" in rest or "?" in place or "@" in place:
            raise self._wrong("should have no user, no password and no #")
        if target and not self.scheme.startswith("ws"):
            raise self._wrong("should end after the port")
        self.target = slash + target or "/"
        self._place(place)

    def __str__(self) -> str:
        return self.text

    @property
    def authority(self) -> str:
        """HOST:PORT, as HTTP's Host line has it."""
        return f"[{self.host}]:{self.port}" if ":" in self.host else f"{self.host}:{self.port}"

    def _place(self, place: str) -> None:
        if place.startswith("["):
            self.host, bracket, port = place[1:].partition("]")
            if not bracket or (port and not port.startswith(":")):
                raise self._wrong("should have an IPv6 address as [ADDRESS]:PORT")
            port = port[1:]
        else:
            self.host, _, port = place.partition(":")
        if not self.host:
            raise self._wrong("names no host")
        if not port:
            self.port = PORTS[self.scheme]
        elif port.isdigit() and 0 < int(port) < 65536:
            self.port = int(port)
        else:
            raise self._wrong("should have a port from 1 to 65535")

    def _wrong(self, what: str) -> AddressError:
        return AddressError(f"{self.text[:200]!r} {what}")
