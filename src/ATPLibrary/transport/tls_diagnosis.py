"""Why a TLS connection to a libvirt can't be trusted. libvirt itself only says that the certificate could not be verified."""

from __future__ import annotations

import os
import socket
import ssl
from pathlib import Path
from urllib.parse import parse_qsl, urlsplit

_PORT = 16514


def why_tls_fails(uri: str, timeout: float) -> str:
    """What is wrong with the server's certificate, in words; empty when nothing is, or `uri` isn't one of TLS. Blocks."""
    parts = urlsplit(uri)
    if parts.scheme.partition("+")[2] != "tls" or not parts.hostname:
        return ""
    given = dict(parse_qsl(parts.query))
    authority, certificate, key = _files(given.get("pkipath"))
    try:
        context = ssl.create_default_context(cafile=str(authority))
        if certificate.exists() and key.exists():
            context.load_cert_chain(certificate, key)
        with (
            socket.create_connection((parts.hostname, parts.port or _PORT), timeout) as connection,
            context.wrap_socket(connection, server_hostname=parts.hostname),
        ):
            return ""
    except ssl.SSLCertVerificationError as error:
        return str(error.verify_message).rstrip(".")
    except (OSError, ValueError):  # an ssl.SSLError is an OSError: nothing about the certificate
        return ""


def _files(pkipath: str | None) -> tuple[Path, Path, Path]:
    """CA certificate, client certificate and key, where libvirt looks for them (https://libvirt.org/kbase/tlscerts.html)."""
    own = Path("~/.pki/libvirt").expanduser()
    directory = Path(pkipath) if pkipath else own
    if pkipath or (os.geteuid() != 0 and (own / "cacert.pem").exists()):
        return directory / "cacert.pem", directory / "clientcert.pem", directory / "clientkey.pem"
    system = Path("/etc/pki/libvirt")
    return Path("/etc/pki/CA/cacert.pem"), system / "clientcert.pem", system / "private" / "clientkey.pem"
