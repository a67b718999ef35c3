from __future__ import annotations

import os
from pathlib import Path

import pytest

from atp_guest_agent import identity
from atp_guest_agent.keys import button_code, key_code
from atp_guest_agent.log import Log

pytestmark = pytest.mark.unit


def dmi(directory, **values):
    for name, value in values.items():
        (directory / name).write_text(value + "\n")
    return str(directory)


def test_the_dmi_serial_is_the_vm_id(tmp_path):
    found = identity.find(dmi=dmi(tmp_path, product_serial="vm-42", product_uuid="u"))
    assert (found.vm_id, found.vm_id_source) == ("vm-42", "dmi_serial")
    assert found.boot_id == Path("/proc/sys/kernel/random/boot_id").read_text().strip()


@pytest.mark.parametrize("placeholder", ["", "Not Specified", "None", "0", "To be filled by O.E.M.", "Default string"])
def test_a_placeholder_is_no_serial(tmp_path, placeholder):
    found = identity.find(dmi=dmi(tmp_path, product_serial=placeholder, product_uuid="4c4c"))
    assert (found.vm_id, found.vm_id_source) == ("4c4c", "dmi_uuid")


def test_without_dmi_the_host_name_is_the_vm_id(tmp_path):
    found = identity.find(dmi=str(tmp_path))
    assert (found.vm_id, found.vm_id_source, found.token) == (os.uname().nodename, "hostname", None)


def test_a_given_vm_id_wins(tmp_path):
    assert identity.find("mine", dmi=dmi(tmp_path, product_serial="vm-42")).vm_id == "mine"


@pytest.mark.parametrize(
    ("tag", "token"), [("atp-token:abc", "abc"), ("atp-token:", None), ("Asset 7", None), ("", None)]
)
def test_the_token_is_what_follows_the_prefix_in_the_asset_tag(tmp_path, tag, token):
    assert identity.find(dmi=dmi(tmp_path, chassis_asset_tag=tag)).token == token


def test_the_token_file_wins_and_must_be_readable(tmp_path):
    (tmp_path / "token").write_text(" xyz\n")
    assert (
        identity.find(token_file=str(tmp_path / "token"), dmi=dmi(tmp_path, chassis_asset_tag="atp-token:abc")).token
        == "xyz"
    )
    with pytest.raises(FileNotFoundError):
        identity.find(token_file=str(tmp_path / "missing"))


def test_key_names_are_linuxs():
    names = {"a": 30, "leftshift": 42, "Enter": 28, "KEY_F12": 88, "micmute": 248, "ok": 0x160, 0x110: 0x110}
    assert {key: key_code(key) for key in names} == names
    for key in ("", "-", "nokey", None, True, -1, 0x300, 1.5, []):
        assert key_code(key) is None
    assert button_code("left") == 0x110
    assert button_code("BTN_EXTRA") == 0x114


def test_key_codes_agree_with_the_kernels_header():
    header = "/usr/include/linux/input-event-codes.h"
    if not os.path.exists(header):
        pytest.skip(f"{header} is not here (package linux-libc-dev)")
    checked = 0
    for line in Path(header).read_text().splitlines():
        words = line.split()
        if len(words) >= 3 and words[0] == "#define" and words[1].startswith("KEY_") and words[2][0].isdigit():
            name, code = words[1][4:].lower(), int(words[2], 0)
            if code <= 248 and name != "min_interesting":
                assert key_code(name) == code, name
                checked += 1
    assert checked > 230


def test_the_log_is_bounded_and_counts_repeats(tmp_path):
    log = Log(str(tmp_path / "log"), limit=2000)
    for number in range(1000):
        log.say(f"line {number}")
    assert (tmp_path / "log").stat().st_size <= 2000
    assert "line 999" in (tmp_path / "log").read_text()
    for _ in range(5):
        log.say("again")
    log.say("other")
    assert "came 4 more times" in (tmp_path / "log").read_text()


def test_a_log_that_cannot_be_written_does_not_raise():
    if not os.path.exists("/dev/full"):
        pytest.skip("/dev/full is not here")
    Log("/dev/full").say("nothing to see")
