"""A platform that misbehaves on a real socket: every failure is one sentence that names platform, operation and way out."""

from __future__ import annotations

import asyncio
import contextlib
import ssl
import subprocess
from collections.abc import AsyncIterator, Awaitable, Callable
from pathlib import Path

import pytest

from ATPLibrary.config import PlatformSettings
from ATPLibrary.errors import ATPError, ConfigError, DeadlineError, PlatformError
from ATPLibrary.events import EventBus
from ATPLibrary.secrets import Secret
from ATPLibrary.vdi import VdiClient

pytestmark = pytest.mark.unit

Talk = Callable[[asyncio.StreamReader, asyncio.StreamWriter], Awaitable[None]]


def http(body: bytes, status: str = "200 OK", length: int | None = None, extra: str = "") -> bytes:
    size = len(body) if length is None else length
    return f"HTTP/1.1 {status}\r\nContent-Length: {size}\r\n{extra}\r\n".encode() + body


def says(answer: bytes) -> Talk:
    """Read a request's head, answer these bytes, hang up."""

    async def talk(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\n")
        writer.write(answer)
        await writer.drain()

    return talk


async def silent(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    await reader.read()


@contextlib.asynccontextmanager
async def platform(talk: Talk, tls: ssl.SSLContext | None = None) -> AsyncIterator[str]:
    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            await talk(reader, writer)
        except (ConnectionError, asyncio.IncompleteReadError):
            pass
        finally:
            writer.close()

    server = await asyncio.start_server(serve, "127.0.0.1", 0, ssl=tls)
    port = server.sockets[0].getsockname()[1]
    try:
        yield f"{'https' if tls else 'http'}://127.0.0.1:{port}"
    finally:
        server.close()


async def login_error(url: str, timeout: float = 10.0, **settings: object) -> ATPError:
    values = {"name": "lab", "url": url, "username": "admin", "password": Secret("s3cret-s3cret"), **settings}
    client = VdiClient(PlatformSettings.model_validate(values), timeout=timeout, event_bus=EventBus())
    try:
        with pytest.raises(ATPError) as caught:
            await client.login()
    finally:
        await client.close()
    sentence = str(caught.value)
    assert "s3cret" not in sentence
    assert "\n" not in sentence
    assert sentence.endswith(".")
    return caught.value


@pytest.mark.parametrize(
    ("answer", "said"),
    [
        (http(b"<html><body>nginx</body></html>"), "the answer isn't JSON: '<html><body>nginx</body></html>'"),
        (http(b""), "the answer isn't JSON: ''"),
        (http(b"\xff\xfe\x00"), "the answer isn't JSON"),
        (http(b'{"status": 0, "msg": "ok", "da'), "the answer ends in the middle after 30 bytes"),
        (http(b'{"status": 0', length=500), "the answer ends in the middle after 12 bytes"),
        (http(b"", length=500), "the connection ended before the whole answer was there"),
        (b"", "the connection ended before the whole answer was there"),
        (b"220 smtp.example ESMTP\r\n", "the connection ended before the whole answer was there"),
        (http(b"[1, 2]"), "another shape than the vendor's document says: it is a list, not an object"),
        (http(b"null"), "it is a NoneType, not an object"),
        (http(b'{"msg": "ok"}'), "'status' should be a number"),
        (http(b'{"status": "0", "data": {"token": "t"}}'), "'status' should be a number"),
        (http(b'{"status": 0, "data": {"token": [7]}}'), "data.token"),
        (http(b'{"status": 0, "data": {"token": ""}}'), "data.token: String should have at least 1 character"),
        (http(b'{"status": 0, "data": {"token": "a\\nb"}}'), "data.token: String should match pattern"),
        (http(b'{"status": 0}'), "data: Input should be a valid dictionary"),
        (http(b"[" * 100_000), "the answer"),
        (http(b"oops", "500 Internal Server Error"), "it answered HTTP 500 'oops'. Look at the platform's own log"),
        (http(b"", "302 Found", extra="Location: http://127.0.0.1:1/\r\n"), "it answered HTTP 302"),
    ],
)
async def test_a_bad_answer_is_one_sentence(answer: bytes, said: str) -> None:
    async with platform(says(answer)) as url:
        error = await login_error(url)
    assert isinstance(error, PlatformError)
    assert str(error).startswith(
        f"Platform 'lab' ({url}) should answer 'log in' (POST /ocloud/v1/login) with JSON but "
    )
    assert said in str(error)


@pytest.mark.parametrize("status", ["404 Not Found", "405 Method Not Allowed"])
async def test_an_operation_that_is_not_there_is_named(status: str) -> None:
    async with platform(says(http(b"x" * 500, status))) as url:
        error = await login_error(url)
    assert str(error).startswith(
        f"Platform 'lab' ({url}) should have the operation POST /ocloud/v1/login but it answered HTTP {status[:3]} "
        f"'{'x' * 80}...'. Check that the url is the platform's own address"
    )


async def test_a_silent_platform_meets_the_deadline() -> None:
    async with platform(silent) as url:
        error = await login_error(url, timeout=0.2)
    assert isinstance(error, DeadlineError)
    assert (
        "should answer 'log in' (POST /ocloud/v1/login) within 0.2 s but did not. Check that the platform is up"
        in str(error)
    )


async def test_an_answer_that_drips_for_ever_meets_the_deadline() -> None:
    async def drip(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\n")
        writer.write(http(b"{", length=1_000_000))
        while True:
            writer.write(b" ")
            await writer.drain()
            await asyncio.sleep(0.01)

    async with platform(drip) as url:
        assert isinstance(await login_error(url, timeout=0.3), DeadlineError)


async def test_an_answer_without_end_is_given_up(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("ATPLibrary.vdi.http.MAX_ANSWER_BYTES", 100_000)
    async with platform(says(http(b" " * 200_000))) as url:
        assert "longer than 100000 bytes" in str(await login_error(url))


async def test_a_refused_connection_says_so() -> None:
    async with platform(silent) as url:
        pass
    error = await login_error(url)
    assert "it can't be reached: the connection was refused. Check the url in the configuration" in str(error)


async def test_an_unknown_host_name_says_so() -> None:
    error = await login_error("http://no-such-host.invalid:8088")
    assert "it can't be reached: " in str(error)


@pytest.fixture(scope="module")
def certificate(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A certificate for 127.0.0.1 that nobody has signed, with its key, in one PEM file."""
    pem = tmp_path_factory.mktemp("tls") / "platform.pem"
    key = pem.with_suffix(".key")
    command = ["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes"]
    command += ["-subj", "/CN=127.0.0.1", "-addext", "subjectAltName=IP:127.0.0.1", "-days", "2"]
    subprocess.run([*command, "-keyout", str(key), "-out", str(pem)], check=True, capture_output=True, timeout=60)
    pem.write_bytes(pem.read_bytes() + key.read_bytes())
    return pem


def server_tls(certificate: Path) -> ssl.SSLContext:
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    context.load_cert_chain(certificate)
    return context


GOOD_LOGIN = http(b'{"status": 1, "msg": "reached"}')


async def test_an_untrusted_certificate_is_refused_and_the_ways_out_are_named(certificate: Path) -> None:
    async with platform(says(GOOD_LOGIN), server_tls(certificate)) as url:
        error = await login_error(url)
    assert "TLS failed: self-signed certificate" in str(error)
    assert "platforms.lab.ca_file" in str(error)


async def test_the_platforms_own_ca_is_trusted_when_it_is_given(certificate: Path) -> None:
    async with platform(says(GOOD_LOGIN), server_tls(certificate)) as url:
        assert "reached" in str(await login_error(url, ca_file=certificate))


async def test_verification_can_be_turned_off(certificate: Path) -> None:
    async with platform(says(GOOD_LOGIN), server_tls(certificate)) as url:
        assert "reached" in str(await login_error(url, verify_tls=False))


async def test_https_to_a_platform_that_speaks_http_is_a_tls_failure() -> None:
    async def plain(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.read(1)
        writer.write(b"HTTP/1.1 400 Bad Request\r\n\r\n")

    async with platform(plain) as url:
        assert "TLS failed" in str(await login_error(url.replace("http:", "https:")))


async def test_a_ca_file_that_is_none_is_named(tmp_path: Path) -> None:
    for content in (None, "not a certificate"):
        path = tmp_path / "ca.pem"
        if content:
            path.write_text(content)
        error = await login_error("https://127.0.0.1:1", ca_file=path)
        assert isinstance(error, ConfigError)
        assert f"CA file '{path}' of platform 'lab' should hold certificates in PEM" in str(error)


async def test_nothing_of_an_answer_that_may_hold_a_secret_is_quoted(logged_in, platform) -> None:
    import httpx

    path = "GET /ocloud/v1/domain/v/vnc-password"
    for status, text in ((500, '{"password":"broken-secret"}'), (404, "broken-secret"), (200, "<p>broken-secret</p>")):
        platform.answers[path] = httpx.Response(status, text=text)
        with pytest.raises(PlatformError) as caught:
            await logged_in.domains.vnc_password("v")
        assert "broken-secret" not in str(caught.value)
        with pytest.raises(PlatformError) as caught:
            await logged_in.call("GET /ocloud/v1/domain/{id}/vnc-password", id="v")
        assert "broken-secret" not in str(caught.value)
