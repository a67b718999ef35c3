"""The SPICE client and QEMU's own server: every kind of channel, and each way in which a link is refused."""

from __future__ import annotations

import asyncio
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest
from tests.integration.transport.certificates import Authority
from tests.spice.qemu import EVERY_CHANNEL, PASSWORD, Qemu, qemu

from ATPLibrary.errors import ChannelError
from ATPLibrary.protocol.spice.channels import MainConversation, PortConversation
from ATPLibrary.protocol.spice.client import SpeakingChannel, speaking
from ATPLibrary.protocol.spice.errors import LinkCode, LinkStage, SpiceLinkError
from ATPLibrary.protocol.spice.frames import Frame
from ATPLibrary.protocol.spice.messages import inputs
from ATPLibrary.protocol.spice.options import SpiceOptions
from ATPLibrary.transport.spice import SpiceChannelType as Type
from ATPLibrary.transport.spice_connection import SpiceChannelState, SpiceVmConnection
from ATPLibrary.transport.spice_tls import SpiceTls

pytestmark = pytest.mark.e2e


@pytest.fixture(scope="module")
def everything() -> Iterator[Qemu]:
    """One with a device for each of the ten kinds."""
    with qemu(*EVERY_CHANNEL) as running:
        yield running


async def opened(connection: SpiceVmConnection, type: Type, id: int = 0) -> SpeakingChannel:
    return speaking(await connection.open_channel(type, id, timeout=10))


async def session(running: Qemu, options: SpiceOptions | None = None) -> tuple[SpiceVmConnection, MainConversation]:
    connection = running.connection(options=options)
    conversation = speaking(await connection.connect_main_channel(10)).conversation
    assert isinstance(conversation, MainConversation)
    return connection, conversation


@pytest.mark.parametrize("common_caps", [0xF, 0x7], ids=["mini header", "full header"])
async def test_all_ten_channels_are_listed_and_opened(everything: Qemu, common_caps: int) -> None:
    connection, main = await session(everything, SpiceOptions(common_caps=common_caps))
    assert main.linked.mini_header is (common_caps == 0xF)
    listed = {(Type(each.type), each.id) for each in main.channels}
    assert {type for type, _ in listed} == set(Type) - {Type.MAIN}
    for type, id in sorted(listed):
        channel = await opened(connection, type, id)
        if type in (Type.PORT, Type.WEBDAV):
            assert isinstance(channel.conversation, PortConversation)
            assert channel.conversation.name == ("org.atp.test" if type is Type.PORT else "org.spice-space.webdav.0")
    assert all(channel.state is SpiceChannelState.LINKED for channel in connection.channels.values())
    # Three pings, the third of 256,000 bytes: it measures the network.
    measured = speaking(connection.channels[Type.MAIN, 0])
    await measured.wait_until(lambda: main.wire.statistics.bytes_received > 256_000, 10, "measure the network")
    await connection.close()


async def test_one_channel_is_opened_anew_while_the_others_go_on(everything: Qemu) -> None:
    connection, main = await session(everything)
    inputs_channel = await opened(connection, Type.INPUTS)
    display = await opened(connection, Type.DISPLAY)
    before = main.wire.statistics.messages_received
    inputs_channel.channel.fail("a test dropped it")
    assert inputs_channel.channel.state is SpiceChannelState.FAILED
    with pytest.raises(ChannelError, match="a test dropped it"):
        await inputs_channel.send(inputs.KeyDown(0x1E), 5)
    again = await opened(connection, Type.INPUTS)
    await again.send(inputs.ClientKeyModifiers(2), 5)
    assert display.channel.state is SpiceChannelState.LINKED
    assert main.wire.statistics.messages_received >= before
    await connection.close()


async def test_a_wrong_password_is_refused_by_name(everything: Qemu) -> None:
    with pytest.raises(SpiceLinkError, match="refused the password") as told:
        await everything.connection("not-this").connect_main_channel(10)
    assert (told.value.stage, told.value.code) == (LinkStage.RESULT, LinkCode.PERMISSION_DENIED)


async def test_an_absent_channel_and_a_foreign_session_are_told_apart(everything: Qemu) -> None:
    connection, _ = await session(everything)
    with pytest.raises(
        SpiceLinkError, match=r"display:9 .* that its server has but it has .*display:0.*inputs:0"
    ) as absent:
        await connection.open_channel(Type.DISPLAY, 9, timeout=10)
    assert list(connection.channels) == [(Type.MAIN, 0)]
    assert absent.value.stage is LinkStage.REPLY_HEADER
    connection.session_id += 1
    with pytest.raises(SpiceLinkError) as foreign:
        await connection.open_channel(Type.INPUTS, timeout=10)
    assert (foreign.value.stage, foreign.value.code) == (LinkStage.RESULT, LinkCode.BAD_CONNECTION_ID)
    await connection.close()


async def test_a_second_client_takes_the_session_and_the_first_is_told(everything: Qemu) -> None:
    first, _ = await session(everything)
    display = await opened(first, Type.DISPLAY)
    main_channel = speaking(first.channels[Type.MAIN, 0])
    second, _ = await session(everything)
    with pytest.raises(ChannelError, match="another client has taken the session: the server still listens"):
        await main_channel.wait_until(lambda: False, 10, "be kicked")
    with pytest.raises(ChannelError, match=r"another client has taken the session: .*'Connect To SPICE'"):
        await display.wait_until(lambda: False, 10, "be kicked")
    assert second.channels[Type.MAIN, 0].state is SpiceChannelState.LINKED
    await first.close()
    await second.close()


