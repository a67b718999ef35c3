"""The link against a server in this process: each way that it can fail has its own error, which names the stage."""

from __future__ import annotations

import asyncio

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tests.spice.server import SESSION, Behaviour, spice_server

from ATPLibrary.errors import ChannelError, DeadlineError, InputError
from ATPLibrary.protocol.spice.client import speaking
from ATPLibrary.protocol.spice.errors import LinkCode, LinkStage, SpiceLinkError
from ATPLibrary.protocol.spice.link import Identity, LinkMachine, LinkRequest
from ATPLibrary.protocol.spice.options import SpiceOptions
from ATPLibrary.secrets import Secret
from ATPLibrary.transport.spice import SpiceChannelType as Type
from ATPLibrary.transport.spice_connection import SpiceChannelState

pytestmark = pytest.mark.unit
# Of the server's: link header, link reply with two words of capabilities, result.
_HEADER, _REPLY, _RESULT = 16, 16 + 178 + 8, 16 + 178 + 8 + 4


async def test_the_link_message_is_the_specification_s_byte_for_byte() -> None:
    machine = LinkMachine("A channel", LinkRequest(Type.DISPLAY, 1, SESSION, channel_caps=0x1052, common_caps=0xB))
    wanted = "52454451 02000000 02000000 1a000000 44332211 02 01 01000000 01000000 12000000 0b000000 52100000"
    assert machine.start().hex() == wanted.replace(" ", "")
    assert machine.stage is LinkStage.REPLY_HEADER


async def test_a_session_is_linked_with_the_ticket_and_other_channels_with_its_number() -> None:
    async with spice_server(Behaviour(ticket="let me in")) as server:
        connection = server.connection("let me in")
        main = await connection.connect_main_channel(5)
        assert main.state is SpiceChannelState.LINKED
        assert connection.session_id == SESSION
        inputs = await connection.open_channel(Type.INPUTS, timeout=5)
        peer = await server.peer(Type.INPUTS)
        assert (peer.session, peer.ticket) == (SESSION, "let me in")
        assert speaking(inputs).conversation.wire.statistics.round_trips.count == 2
        await connection.close()


async def test_without_a_password_a_well_formed_empty_ticket_is_sent() -> None:
    async with spice_server() as server:
        connection = server.connection()
        await connection.connect_main_channel(5)
        assert (await server.peer(Type.MAIN)).ticket == ""
        await connection.close()


async def test_a_wrong_password_is_called_that_and_no_print_shows_it() -> None:
    async with spice_server(Behaviour(ticket="right")) as server:
        with pytest.raises(
            SpiceLinkError, match=r"refused the password \(error 7, PERMISSION_DENIED\) in stage RESULT"
        ) as told:
            await server.connection("wrong-one").connect_main_channel(5)
        assert (told.value.stage, told.value.code) == (LinkStage.RESULT, LinkCode.PERMISSION_DENIED)
        assert "wrong-one" not in str(told.value)


@pytest.mark.parametrize("code", [each for each in LinkCode if each is not LinkCode.OK])
async def test_each_error_of_a_link_reply_has_its_name(code: LinkCode) -> None:
    async with spice_server(Behaviour(errors={Type.MAIN: int(code)})) as server:
        with pytest.raises(SpiceLinkError, match=rf"\(error {int(code)}, {code.name}\) in stage REPLY") as told:
            await server.connection().connect_main_channel(5)
        assert told.value.code is code


async def test_an_error_that_the_specification_does_not_have_is_told_by_number() -> None:
    async with spice_server(Behaviour(errors={Type.MAIN: 77})) as server:
        with pytest.raises(SpiceLinkError, match=r"\(error 77, unknown to the specification\)"):
            await server.connection().connect_main_channel(5)


async def test_a_session_that_the_server_does_not_know_is_told_after_the_ticket() -> None:
    async with spice_server() as server:
        connection = server.connection()
        await connection.connect_main_channel(5)
        connection.session_id = 1
        with pytest.raises(SpiceLinkError, match=r"BAD_CONNECTION_ID\) in stage RESULT"):
            await connection.open_channel(Type.INPUTS, timeout=5)
        await connection.close()


