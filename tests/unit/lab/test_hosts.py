from __future__ import annotations

import os
from pathlib import Path

import pytest

from ATPLibrary.errors import LabError
from ATPLibrary.lab.hosts import LabHost, last_lines, short_directory

pytestmark = pytest.mark.unit


def test_sockets_are_short_however_long_the_labs_directory_is(tmp_path: Path) -> None:
    short = short_directory(tmp_path / ("x" * 200) / ("y" * 200))
    assert len(bytes(short)) <= 32
    assert short != short_directory(tmp_path)
    assert short == short_directory(tmp_path / ("x" * 200) / ("y" * 200))


def test_a_host_in_a_directory_that_is_a_link_is_refused(tmp_path: Path) -> None:
    (tmp_path / "real").mkdir()
    (tmp_path / "link").symlink_to("real")
    with pytest.raises(LabError, match="be a directory of this user"):
        LabHost("lab-a", "1", "127.0.0.2", tmp_path / "link" / "a").start()


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can give a directory away")
def test_a_host_in_somebody_elses_directory_is_refused(tmp_path: Path) -> None:
    (tmp_path / "theirs").mkdir()
    os.chown(tmp_path / "theirs", 12345, 12345)
    with pytest.raises(LabError, match="belongs to somebody else"):
        LabHost("lab-a", "1", "127.0.0.2", tmp_path / "theirs" / "a").start()


def test_the_end_of_a_log_is_one_line(tmp_path: Path) -> None:
    (tmp_path / "log").write_text("".join(f"line {n}\n" for n in range(9)))
    assert last_lines(tmp_path / "log", 2) == "line 7 | line 8"
    assert last_lines(tmp_path / "none") == ""
