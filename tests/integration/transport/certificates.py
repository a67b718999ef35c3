"""Certificate authorities and what they sign, for libvirt's TLS: made by the test, good for a day unless it wants otherwise."""

from __future__ import annotations

import datetime
import ipaddress
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

_DAY = datetime.timedelta(days=1)


class Authority:
    """A CA. What it signs is written as `NAME.pem` with its key `NAME.key` into `directory`."""

    def __init__(self, directory: Path, name: str) -> None:
        self._directory = directory
        self._key = ec.generate_private_key(ec.SECP256R1())
        self._name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)])
        basic = x509.BasicConstraints(ca=True, path_length=0)
        usage = x509.KeyUsage(False, False, False, False, False, True, True, False, False)
        builder = (
            self._builder(self._name, _DAY).add_extension(basic, critical=True).add_extension(usage, critical=True)
        )
        certificate = builder.public_key(self._key.public_key()).sign(self._key, hashes.SHA256())
        self.file = directory / f"{name}.pem"
        self.file.write_bytes(certificate.public_bytes(serialization.Encoding.PEM))

    def server(self, name: str, host: str, *, valid: datetime.timedelta = _DAY) -> tuple[Path, Path]:
        """Certificate and key of a server at `host`, a name or an address; `valid` from now on (less than nothing: expired)."""
        try:
            known: x509.GeneralName = x509.IPAddress(ipaddress.ip_address(host))
        except ValueError:
            known = x509.DNSName(host)
        return self._sign(name, host, ExtendedKeyUsageOID.SERVER_AUTH, valid, x509.SubjectAlternativeName([known]))

    def client(self, name: str, *, valid: datetime.timedelta = _DAY) -> tuple[Path, Path]:
        return self._sign(name, name, ExtendedKeyUsageOID.CLIENT_AUTH, valid)

    def _sign(
        self,
        name: str,
        common_name: str,
        usage: x509.ObjectIdentifier,
        valid: datetime.timedelta,
        *more: x509.ExtensionType,
    ) -> tuple[Path, Path]:
        key = ec.generate_private_key(ec.SECP256R1())
        subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, common_name)])
        builder = self._builder(subject, valid).public_key(key.public_key())
        for extension in (x509.ExtendedKeyUsage([usage]), *more):
            builder = builder.add_extension(extension, critical=False)
        certificate = builder.sign(self._key, hashes.SHA256())
        files = self._directory / f"{name}.pem", self._directory / f"{name}.key"
        files[0].write_bytes(certificate.public_bytes(serialization.Encoding.PEM))
        plain = serialization.NoEncryption()
        files[1].write_bytes(key.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, plain))
        return files

    def _builder(self, subject: x509.Name, valid: datetime.timedelta) -> x509.CertificateBuilder:
        now = datetime.datetime.now(datetime.UTC)
        return (
            x509.CertificateBuilder()
            .subject_name(subject)
            .issuer_name(self._name)
            .serial_number(x509.random_serial_number())
            .not_valid_before(now - 2 * _DAY)
            .not_valid_after(now + valid)
        )
