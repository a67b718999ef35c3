"""What the two guests consist of."""

from __future__ import annotations

import pytest

from ATPLibrary.lab.image import DESKTOP, LINUX

pytestmark = pytest.mark.unit


def test_the_desktop_has_all_that_the_plain_guest_has() -> None:
    for package, patterns in LINUX.files.items():
        assert set(patterns) <= set(DESKTOP.files[package]), package
    assert set(LINUX.disk_modules) - {"qxl"} == set(DESKTOP.disk_modules), "its X server drives the qxl itself"
    assert DESKTOP.own_files[: len(LINUX.own_files)] == LINUX.own_files
    assert DESKTOP.name != LINUX.name, "the cache knows them apart by it"


def test_each_directory_of_own_files_is_there_with_what_init_runs() -> None:
    for recipe in (LINUX, DESKTOP):
        assert all(directory.is_dir() for directory in recipe.own_files)
        inittab = next(file for file in (each / "etc/inittab" for each in reversed(recipe.own_files)) if file.exists())
        run = {line.rpartition(" ")[2] for line in inittab.read_text().splitlines() if "/etc/atp/" in line}
        for program in run:
            if program.startswith("/etc/atp/"):
                assert any((each / program[1:]).exists() for each in recipe.own_files), program
