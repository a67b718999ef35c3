"""Keywords for what the lab's platform doesn't serve: what they send to one that does, and what they make of its answers."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import httpx
import pytest
from robot.api.types import Secret
from tests.unit.keywords.conftest import page
from tests.unit.vdi.conftest import ScriptedPlatform, ok

from ATPLibrary.errors import InputError, PlatformError, VerificationError, VmNotFoundError
from ATPLibrary.orchestrator import Workspace

pytestmark = pytest.mark.unit

V1 = "/ocloud/v1"
MAC = "52:54:00:12:34:56"


@pytest.fixture
def platform() -> ScriptedPlatform:
    platform = ScriptedPlatform()
    platform.answers |= {
        f"GET {V1}/group/tree": ok([{"distinguishedName": "ou=users", "ou": "users"}]),
        f"GET {V1}/event": page(),
        f"GET {V1}/domain": page({"id": "7", "name": "sales-1", "hostId": "h"}),
        f"GET {V1}/domain/7/nic": ok([{"id": "n1", "mac": MAC}]),
    }
    return platform


def test_a_sheet_is_sent_as_it_is_and_the_new_users_are_ours_to_remove(
    tester: Any, platform: ScriptedPlatform, tmp_path: Path
) -> None:
    sheet = tmp_path / "users.xls"
    sheet.write_bytes(b"\xd0\xcf zhang")
    old, new = ({"sAMAccountName": name, "distinguishedName": f"cn={name},ou=users"} for name in ("li", "zhang"))
    platform.answers[f"GET {V1}/user"] = [page(old), page(old, new)]
    platform.answers[f"POST {V1}/user/import-excel"] = ok({"list": ["zhang: 成功"]})
    platform.answers[f"POST {V1}/user/delete"] = ok()
    assert tester.import_users(sheet) == ["zhang"]
    assert platform.asked(f"{V1}/user/import-excel")[0].content == b"\xd0\xcf zhang"
    tester.remove_created_things()
    assert platform.body(f"{V1}/user/delete") == {"userId": "zhang", "group": "ou=users"}
    assert len(platform.asked(f"{V1}/user/delete")) == 1


def test_a_sheet_that_makes_nobody_fails_with_what_the_platform_says(
    tester: Any, platform: ScriptedPlatform, tmp_path: Path
) -> None:
    sheet = tmp_path / "users.xls"
    sheet.write_bytes(b"rows")
    platform.answers[f"GET {V1}/user"] = page()
    platform.answers[f"POST {V1}/user/import-excel"] = ok({"list": ["第2行: 账号为空"]})
    with pytest.raises(VerificationError, match=r"should make users but made none \(第2行: 账号为空\)"):
        tester.import_users(sheet)


def test_the_empty_sheet_is_saved(tester: Any, platform: ScriptedPlatform, tmp_path: Path) -> None:
    platform.answers[f"GET {V1}/user/download-template"] = httpx.Response(
        200, content=b"PK sheet", headers={"Content-Type": "application/octet-stream"}
    )
    assert tester.save_user_sheet(str(tmp_path / "users.xls")) == str(tmp_path / "users.xls")
    assert (tmp_path / "users.xls").read_bytes() == b"PK sheet"


@pytest.mark.parametrize(("source", "path"), [("directory", "sync-ldap"), ("zhezhengding", "sync-zzd-users")])
def test_users_are_read_again_from_where_they_are_kept(
    tester: Any, platform: ScriptedPlatform, source: str, path: str
) -> None:
    platform.answers[f"POST {V1}/user/{path}"] = ok()
    tester.synchronize_users(source)
    assert len(platform.asked(f"{V1}/user/{path}")) == 1


def test_a_card_is_told_its_address_and_limits_by_its_own_id(tester: Any, platform: ScriptedPlatform) -> None:
    platform.answers[f"PATCH {V1}/nic/n1/ip"] = platform.answers[f"PATCH {V1}/nic/n1/speed-limit"] = ok()
    tester.set_network_card_address("sales-1", MAC.upper(), "10.0.0.7", mask="255.255.255.0")
    assert platform.body(f"{V1}/nic/n1/ip") == {"ip": "10.0.0.7", "mask": "255.255.255.0"}
    tester.limit_network_card("sales-1", MAC, in_average=1000, out_burst=0)
    assert platform.body(f"{V1}/nic/n1/speed-limit") == {"inAverage": "1000", "outBurst": "0"}
    with pytest.raises(PlatformError, match=r"no network card of VM 'sales-1' '00:11'"):
        tester.limit_network_card("sales-1", "00:11", in_average=1)


def test_the_answer_of_a_user_who_is_asked_is_a_word(tester: Any, platform: ScriptedPlatform) -> None:
    platform.answers[f"POST {V1}/domain/7/monitor"] = ok({"status": 0})
    request = tester.ask_to_watch_desktop("sales-1")
    assert json.loads(platform.asked(f"{V1}/domain/7/monitor")[0].content) == {"requestId": request}
    platform.answers[f"GET {V1}/domain/7/monitor/{request}"] = [ok({"status": 0}), ok({"status": 2})]
    assert tester.get_watch_answer("sales-1", request) == "asked"
    with pytest.raises(VerificationError, match="should be 'accepted' but is 'refused'"):
        tester.get_watch_answer("sales-1", request, "==", "accepted")


def test_keys_come_as_secrets(tester: Any, platform: ScriptedPlatform) -> None:
    key = {"domainId": "7", "ip": "10.0.0.1", "port": "5901", "key": "spice-key-77"}
    platform.answers[f"GET {V1}/domain/7/spice-key"] = ok(key)
    platform.answers[f"GET {V1}/domain/7/vnc-password"] = ok({"password": "vnc-word-88"})
    spice, vnc = tester.get_desktop_spice_key("sales-1"), tester.get_desktop_vnc_password("sales-1")
    assert (type(spice), type(vnc)) == (Secret, Secret)
    assert (spice.value, vnc.value) == ("spice-key-77", "vnc-word-88")


def test_a_login_without_a_known_password_is_not_tried(tester: Any, platform: ScriptedPlatform) -> None:
    with pytest.raises(InputError, match="none was set by a keyword of this run"):
        tester.user_should_see_desktop("zhang", "sales-1")
    assert platform.asked("/ocloud/usermodule/userlogin2") == []


def test_a_user_that_broke_off_while_it_was_made_is_removed_all_the_same(
    tester: Any, platform: ScriptedPlatform
) -> None:
    zhang = {"sAMAccountName": "zhang", "distinguishedName": "cn=zhang,ou=users"}
    platform.answers[f"GET {V1}/user"] = [page(), page(zhang)]
    platform.answers[f"POST {V1}/user"] = httpx.ReadError("cut off")
    platform.answers[f"POST {V1}/user/delete"] = ok()
    with pytest.raises(PlatformError):
        tester.create_user("zhang")
    tester.remove_created_things()
    assert platform.body(f"{V1}/user/delete")["userId"] == "zhang"


def test_a_user_that_was_refused_is_nobodys_to_remove(tester: Any, platform: ScriptedPlatform) -> None:
    platform.answers[f"GET {V1}/user"] = page()
    platform.answers[f"POST {V1}/user"] = httpx.Response(200, json={"status": 1, "msg": "用户已存在"})
    with pytest.raises(PlatformError, match="用户已存在"):
        tester.create_user("zhang")
    assert Workspace.current().creations.all == ()


@pytest.mark.parametrize(
    ("answer", "said"),
    [
        (httpx.Response(200, headers={"Content-Type": "application/vnd.ms-excel"}), "it answered nothing"),
        (
            httpx.Response(200, html="<html>Please log in</html>"),
            "it answered a web page .*: '<html>Please log in</html>'",
        ),
    ],
)
def test_what_is_no_file_is_not_saved(
    tester: Any, platform: ScriptedPlatform, tmp_path: Path, answer: httpx.Response, said: str
) -> None:
    platform.answers |= dict.fromkeys((f"GET {V1}/user/download-template", f"GET {V1}/log/export"), answer)
    for save in (tester.save_user_sheet, tester.export_operation_log):
        with pytest.raises(PlatformError, match=f"with a file but {said}"):
            save(str(tmp_path / "file.xls"))
    assert not (tmp_path / "file.xls").exists()


def test_no_terminal_is_nothing_to_be_grouped(tester: Any, platform: ScriptedPlatform) -> None:
    asked = len(platform.requests)
    for group in (tester.put_terminals_into_group, tester.take_terminals_out_of_group):
        with pytest.raises(InputError, match="No terminal is named"):
            group("reading room")
    assert len(platform.requests) == asked


def test_a_disk_s_file_name_that_two_disks_have_is_none_of_them(tester: Any, platform: ScriptedPlatform) -> None:
    disks = [
        {"id": f"d{n}", "name": f"disk {n}", "filename": "disk.qcow2", "path": f"/p{n}/disk.qcow2"} for n in (1, 2)
    ]
    platform.answers |= {
        f"GET {V1}/domain/7/disk": ok([{**disk, "volFullPath": disk["path"]} for disk in disks]),
        f"DELETE {V1}/domain/7/disk/d2": ok(),
    }
    with pytest.raises(PlatformError, match=r"2 disks of VM 'sales-1' whose file is 'disk\.qcow2'.*: d1 .*, d2 "):
        tester.delete_desktop_disk("sales-1", "disk.qcow2")
    for said in ("d2", "disk 2", "/p2/disk.qcow2"):
        tester.delete_desktop_disk("sales-1", said)


@pytest.mark.parametrize(
    ("told", "desktop", "match"),
    [
        ({"machinenums": 2}, "sales-1", r"2 desktops that it counts \(machinenums\) but tells none"),
        ({"needSmsVerify": True, "machines": {}}, "sales-1", "code of a text message"),
        ({"machinenums": 0, "machines": {}}, "sales1", "no VM 'sales1'"),
    ],
)
def test_a_login_that_shows_nothing_yet_proves_nothing(
    tester: Any, platform: ScriptedPlatform, told: dict[str, Any], desktop: str, match: str
) -> None:
    answer = {"returnCode": 0, "msg": "ok", "userName": "zhang", **told}
    platform.answers["POST /ocloud/usermodule/userlogin2"] = httpx.Response(200, json=answer)
    with pytest.raises((PlatformError, VmNotFoundError), match=match):
        tester.user_should_not_see_desktop("zhang", desktop, Secret("horse-battery"))
