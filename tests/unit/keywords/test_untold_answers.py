"""What a platform leaves out, or tells by a code that is newer than we are: it is never taken for what a test hopes for."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest
from tests.unit.keywords.conftest import page
from tests.unit.vdi.conftest import ScriptedPlatform, ok

from ATPLibrary.errors import DeadlineError, InputError, PlatformError, VerificationError

pytestmark = pytest.mark.unit

V1 = "/ocloud/v1"
POOL = {"id": "p1", "name": "sales", "enabled": 1, "curModelId": "m1", "curModelName": "win11"}
ONE = {"id": "1", "name": "a", "status": 0, "motherId": "m1", "motherName": "win11"}
SECOND = timedelta(seconds=1)


@pytest.fixture
def platform() -> ScriptedPlatform:
    platform = ScriptedPlatform()
    platform.answers |= {
        f"GET {V1}/desk-pool": page(POOL),
        f"GET {V1}/desk-pool/p1": ok(POOL),
        f"GET {V1}/desk-pool/p1/domain/list": ok([ONE, {**ONE, "id": "2", "name": "b", "status": None}]),
        f"GET {V1}/domain": page(ONE),
        f"GET {V1}/event": page(),
        f"GET {V1}/event/e1": ok({"id": "e1", "isSuccess": 0}),
    }
    return platform


@pytest.mark.parametrize("named", [{"running": 0}, {"suspended": 0}, {"busy": 0}, {"shut_off": 1}])
def test_a_pool_is_not_counted_by_status_while_a_status_is_not_told(tester: Any, named: dict[str, int]) -> None:
    with pytest.raises(VerificationError, match=r"no known status of 'b'"):
        tester.desk_pool_should_have("sales", **named)
    tester.desk_pool_should_have("sales", desktops=2, enabled=True, bound=0)


def test_a_users_desktop_of_no_told_status_is_not_off(tester: Any, platform: ScriptedPlatform) -> None:
    platform.answers[f"POST {V1}/user/close-domain"] = ok()
    platform.answers[f"GET {V1}/user/domain"] = page(ONE, {"id": "2", "name": "b"})
    with pytest.raises(DeadlineError, match=r"not off are b \(no status is told\)"):
        tester.close_user_desktops("zhang", timeout=SECOND / 5)
    platform.answers[f"GET {V1}/user/domain"] = page(ONE)
    tester.close_user_desktops("zhang", timeout=SECOND)


def test_a_pool_has_a_model_when_each_of_its_desktops_has(tester: Any, platform: ScriptedPlatform) -> None:
    tester.desk_pool_should_have("sales", model="win11")
    tester.desk_pool_should_have("sales", model="m1")
    other = {**ONE, "name": "b", "motherId": "m2", "motherName": "win10"}
    platform.answers[f"GET {V1}/desk-pool/p1/domain/list"] = ok([ONE, other])
    with pytest.raises(VerificationError, match=r"it has model=win11, but 'b' has 'win10'"):
        tester.desk_pool_should_have("sales", model="win11")


def test_a_pool_that_does_not_tell_its_amount_keeps_what_it_has(tester: Any, platform: ScriptedPlatform) -> None:
    platform.answers[f"PATCH {V1}/desk-pool/p1"] = ok({"eventId": "e1"})
    tester.update_desk_pool("sales", name="sales-2")
    assert platform.body(f"{V1}/desk-pool/p1") == {"name": "sales-2", "amount": 2}


def test_a_user_without_an_id_is_not_moved(tester: Any, platform: ScriptedPlatform) -> None:
    platform.answers[f"GET {V1}/group/tree"] = ok([{"distinguishedName": "ou=users", "ou": "users"}])
    platform.answers[f"GET {V1}/user"] = page({"sAMAccountName": "zhang", "distinguishedName": "cn=zhang,ou=users"})
    with pytest.raises(PlatformError, match="Users zhang should have an id"):
        tester.move_users_to_group("users", "zhang")


def test_a_status_that_is_newer_than_we_are_is_waited_through(tester: Any, platform: ScriptedPlatform) -> None:
    platform.answers[f"GET {V1}/domain/1"] = [ok({**ONE, "status": code}) for code in (0, 9, 1)]
    tester.desktop_should_be("a", "running", timeout=timedelta(seconds=5))
    platform.answers[f"GET {V1}/domain/1"] = ok({**ONE, "status": 9})
    with pytest.raises(VerificationError, match="should be 'running' but is '9'"):
        tester.get_desktop("a", "status", "==", "running")
    tester.get_desktop("a", "status", "!=", "running")
    tester.get_desktop("a", "status", "==", "9")
    with pytest.raises(VerificationError):
        tester.get_desktop("a", "status", "contains", "run")
    with pytest.raises(InputError, match="one of shut off, running"):
        tester.get_desktop("a", "status", "==", "runing")


def test_a_snapshot_that_is_still_being_taken_is_removed_when_it_is_there(
    tester: Any, platform: ScriptedPlatform
) -> None:
    taken: list[dict[str, str]] = []
    platform.answers[f"GET {V1}/domain/1/snapshot"] = lambda request: page(*taken)
    platform.answers[f"POST {V1}/domain/1/snapshot"] = ok({"eventId": "e1"})
    platform.answers[f"DELETE {V1}/snapshot/s1"] = ok()

    def told(request: Any) -> Any:
        taken.append({"id": "s1", "name": "late"})
        return ok({"id": "e1", "isSuccess": 0})

    platform.answers[f"GET {V1}/event/e1"] = told
    tester.create_desktop_snapshot("a", "late", wait=False)
    tester.remove_created_things()
    assert len(platform.asked(f"{V1}/snapshot/s1")) == 1
