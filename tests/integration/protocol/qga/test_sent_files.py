"""Which file is the new one that a SPICE agent has saved beside others of its name; the guest's qemu-ga is a real one."""

from __future__ import annotations

import hashlib
from pathlib import Path

import pytest

from ATPLibrary.errors import CommandError, InputError, VerificationError
from ATPLibrary.orchestrator.spice_files import free_name, proved
from ATPLibrary.protocol.qga import Qga
from ATPLibrary.protocol.spice.agent.talk import SentFile

pytestmark = pytest.mark.integration

SENT = SentFile("f.tar.gz", 4, 0.1, hashlib.sha256(b"sent").hexdigest())


async def test_the_file_that_is_new_is_looked_at_and_not_an_older_one_of_its_name(qga: Qga, tmp_path: Path) -> None:
    there = f"{tmp_path}/new"
    assert await free_name(qga, there, "f.tar.gz", 10) == "f.tar.gz"  # nor need the directory be there
    for name in ("f.tar.gz", "f.tar (1).gz", "f.tar (3).gz"):
        (tmp_path / name).write_bytes(b"sent")
    name = await free_name(qga, f"{tmp_path}/", "f.tar.gz", 10)
    assert name == "f.tar (2).gz"
    with pytest.raises(CommandError, match=r"f\.tar \(2\)\.gz' .* should be opened but is not: .*No such file"):
        await proved(qga, str(tmp_path), name, SENT, 10)
    (tmp_path / name).write_bytes(b"else")
    with pytest.raises(VerificationError, match=r"f\.tar \(2\)\.gz' .* should have SHA-256 \w{64} but .* says \w{64}"):
        await proved(qga, str(tmp_path), name, SENT, 10)
    (tmp_path / name).write_bytes(b"sent")
    (tmp_path / "f.tar.gz").write_bytes(b"older")
    assert (await proved(qga, str(tmp_path), name, SENT, 10)).name == "f.tar (2).gz"


async def test_names_are_numbered_as_the_agent_does_and_end_where_it_ends(qga: Qga, tmp_path: Path) -> None:
    for taken, free in (("plain", "plain (1)"), (".hidden", " (1).hidden")):
        (tmp_path / taken).touch()
        assert await free_name(qga, str(tmp_path), taken, 10) == free
    for number in range(1, 64):
        (tmp_path / f"plain ({number})").touch()
    with pytest.raises(InputError, match="should have room for another 'plain' but has 64 numbered ones"):
        await free_name(qga, str(tmp_path), "plain", 10)
