from __future__ import annotations

import json
from pathlib import Path

import pytest

from ATPLibrary.errors import LabError
from ATPLibrary.lab.settings import AcceleratorSettings, ImageSettings, LabHostSettings, LabSettings, PlatformAccount

pytestmark = pytest.mark.unit

SETTINGS = LabSettings(
    hosts=(
        LabHostSettings(
            id="1", name="lab-a", uri="qemu+unix:///session?socket=/s", ip="127.0.0.2", directory=Path("/tmp/a")
        ),
    ),
    image=ImageSettings(
        directory=Path("/i"), kernel=Path("/i/k"), initrd=Path("/i/i"), disk=Path("/i/d"), cmdline="quiet", key="1"
    ),
    accelerator=AcceleratorSettings(kind="tcg", reason="no /dev/kvm"),
    platform=PlatformAccount(password="geheim"),
)


def test_what_is_saved_is_what_is_loaded_and_only_the_owner_reads_it(tmp_path: Path) -> None:
    SETTINGS.save(tmp_path)
    assert LabSettings.load(tmp_path) == SETTINGS
    assert (tmp_path / "lab.json").stat().st_mode & 0o777 == 0o600
    assert [path.name for path in tmp_path.iterdir()] == ["lab.json"]


def test_the_password_is_not_printed() -> None:
    assert "geheim" not in repr(SETTINGS)


def test_no_settings_says_how_to_get_some(tmp_path: Path) -> None:
    with pytest.raises(LabError, match="atp lab up"):
        LabSettings.load(tmp_path)


@pytest.mark.parametrize("text", ["", "{", "[]", '{"hosts": 3}', "\udcff"])
def test_broken_settings_are_one_sentence_without_their_content(tmp_path: Path, text: str) -> None:
    (tmp_path / "lab.json").write_text(text, errors="surrogateescape")
    with pytest.raises(LabError, match=r"lab\.json"):
        LabSettings.load(tmp_path)


def test_a_wrong_entry_is_named_and_no_secret_is_quoted(tmp_path: Path) -> None:
    values = json.loads(SETTINGS.model_dump_json())
    values["accelerator"]["kind"] = "xen"
    (tmp_path / "lab.json").write_text(json.dumps(values))
    with pytest.raises(LabError, match=r"accelerator\.kind") as caught:
        LabSettings.load(tmp_path)
    assert "geheim" not in str(caught.value)
