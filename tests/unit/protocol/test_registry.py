"""Protocols and codecs by name: built in, registered in the run, brought by an installed package."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from ATPLibrary.errors import ConfigError
from ATPLibrary.protocol.interface import Protocol, ProtocolType
from ATPLibrary.protocol.registry import PROTOCOLS
from ATPLibrary.protocol.virtio_serial import CODECS
from ATPLibrary.transport import Domain

pytestmark = pytest.mark.unit

Install = Callable[..., Path]

PLUGIN = """
from ATPLibrary.protocol.interface import Protocol, ProtocolType

class EchoProtocol(Protocol):
    def __init__(self, suffix=""):
        self.suffix, self.sent = suffix, []

    protocol_type = ProtocolType("echo")

    async def connect(self, domain, timeout):
        pass

    async def send(self, data, timeout):
        self.sent.append(data + self.suffix.encode())

    async def receive(self, timeout):
        return self.sent.pop(0)

    async def disconnect(self):
        pass
"""


class Own(Protocol):
    """A protocol of this test."""

    @property
    def protocol_type(self) -> ProtocolType:
        return ProtocolType("own")

    async def connect(self, domain: Domain, timeout: float) -> None: ...

    async def send(self, data: bytes, timeout: float) -> None: ...

    async def receive(self, timeout: float) -> bytes:
        return b""

    async def disconnect(self) -> None: ...


@pytest.fixture
def install(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Install]:
    """Put a package with one entry point where Python finds it, as pip would leave it; modules are gone at the test's end."""
    before = set(sys.modules)

    def put(
        name: str, target: str, source: str = PLUGIN, group: str = "atp.protocols", package: str = "echo-plugin"
    ) -> Path:
        site = tmp_path / package
        metadata = site / f"{package.replace('-', '_')}-1.2.dist-info"
        metadata.mkdir(parents=True)
        (metadata / "METADATA").write_text(f"Metadata-Version: 2.1\nName: {package}\nVersion: 1.2\n")
        (metadata / "entry_points.txt").write_text(f"[{group}]\n{name} = {target}\n")
        (site / f"{target.partition(':')[0]}.py").write_text(source)
        monkeypatch.syspath_prepend(str(site))
        return site

    yield put
    for module in set(sys.modules) - before:
        del sys.modules[module]


@pytest.fixture
def registered() -> Iterator[None]:
    """Takes back what the test registers under 'mine' and 'qmp'."""
    yield
    for name in ("mine", "qmp"):
        if "registered" in PROTOCOLS.names().get(name, PROTOCOLS.names()["qga"]).origin:
            PROTOCOLS.unregister(name)


def test_the_built_in_protocols_and_codecs_are_there() -> None:
    assert {"qmp", "qga", "virtio-serial"} <= set(PROTOCOLS.names())
    assert {"raw", "lines", "json", "length"} <= set(CODECS.names())
    assert str(PROTOCOLS.create("qmp").protocol_type) == "qmp"
    assert str(PROTOCOLS.create("qga").protocol_type) == "qga"
    assert str(PROTOCOLS.create("virtio-serial", channel="com.example").protocol_type) == "virtio-serial com.example"


def test_an_installed_package_s_protocol_is_discovered_and_named_with_its_package(install: Install) -> None:
    install("echo", "echo_plugin:EchoProtocol")
    assert PROTOCOLS.names()["echo"].origin == "package echo-plugin 1.2"
    assert "echo_plugin" not in sys.modules, "listing loads nothing"
    first, second = PROTOCOLS.create("echo"), PROTOCOLS.create("echo", suffix="!")
    assert type(first) is type(second)
    assert first is not second


def test_a_package_that_has_gone_is_not_listed_any_more(install: Install) -> None:
    site = install("echo", "echo_plugin:EchoProtocol")
    PROTOCOLS.create("echo")
    sys.path.remove(str(site))
    assert "echo" not in PROTOCOLS.names()
    with pytest.raises(ConfigError, match="Protocol 'echo' should be known but is not"):
        PROTOCOLS.create("echo")


def test_an_unloaded_protocol_s_code_is_read_anew(install: Install) -> None:
    site = install("echo", "echo_plugin:EchoProtocol")
    before = PROTOCOLS.create("echo")
    (site / "echo_plugin.py").write_text(PLUGIN.replace('"echo"', '"echo, second edition"'))
    assert PROTOCOLS.create("echo").protocol_type == before.protocol_type
    PROTOCOLS.unregister("echo")
    assert "echo_plugin" not in sys.modules
    assert str(PROTOCOLS.create("echo").protocol_type) == "echo, second edition"


