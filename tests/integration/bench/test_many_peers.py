"""The emulated VMs of the benchmark: a process of their own on real sockets."""

from __future__ import annotations

import asyncio
from pathlib import Path

import pytest
from tests.bench.many.bare import BareVm
from tests.bench.many.caller import TEXT, edges_of
from tests.bench.many.names import qmp_socket
from tests.bench.many.rates import peers

pytestmark = pytest.mark.integration
VMS = 3
SECONDS = 30.0


async def test_several_vms_answer_and_bring_every_key_back_in_order(tmp_path: Path) -> None:
    with peers(tmp_path, VMS):
        vms = [BareVm(tmp_path, number) for number in range(VMS)]
        async with asyncio.timeout(SECONDS):
            await asyncio.gather(*(vm.connect() for vm in vms))
            await asyncio.gather(*(vm.query_status() for vm in vms))
            await asyncio.gather(*(vm.type_edges(edges_of(TEXT)) for vm in vms))
        for vm in vms:
            vm.close()


async def test_a_client_that_goes_takes_nothing_from_the_next(tmp_path: Path) -> None:
    with peers(tmp_path, 1):
        for _ in range(2):
            vm = BareVm(tmp_path, 0)
            async with asyncio.timeout(SECONDS):
                await vm.connect()
                await vm.type_edges(edges_of("ab"))
            vm.close()


async def test_commands_that_come_in_pieces_or_together_are_all_answered(tmp_path: Path) -> None:
    with peers(tmp_path, 1):
        reader, writer = await asyncio.open_unix_connection(str(qmp_socket(tmp_path, 0)))
        async with asyncio.timeout(SECONDS):
            assert b"QMP" in await reader.readline()
            writer.write(b'{"execute":"qmp_capabilities"}{"execute":"query-status","id":1}{"execute":"query-st')
            assert (await reader.readline()).startswith(b'{"return":{}')
            assert b'"id":1' in await reader.readline()
            writer.write(b'atus","id":2}{"execute":"no-such","id":3}')
            assert b'"id":2' in await reader.readline()
            assert b"CommandNotFound" in await reader.readline()
        writer.close()
