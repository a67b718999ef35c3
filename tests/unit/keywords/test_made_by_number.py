"""What an order makes by a number: as many are there, and what others make meanwhile stays theirs."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import httpx
import pytest
from tests.unit.keywords.conftest import page
from tests.unit.vdi.conftest import ScriptedPlatform, ok

from ATPLibrary.errors import PlatformError, VerificationError
from ATPLibrary.keywords.platform.user_sheets import named_in
from ATPLibrary.lab.platform import sheets

pytestmark = pytest.mark.unit

V1 = "/ocloud/v1"
POOL = {"id": "p1", "name": "sales", "enabled": 0, "amount": 3}


def clone(number: int, **more: Any) -> dict[str, Any]:
    return {"id": f"v{number}", "name": f"guest-{number:03}", "status": 0, "motherId": "m1", **more}


def user(account: str) -> dict[str, str]:
    return {"sAMAccountName": account, "distinguishedName": f"cn={account},ou=users"}


@pytest.fixture
def platform() -> ScriptedPlatform:
    platform = ScriptedPlatform()
    platform.answers |= {
        f"GET {V1}/model": page({"id": "m1", "name": "win11", "isModel": 1}),
        f"GET {V1}/domain": page(),
        f"GET {V1}/recycle": page(),
        f"GET {V1}/desk-pool": [page(), page(POOL)],
        f"GET {V1}/desk-pool/p1": ok(POOL),
        f"GET {V1}/desk-pool/p1/domain/list": ok([clone(1), clone(2), clone(3)]),
        f"GET {V1}/group/tree": ok([{"distinguishedName": "ou=users", "ou": "users"}]),
        f"GET {V1}/event": page(),
        f"GET {V1}/event/e1": ok({"id": "e1", "isSuccess": 0}),
    }
    for order in ("POST /model/m1/clone", "POST /desk-pool", "PATCH /desk-pool/p1", "POST /model/m1/sync"):
        platform.answers[order.replace(" ", f" {V1}")] = ok({"eventId": "e1"})
    for order in ("POST /domain/delete", "POST /user/delete", "POST /user/batch", "DELETE /desk-pool/p1"):
        platform.answers[order.replace(" ", f" {V1}")] = ok()
    return platform


def test_clones_that_others_make_meanwhile_are_not_taken_for_ours(tester: Any, platform: ScriptedPlatform) -> None:
    platform.answers[f"GET {V1}/domain"] = [page(), page(clone(1), clone(2))]
    with pytest.raises(PlatformError, match=r"should be 1 but there are 2 new ones \(guest-001, guest-002\)"):
        tester.clone_model("win11", "guest", 1)
    with pytest.raises(PlatformError, match="delete yours by their names"):
        tester.remove_created_things()
    assert platform.asked(f"{V1}/domain/delete") == []
    assert len(tester.get_created_things()) == 1


def test_clones_of_another_model_and_those_that_come_later_are_not_ours(
    tester: Any, platform: ScriptedPlatform
) -> None:
    ours = page(clone(1), clone(2, motherId="m2"))
    platform.answers[f"GET {V1}/domain"] = [page(), ours, page(clone(1), clone(2, motherId="m2"), clone(3)), page()]
    tester.clone_model("win11", "guest", 1)
    tester.remove_created_things()
    assert platform.body(f"{V1}/domain/delete")["domainIdList"] == ["v1"]


@pytest.mark.parametrize(("listed", "told"), [((), "lists none"), ((clone(1), clone(2)), "'guest-001', 'guest-002'")])
def test_clones_that_are_fewer_than_asked_for_fail(
    tester: Any, platform: ScriptedPlatform, listed: Any, told: str
) -> None:
    platform.answers[f"GET {V1}/domain"] = [page(), page(*listed)]
    with pytest.raises(PlatformError, match=f"should be 3 but platform 'lab' {'.*' + told}"):
        tester.clone_model("win11", "guest", 3)


def test_a_pool_has_as_many_desktops_as_it_was_made_with(tester: Any, platform: ScriptedPlatform) -> None:
    tester.create_desk_pool("sales", model="win11", amount=3)
    platform.answers[f"GET {V1}/desk-pool"] = [page(), page(POOL)]
    platform.answers[f"GET {V1}/desk-pool/p1/domain/list"] = ok([clone(1)])
    with pytest.raises(PlatformError, match="desk pool 'sales' should be 3 but platform 'lab' lists 1: 'guest-001'"):
        tester.create_desk_pool("sales", model="win11", amount=3)


def test_a_pool_has_as_many_desktops_as_it_was_changed_to(tester: Any, platform: ScriptedPlatform) -> None:
    platform.answers[f"GET {V1}/desk-pool"] = page(POOL)
    tester.update_desk_pool("sales", amount=3)
    tester.update_desk_pool("sales", amount=4, wait=False)
    with pytest.raises(PlatformError, match="should be 4 but platform 'lab' lists 3"):
        tester.update_desk_pool("sales", amount=4)


def test_users_are_as_many_as_asked_for_and_not_others(tester: Any, platform: ScriptedPlatform) -> None:
    old, others = user("trainee0"), user("my-trainee")
    platform.answers[f"GET {V1}/user"] = [page(old), page(old, others, user("trainee1"))]
    with pytest.raises(PlatformError, match="should be 3 but platform 'lab' lists 1: 'trainee1'"):
        tester.create_users("trainee", 3)
    tester.remove_created_things()
    assert [r.content for r in platform.asked(f"{V1}/user/delete")] == [b'{"userId":"trainee1","group":"ou=users"}']
    platform.answers[f"GET {V1}/user"] = [page(), page(user("trainee1"), user("trainee2"))]
    with pytest.raises(PlatformError, match="somebody else has made some"):
        tester.create_users("trainee", 1)


def test_users_whom_a_sheet_does_not_name_are_not_ours(tester: Any, platform: ScriptedPlatform, tmp_path: Path) -> None:
    sheet = tmp_path / "users.xlsx"
    sheet.write_bytes(sheets.write([("账号",), ("zhang",)]))
    platform.answers[f"POST {V1}/user/import-excel"] = ok({"list": ["row 2: refused"]})
    platform.answers[f"GET {V1}/user"] = [page(), page(user("somebody-elses"))]
    with pytest.raises(VerificationError, match="made none"):
        tester.import_users(sheet)
    platform.answers[f"GET {V1}/user"] = [page(), page(user("somebody-elses"), user("Zhang"))]
    assert tester.import_users(sheet) == ["Zhang"]
    tester.remove_created_things()
    assert [r.content for r in platform.asked(f"{V1}/user/delete")] == [b'{"userId":"Zhang","group":"ou=users"}']


def test_users_of_a_sheet_whose_answer_was_lost_are_removed(
    tester: Any, platform: ScriptedPlatform, tmp_path: Path
) -> None:
    sheet = tmp_path / "users.xls"
    sheet.write_bytes(b"\xd0\xcf" + "张三".encode("utf-16-le"))
    platform.answers[f"POST {V1}/user/import-excel"] = httpx.ReadError("cut off")
    platform.answers[f"GET {V1}/user"] = [page(), page(user("张三"), user("somebody-elses"))]
    with pytest.raises(PlatformError):
        tester.import_users(sheet)
    tester.remove_created_things()
    assert len(platform.asked(f"{V1}/user/delete")) == 1
    assert platform.body(f"{V1}/user/delete")["userId"] == "张三"


def test_a_sheet_names_what_is_in_a_cell_of_its_own() -> None:
    is_named = named_in(sheets.write([("账号", "手机"), ("liming", "13800000000"), (" José ", "")]))
    assert all(map(is_named, ("liming", "Liming", "13800000000", "jose\u0301")))
    assert not any(map(is_named, ("li", "ming", "1380", "")))


def test_a_model_that_is_offered_for_no_host_is_copied_to_none(tester: Any, platform: ScriptedPlatform) -> None:
    platform.answers[f"GET {V1}/model/m1/sync-list"] = ok([])
    with pytest.raises(PlatformError, match="should be offered for another host"):
        tester.copy_model_to_hosts("win11")
    assert platform.asked(f"{V1}/model/m1/sync") == []
