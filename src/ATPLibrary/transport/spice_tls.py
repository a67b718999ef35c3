"""TLS as SPICE servers use it: a certificate authority of the site's own, and a subject instead of a host name where it is told."""

from __future__ import annotations

import re
import ssl
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

from ATPLibrary.errors import ConfigError

# The short names of a subject's parts (RFC 4514, and OpenSSL's), as Python calls them.
_LONG = {
    "C": "countryName", "ST": "stateOrProvinceName", "S": "stateOrProvinceName", "L": "localityName", "O": "organizationName",
    "OU": "organizationalUnitName", "CN": "commonName", "DC": "domainComponent", "EMAILADDRESS": "emailAddress",
    "STREET": "streetAddress", "SN": "surname", "GN": "givenName", "UID": "userId", "SERIALNUMBER": "serialNumber",
}  # fmt: skip
Subject = tuple[tuple[str, str], ...]


@dataclass(frozen=True, slots=True)
class SpiceTls:
    """`ca_file` (PEM) has signed the server's certificate. With `subject` ("O=Site,CN=node-1", what SPICE calls host subject) the
    certificate must have that very subject and may have any host name; without it the host name must fit."""

    ca_file: Path
    subject: str = ""

    def context(self) -> ssl.SSLContext:
        """`ConfigError` when the file can't be read."""
        return _context(self.ca_file, check_host=not self.subject)

    def wrong_subject(self, certificate: Mapping[str, Any]) -> str:
        """What is wrong with the certificate's subject, as `ssl` gives the certificate; empty when nothing is."""
        if not self.subject:
            return ""
        got: Subject = tuple(pair for each in certificate.get("subject", ()) for pair in each)
        return (
            "" if got == parsed(self.subject) else f"its certificate is for '{_words(got)}', not for '{self.subject}'"
        )


@cache
def _context(ca_file: Path, check_host: bool) -> ssl.SSLContext:
    try:
        context = ssl.create_default_context(cafile=str(ca_file))
    except OSError as error:  # an ssl.SSLError is one
        raise ConfigError.about(
            f"The CA file {ca_file}", wanted="be a readable PEM file", got=f"is not: {error.strerror or error}",
            next_step="Set 'spice: ca_file:' to the CA that signed the server's certificate",
        ) from error  # fmt: skip
    context.check_hostname = check_host
    return context


def parsed(subject: str) -> Subject:
    r"""The parts of "O=Red Hat\, Inc,CN=node", in their order. `ConfigError` for what isn't written so."""
    parts = []
    for part in re.split(r"(?<!\\),", subject):
        name, is_there, value = part.strip().partition("=")
        if not is_there:
            raise ConfigError.about(
                "The subject of a SPICE server", wanted="be written like 'O=Site,CN=node-1'", got=f"is '{subject}'"
            )
        parts.append((_LONG.get(name.strip().upper(), name.strip()), re.sub(r"\\(.)", r"\1", value.strip())))
    return tuple(parts)


def _words(subject: Subject) -> str:
    short = {long: name for name, long in reversed(_LONG.items())}
    return ",".join(f"{short.get(name, name)}={value.replace(',', chr(92) + ',')}" for name, value in subject)