async def test_an_absent_channel_is_a_closed_connection_before_the_reply() -> None:
    async with spice_server(Behaviour(absent={Type.RECORD})) as server:
        connection = server.connection()
        await connection.connect_main_channel(5)
        with pytest.raises(
            SpiceLinkError, match=r"record:0 .* should be linked but the server closed .* in stage REPLY_HEADER .*no such channel"
        ):  # fmt: skip
            await connection.open_channel(Type.RECORD, timeout=5)
        assert connection.channels[Type.MAIN, 0].state is SpiceChannelState.LINKED
        await connection.close()


OFFERED = [(int(each), 0) for each in Type if each is not Type.RECORD]


@pytest.mark.parametrize("ends", ["is closed", "is refused"])
async def test_a_channel_that_the_server_does_not_offer_is_told_with_those_that_it_does(ends: str) -> None:
    refusal = {Type.RECORD: int(LinkCode.CHANNEL_NOT_AVAILABLE)} if ends == "is refused" else {}
    absent = {Type.RECORD} if ends == "is closed" else set()
    async with spice_server(Behaviour(absent=absent, errors=refusal, channels=OFFERED)) as server:
        connection = server.connection()
        await connection.connect_main_channel(5)
        with pytest.raises(
            SpiceLinkError,
            match=r"record:0 of VM 'win11' should be one that its server has but it has cursor:0, display:0, .*; asked "
            r"for another, it refused the link in stage REPLY.* or add <sound>, with <audio type='spice'/>, to the VM",
        ) as told:
            await connection.open_channel(Type.RECORD, timeout=5)
        assert told.value.stage is (LinkStage.REPLY if refusal else LinkStage.REPLY_HEADER)
        assert list(connection.channels) == [(Type.MAIN, 0)], "what the VM doesn't have isn't kept as a channel of it"
        # One that it does have is kept, with what befell it.
        server.behaviour.errors[Type.CURSOR] = int(LinkCode.NEED_SECURED)
        with pytest.raises(SpiceLinkError, match="by TLS only"):
            await connection.open_channel(Type.CURSOR, timeout=5)
        assert connection.channels[Type.CURSOR, 0].state is SpiceChannelState.FAILED
        await connection.close()


async def test_a_channel_that_the_vm_is_given_later_is_one_more_of_those_that_its_server_offers() -> None:
    """Of it spice-server tells with a list that has nothing else."""
    async with spice_server(Behaviour(channels=OFFERED)) as server:
        connection = server.connection()
        main = speaking(await connection.connect_main_channel(5))
        assert not connection.offers(Type.RECORD, 0)
        assert connection.offers(Type.DISPLAY, 0)
        (await server.peer(Type.MAIN)).send(104, bytes.fromhex("01000000 0600"))
        await main.expect("CHANNELS_LIST", 5, from_now_on=True)
        assert connection.offers(Type.RECORD, 0)
        assert connection.offers(Type.DISPLAY, 0)
        await connection.close()


@pytest.mark.parametrize("cut_at", range(_RESULT))
async def test_a_link_that_ends_at_any_byte_says_in_which_stage(cut_at: int) -> None:
    stage = LinkStage.REPLY_HEADER if cut_at < _HEADER else LinkStage.REPLY if cut_at < _REPLY else LinkStage.RESULT
    begin = {LinkStage.REPLY_HEADER: 0, LinkStage.REPLY: _HEADER, LinkStage.RESULT: _REPLY}[stage]
    end = {LinkStage.REPLY_HEADER: _HEADER, LinkStage.REPLY: _REPLY, LinkStage.RESULT: _RESULT}[stage]
    come = f"after {cut_at - begin} of its {end - begin} bytes" if cut_at > begin else "before any of it"
    async with spice_server(Behaviour(cut_at=cut_at)) as server:
        with pytest.raises(SpiceLinkError, match=f"closed the connection in stage {stage.name} .*, {come}") as told:
            await server.connection().connect_main_channel(5)
        assert told.value.stage is stage


async def test_a_server_that_ends_after_the_link_is_not_called_linked() -> None:
    async with spice_server(Behaviour(cut_at=_RESULT)) as server:
        with pytest.raises(ChannelError, match="the server closed it while INIT was awaited"):
            await server.connection().connect_main_channel(5)