@pytest.mark.usefixtures("registered")
def test_a_protocol_is_registered_replaced_and_unregistered_at_run_time() -> None:
    PROTOCOLS.register("mine", Own)
    assert PROTOCOLS.names()["mine"].origin == "registered in this run"
    with pytest.raises(ConfigError, match=r"should be free to register but is taken by .*:Own \(registered"):
        PROTOCOLS.register("mine", Own)
    other = type("Other", (Own,), {})
    PROTOCOLS.register("mine", other, replace=True)
    assert type(PROTOCOLS.create("mine")) is other
    PROTOCOLS.unregister("mine")
    assert "mine" not in PROTOCOLS.names()


@pytest.mark.usefixtures("registered")
def test_a_built_in_protocol_is_replaced_only_on_purpose_and_comes_back() -> None:
    with pytest.raises(ConfigError, match="built in"):
        PROTOCOLS.register("qmp", Own)
    PROTOCOLS.register("qmp", Own, replace=True)
    assert type(PROTOCOLS.create("qmp")) is Own
    PROTOCOLS.unregister("qmp")
    assert type(PROTOCOLS.create("qmp")).__name__ == "QmpProtocol"
    with pytest.raises(ConfigError, match="should be one that was registered or installed but is built in"):
        PROTOCOLS.unregister("qmp")


def test_two_packages_with_one_name_are_not_chosen_between(install: Install) -> None:
    install("echo", "echo_plugin:EchoProtocol")
    install("echo", "other_plugin:EchoProtocol", package="other-plugin")
    with pytest.raises(
        ConfigError, match=r"should mean one thing but is .*echo-plugin 1\.2\).*and|.*other-plugin"
    ) as caught:
        PROTOCOLS.create("echo")
    assert "echo-plugin 1.2" in str(caught.value)
    assert "other-plugin 1.2" in str(caught.value)


def test_a_package_does_not_take_a_built_in_name_unseen(install: Install) -> None:
    install("qmp", "echo_plugin:EchoProtocol")
    with pytest.raises(ConfigError, match=r"'qmp' should mean one thing .*echo-plugin 1\.2.*built in"):
        PROTOCOLS.create("qmp")


@pytest.mark.parametrize(
    ("source", "target", "said"),
    [
        ("raise RuntimeError('no licence')", "broken_plugin:Echo", "failed: RuntimeError: no licence"),
        ("import nothing_like_it", "broken_plugin:Echo", "failed: ModuleNotFoundError"),
        ("", "broken_plugin:Echo", "failed: AttributeError"),
        ("", "broken_plugin", "should be written as package.module:Name"),
        (
            "Echo = 5",
            "broken_plugin:Echo",
            "should be a class or a function that makes one but broken_plugin:Echo is 5",
        ),
        ("def Echo(): return {}['key']", "broken_plugin:Echo", "should be made but .*Echo failed: KeyError: 'key'"),
        ("Echo = dict", "broken_plugin:Echo", r"should make a .*\.Protocol but builtins:dict made a dict"),
    ],
)
def test_a_broken_plug_in_is_one_sentence_and_the_others_work(
    install: Install, source: str, target: str, said: str
) -> None:
    install("broken", target, source)
    with pytest.raises(ConfigError, match=said) as caught:
        PROTOCOLS.create("broken")
    assert "Protocol 'broken'" in str(caught.value)
    assert PROTOCOLS.create("qga")


def test_an_unknown_name_and_an_unknown_option_are_told_with_what_there_is() -> None:
    with pytest.raises(ConfigError, match="Did you mean 'virtio-serial'"):
        PROTOCOLS.create("virtio-seral")
    with pytest.raises(ConfigError, match=r"take the options port but does not.*Its options: channel, codec, options"):
        PROTOCOLS.create("virtio-serial", port="x")
    with pytest.raises(ConfigError, match=r"Codec 'jsn' should be known .* Did you mean 'json'"):
        CODECS.create("jsn")


def test_a_codec_comes_from_a_package_too(install: Install) -> None:
    source = (
        "from ATPLibrary.protocol.virtio_serial.codecs import LinesCodec\n"
        "class Shouted(LinesCodec):\n"
        "    def encode(self, message):\n"
        "        return super().encode(message.upper())\n"
    )
    install("shouted", "shouted_plugin:Shouted", source, group="atp.codecs", package="shouted")
    assert CODECS.create("shouted", ending=";").encode("hello") == b"HELLO;"


def test_a_class_of_another_kind_is_refused_when_it_is_registered() -> None:
    with pytest.raises(
        ConfigError, match=r"should be a .*\.Protocol but decimal:Decimal is not derived from it\. Derive the class"
    ):
        PROTOCOLS.register_target("mine", "decimal:Decimal")
    assert "mine" not in PROTOCOLS.names()