async def test_a_qemu_that_ends_is_told_as_that() -> None:
    with qemu() as running:
        connection, _ = await session(running)
        main_channel = speaking(connection.channels[Type.MAIN, 0])
        running.process.kill()
        await asyncio.to_thread(running.process.wait, 10)
        with pytest.raises(ChannelError, match="nobody listens there any more: QEMU has ended"):
            await main_channel.wait_until(lambda: False, 10, "end")
        await connection.close()


async def test_a_message_that_the_server_can_not_read_costs_its_channel_only(everything: Qemu) -> None:
    """KEY_DOWN of one byte where four belong, as `Truncate Next Message` sends it."""
    connection, _ = await session(everything)
    keys = await opened(connection, Type.INPUTS)
    await keys.send_frame(Frame(inputs.KeyDown.kind.number, b"\x1e"), 5)
    with pytest.raises(ChannelError, match="the server closed it"):
        await keys.wait_until(lambda: False, 10, "end")
    assert connection.channels[Type.MAIN, 0].state is SpiceChannelState.LINKED
    await connection.close()


@pytest.fixture(scope="module")
def authority(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Path]:
    """A directory as QEMU wants it for TLS, and another CA's file."""
    directory = tmp_path_factory.mktemp("x509")
    ours = Authority(directory, "ca-cert")
    certificate, key = ours.server("server-cert", "127.0.0.1")
    key.rename(directory / "server-key.pem")
    assert certificate.name == "server-cert.pem"
    return directory, Authority(directory, "another").file


@pytest.fixture(scope="module")
def encrypted(authority: tuple[Path, Path]) -> Iterator[Qemu]:
    """One that takes its main channel by TLS only."""
    words = f"password-secret=ticket,port={{port}},tls-port={{tls_port}},tls-channel=main,x509-dir={authority[0]}"
    with qemu(spice=words) as running:
        yield running


async def test_a_tls_only_channel_is_refused_in_plain_by_name(encrypted: Qemu) -> None:
    with pytest.raises(SpiceLinkError, match=r"takes this channel by TLS only .* NEED_SECURED") as told:
        await encrypted.connection().connect_main_channel(10)
    assert (told.value.stage, told.value.code) == (LinkStage.REPLY, LinkCode.NEED_SECURED)


@pytest.mark.parametrize("subject", ["", "CN=127.0.0.1"])
async def test_tls_with_the_server_s_ca_links_by_host_name_or_subject(
    encrypted: Qemu, authority: tuple[Path, Path], subject: str
) -> None:
    connection = encrypted.connection(tls=SpiceTls(authority[0] / "ca-cert.pem", subject))
    await connection.connect_main_channel(10)
    assert (await opened(connection, Type.DISPLAY)).channel.state is SpiceChannelState.LINKED
    await connection.close()


async def test_another_ca_and_another_subject_are_refused_before_the_ticket_is_sent(
    encrypted: Qemu, authority: tuple[Path, Path]
) -> None:
    with pytest.raises(ChannelError, match="its certificate can't be trusted"):
        await encrypted.connection(tls=SpiceTls(authority[1])).connect_main_channel(10)
    strict = SpiceTls(authority[0] / "ca-cert.pem", "O=Site,CN=node-1")
    with pytest.raises(ChannelError, match=r"its certificate is for 'CN=127\.0\.0\.1', not for 'O=Site,CN=node-1'"):
        await encrypted.connection(tls=strict).connect_main_channel(10)


async def test_a_plain_port_that_is_spoken_to_in_tls_is_called_that(
    encrypted: Qemu, authority: tuple[Path, Path]
) -> None:
    connection = encrypted.connection(tls=SpiceTls(authority[0] / "ca-cert.pem"))
    connection.endpoint = type(connection.endpoint)("spiced", "127.0.0.1", None, encrypted.port)
    with pytest.raises(ChannelError, match=r"TLS failed|TLS port|closed"):
        await connection.connect_main_channel(10)


def _make_user(saslpasswd: str, directory: Path, mechanism: str) -> None:
    """QEMU's configuration of SASL in that directory, and a database with the user "tester"."""
    database = directory / "users.db"
    (directory / "qemu.conf").write_text(f"mech_list: {mechanism.lower()}\nsasldb_path: {database}\n")
    command = [saslpasswd, "-p", "-c", "-a", "qemu", "-f", str(database), "tester"]
    subprocess.run(command, input=PASSWORD.encode(), check=True, capture_output=True, timeout=20)


@pytest.mark.parametrize("mechanism", ["PLAIN", "SCRAM-SHA-1", "SCRAM-SHA-256"])
async def test_a_server_with_sasl_takes_user_and_password(
    authority: tuple[Path, Path], tmp_path: Path, mechanism: str
) -> None:
    saslpasswd = shutil.which("saslpasswd2", path="/usr/sbin:/usr/bin:/sbin:/bin")
    assert saslpasswd is not None, "sasl2-bin is missing: run scripts/setup"
    _make_user(saslpasswd, tmp_path, mechanism)
    words = f"sasl=on,tls-port={{tls_port}},x509-dir={authority[0]}"
    with qemu(spice=words, environ={"SASL_CONF_PATH": str(tmp_path)}) as running:
        tls = SpiceTls(authority[0] / "ca-cert.pem")
        connection = running.connection(tls=tls, options=SpiceOptions(user="tester"))
        main = speaking(await connection.connect_main_channel(10)).conversation
        assert main.linked.mechanism == mechanism
        assert (await opened(connection, Type.INPUTS)).conversation.linked.mechanism == mechanism
        await connection.close()
        with pytest.raises(SpiceLinkError, match="Check user and password") as told:
            await running.connection("wrong", tls=tls, options=SpiceOptions(user="tester")).connect_main_channel(10)
        assert told.value.stage in (LinkStage.CHALLENGE, LinkStage.RESULT)
        with pytest.raises(SpiceLinkError, match="asks for a user"):
            await running.connection(tls=tls).connect_main_channel(10)