async def test_a_server_that_links_and_says_nothing_runs_into_the_deadline_with_what_is_awaited() -> None:
    async with spice_server(Behaviour(silent={Type.MAIN})) as server:
        with pytest.raises(DeadlineError, match=r"linked; INIT is awaited"):
            await server.connection().connect_main_channel(0.3)


@pytest.mark.parametrize(
    ("reply", "reason"),
    [
        (b"HTTP/1.1 400 Bad Request\r\n\r\n", r"begins with b'HTTP', not with b'REDQ'"),
        (bytes.fromhex("52454451 01000000 00000000 b2000000"), r"speaks version 1\.0"),
        (bytes.fromhex("52454451 02000000 02000000 ffffffff"), "says it has 4294967295 bytes, where 178 to 4096 are possible"),
        (bytes.fromhex("52454451 02000000 02000000 10000000"), "says it has 16 bytes"),
        (bytes.fromhex("52454451 02000000 02000000 b2000000") + bytes(166) + bytes.fromhex("ffffffff 01000000 b2000000"),
         r"says 4294967295 \+ 1 words of capabilities at byte 178 of 178"),
        (bytes.fromhex("52454451 02000000 02000000 b2000000") + bytes(178), "its public key"),
    ],
)  # fmt: skip
async def test_a_reply_that_lies_is_refused_with_the_reason(reply: bytes, reason: str) -> None:
    async with spice_server(Behaviour(reply=reply)) as server:
        with pytest.raises(SpiceLinkError, match=reason):
            await server.connection().connect_main_channel(5)


async def test_the_full_header_is_spoken_with_a_server_that_has_no_mini_header() -> None:
    async with spice_server(Behaviour(common_caps=0x3)) as server:
        connection = server.connection()
        main = await connection.connect_main_channel(5)
        assert not speaking(main).conversation.linked.mini_header
        assert not (await server.peer(Type.MAIN)).mini
        await connection.close()


async def test_a_client_may_leave_the_mini_header_away_itself() -> None:
    async with spice_server() as server:
        connection = server.connection(options=SpiceOptions(common_caps=0x3))
        await connection.connect_main_channel(5)
        assert not (await server.peer(Type.MAIN)).mini
        await connection.close()


async def test_a_server_without_choice_of_authentication_gets_the_ticket_at_once() -> None:
    async with spice_server(Behaviour(ticket="t", common_caps=0x8)) as server:
        connection = server.connection("t")
        await connection.connect_main_channel(5)
        await connection.close()


async def test_a_ticket_that_no_server_takes_is_refused_here() -> None:
    async with spice_server() as server:
        with pytest.raises(InputError, match="at most 60 bytes"):
            await server.connection("x" * 61).connect_main_channel(5)


async def test_a_server_that_is_gone_while_it_is_linked_frees_the_socket() -> None:
    async with spice_server(Behaviour(cut_at=20)) as server:
        connection = server.connection()
        with pytest.raises(SpiceLinkError):
            await connection.connect_main_channel(5)
        main = connection.channels[Type.MAIN, 0]
        assert (main.state, main.writer, main.speaker) == (SpiceChannelState.FAILED, None, None)
        assert "stage REPLY" in main.failure
        assert [task for task in asyncio.all_tasks() if task.get_name().startswith("SPICE")] == []


@settings(max_examples=300, deadline=None)
@given(pieces=st.lists(st.binary(max_size=300), max_size=6), begins_well=st.booleans())
def test_whatever_a_server_answers_the_link_asks_for_little_and_ends_in_its_own_error(
    pieces: list[bytes], begins_well: bool
) -> None:
    machine = LinkMachine("A channel", LinkRequest(Type.MAIN, 0), Identity(Secret("ticket"), user="tester"))
    machine.start()
    if begins_well:
        pieces = [bytes.fromhex("52454451 02000000 02000000 b2000000"), *pieces]
    try:
        for piece in pieces:
            machine.feed(piece)
            assert len(machine.rest) <= max(4096, 300 * 6)
    except SpiceLinkError as error:
        assert error.stage is machine.stage  # noqa: PT017
    else:
        assert machine.ended().stage is machine.stage
