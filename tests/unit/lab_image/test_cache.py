"""The image cache: made whole or not at all, and no network when it is there."""

from __future__ import annotations

import fcntl
import json
import os
import stat
import time
from pathlib import Path

import pytest

from ATPLibrary import agent_package
from ATPLibrary.errors import LabError
from ATPLibrary.lab.image import cache
from ATPLibrary.lab.image.packages import Apt, Package, matcher, members
from ATPLibrary.lab.image.recipe import LINUX

pytestmark = pytest.mark.unit


def put_image(images: Path, key: str, source: str, without: str = "") -> Path:
    directory = images / key
    directory.mkdir(parents=True)
    for name in ("vmlinuz", "initrd", "disk.qcow2"):
        if name != without:
            (directory / name).write_bytes(b"x")
    (directory / "manifest.json").write_text(
        json.dumps({"key": key, "source": source, "recipe": LINUX.name, "cmdline": "quiet"})
    )
    return directory


@pytest.fixture
def images(tmp_path: Path) -> Path:
    return tmp_path / "atp" / "images"


@pytest.fixture
def no_programs(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """A machine where nothing can be run: whoever needs apt finds out."""
    monkeypatch.setenv("PATH", str(tmp_path / "nothing"))


@pytest.mark.usefixtures("no_programs")
def test_an_image_that_is_there_is_used_without_asking_apt(tmp_path: Path, images: Path) -> None:
    directory = put_image(images, "abc", cache.source_hash())
    said: list[str] = []
    image = cache.build(said.append, environ={"XDG_CACHE_HOME": str(tmp_path)})
    assert (image.directory, image.key, image.cmdline) == (directory, "abc", "quiet")
    assert image.kernel.is_file()
    assert not said


@pytest.mark.usefixtures("no_programs")
@pytest.mark.parametrize("fault", ["another recipe", "no disk", "no manifest"])
def test_an_image_that_is_not_whole_or_not_of_this_recipe_is_not_used(tmp_path: Path, images: Path, fault: str) -> None:
    source = "other" if fault == "another recipe" else cache.source_hash()
    directory = put_image(images, "abc", source, without="disk.qcow2" if fault == "no disk" else "")
    if fault == "no manifest":
        (directory / "manifest.json").unlink()
    with pytest.raises(LabError, match="no apt-get"):
        cache.build(lambda text: None, environ={"XDG_CACHE_HOME": str(tmp_path)})


@pytest.mark.usefixtures("no_programs")
def test_a_build_clears_what_killed_builders_and_old_recipes_left(tmp_path: Path, images: Path) -> None:
    partial = images / "partial-x1"
    partial.mkdir(parents=True)
    old, recent = put_image(images, "old", "other"), put_image(images, "recent", "other")
    long_ago = time.time() - (cache.UNUSED_DAYS + 1) * 86_400
    os.utime(old, (long_ago, long_ago))
    with pytest.raises(LabError):
        cache.build(lambda text: None, environ={"XDG_CACHE_HOME": str(tmp_path)})
    assert sorted(path.name for path in images.iterdir()) == [".lock", "recent"]
    assert recent.is_dir()


@pytest.mark.usefixtures("no_programs")
def test_a_second_builder_waits_and_says_so_and_gives_up_with_a_sentence(
    tmp_path: Path, images: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(cache, "LOCK_SECONDS", 0.1)
    images.mkdir(parents=True)
    said: list[str] = []
    with (images / ".lock").open("a") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        with pytest.raises(LabError, match=r"should be done within 0\.1 s but still holds the lock"):
            cache.build(said.append, environ={"XDG_CACHE_HOME": str(tmp_path)})
    assert said == ["guest image: another process is building it; waiting for that"]


def test_the_agents_source_and_the_guests_scripts_decide_which_image_it_is() -> None:
    agent = agent_package.source()
    assert agent is not None
    assert (agent / "__main__.py").is_file()
    assert cache.source_hash() == cache.source_hash()


def program(directory: Path, name: str, script: str) -> None:
    directory.mkdir(exist_ok=True)
    file = directory / name
    file.write_text(f"#!/bin/sh\n{script}\n")
    file.chmod(file.stat().st_mode | stat.S_IXUSR)


def test_a_failing_download_is_reported_with_apts_last_words(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    program(tmp_path / "bin", "apt-get", "echo 'E: Failed to fetch http://x: 503' >&2; exit 100")
    monkeypatch.setenv("PATH", f"{tmp_path / 'bin'}:/usr/bin:/bin")
    apt = Apt(tmp_path / "packages", lambda text: None)
    with pytest.raises(LabError, match=r"failed \(100\): E: Failed to fetch http://x: 503"):
        apt.download([Package("p", "1", "p_1_amd64.deb", 5)])


def test_a_machine_whose_apt_knows_no_kernel_is_told_what_to_look_at(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("apt-get", "apt-cache"):
        program(tmp_path / "bin", name, "exit 0")
    monkeypatch.setenv("PATH", f"{tmp_path / 'bin'}:/usr/bin:/bin")
    said: list[str] = []
    with pytest.raises(LabError, match="not even after apt-get update"):
        Apt(tmp_path / "packages", said.append).resolve("linux-image-amd64", ["busybox-static"])
    assert said == ["no package lists on this machine: fetching them (apt-get update, into the cache)"]


def test_a_damaged_package_is_refused_with_its_name(tmp_path: Path) -> None:
    deb = tmp_path / "busybox_1_amd64.deb"
    deb.write_bytes(b"!<arch>\nnonsense")
    with pytest.raises(LabError, match=r"busybox_1_amd64\.deb"):
        list(members(deb, matcher(["*"])))
