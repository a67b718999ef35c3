from __future__ import annotations

from pathlib import Path

import pytest

from ATPLibrary.errors import LabError
from ATPLibrary.lab.boot_sector import SOURCES, boot_disk
from ATPLibrary.lab.small_vm import GUESTS

pytestmark = pytest.mark.unit


@pytest.mark.parametrize("guest", GUESTS)
def test_each_guest_is_one_sector_that_a_pc_boots(guest: str, tmp_path: Path) -> None:
    disk = boot_disk(guest, tmp_path)
    content = disk.read_bytes()
    assert len(content) == 512
    assert content.endswith(b"\x55\xaa")
    assert list(tmp_path.iterdir()) == [disk]


def test_there_is_a_guest_for_each_source() -> None:
    assert {path.stem for path in SOURCES.glob("*.s")} == set(GUESTS)


def test_a_program_that_is_too_long_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "long.s").write_text(".globl _start\n_start: .skip 511\n")
    monkeypatch.setattr("ATPLibrary.lab.boot_sector.SOURCES", tmp_path)
    with pytest.raises(LabError, match="'long' should have at most 510 bytes of code but has 511"):
        boot_disk("long", tmp_path)


def test_without_an_assembler_its_package_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(LabError, match=r"as said: .*No such file.*binutils"):
        boot_disk("pictures", tmp_path)
