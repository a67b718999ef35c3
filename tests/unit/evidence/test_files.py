from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from ATPLibrary.keywords.evidence.files import Directory, Place, new_directory, place

pytestmark = pytest.mark.unit


def test_evidence_goes_beside_the_log(tmp_path: Path) -> None:
    where = place(str(tmp_path), str(tmp_path / "log.html"), str(tmp_path / "output.xml"))
    assert where == Place(tmp_path / "evidence", tmp_path)


def test_a_log_made_later_is_expected_in_the_output_directory(tmp_path: Path) -> None:
    assert place(str(tmp_path), "NONE", str(tmp_path / "output.xml")) == Place(tmp_path / "evidence", tmp_path)


def test_a_run_without_output_has_no_place(tmp_path: Path) -> None:
    assert place(str(tmp_path), "NONE", "NONE") is None


def test_runs_beside_each_other_never_share_a_directory(tmp_path: Path) -> None:
    with ThreadPoolExecutor(8) as pool:
        made = list(pool.map(lambda _: new_directory(tmp_path / "evidence", "Suite", "Test"), range(64)))
    assert len(set(made)) == 64


def test_nothing_is_made_until_something_is_written(tmp_path: Path) -> None:
    directory = Directory(Place(tmp_path / "evidence", tmp_path), "Suite", "Test")
    assert list(tmp_path.iterdir()) == []
    link = directory.write_picture(1, "虚机 1", b"picture")
    assert link == "evidence/Suite-Test-1/1-%E8%99%9A%E6%9C%BA_1.png"
    assert (tmp_path / "evidence" / "Suite-Test-1" / "1-虚机_1.png").read_bytes() == b"picture"
