"""What keywords made on the real server is removed again, also where their own wait broke off; libvirt and disk say so."""

from __future__ import annotations

from typing import Any

import pytest

from ATPLibrary.errors import DeadlineError, PlatformError
from ATPLibrary.orchestrator.creations import ClosingLevel
from ATPLibrary.vdi import LongOperation

pytestmark = pytest.mark.integration


def test_what_was_made_is_removed_last_first_and_nothing_is_left(tester: Any, platform_lab: Any) -> None:
    tester.create_desk_pool("一", model="atp-linux", amount=1)
    tester.create_desk_pool("二", model="atp-linux", amount=2)
    assert [each["name"] for each in tester.get_created_things()] == ["一", "二"]
    assert tester.remove_created_things() == ["二", "一"]
    assert platform_lab.left() == []
    assert tester.get_created_things() == []


def test_a_pool_that_a_keyword_deleted_is_not_looked_for_again(tester: Any) -> None:
    tester.create_desk_pool("一", model="atp-linux", amount=1)
    tester.delete_desk_pool("一")
    assert tester.get_created_things() == []


def test_a_pool_that_is_still_being_made_when_the_wait_breaks_off_is_removed_too(
    tester: Any, platform_lab: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def give_up(*args: Any) -> None:
        raise DeadlineError("given up")

    with monkeypatch.context() as patch:
        patch.setattr(LongOperation, "finish", give_up)
        with pytest.raises(DeadlineError, match="given up"):
            tester.create_desk_pool("未完", model="atp-linux", amount=12)
    assert [each["name"] for each in tester.get_created_things()] == ["未完"]
    assert tester.remove_created_things() == ["未完"]
    assert platform_lab.left() == []


def test_a_session_that_is_logged_out_is_opened_again_for_the_removal(tester: Any, platform_lab: Any) -> None:
    tester.create_desk_pool("一", model="atp-linux", amount=1)
    tester.log_out_of_platform()
    assert tester.remove_created_things() == ["一"]
    assert platform_lab.left() == []


def test_a_refused_making_leaves_nothing_to_be_removed(tester: Any) -> None:
    tester.create_desk_pool("一", model="atp-linux", amount=1)
    with pytest.raises(Exception, match="refused"):
        tester.create_desk_pool("一", model="atp-linux", amount=1)
    assert [each["name"] for each in tester.get_created_things()] == ["一"]


def test_a_resource_pool_is_removed_although_it_is_in_service(tester: Any) -> None:
    tester.create_resource_pool("实验室")
    tester.create_resource_pool("二号")
    tester.put_resource_pool_into_maintenance("二号")
    tester.delete_resource_pool("二号")
    assert tester.remove_created_things() == ["实验室"]
    tester.resource_pool_should_not_exist("实验室")


def test_clones_of_a_model_are_removed_and_others_desktops_of_such_a_name_stay(tester: Any, platform_lab: Any) -> None:
    tester.clone_model("atp-linux", "客", 1, closing=ClosingLevel.KEEP)
    tester.clone_model("atp-linux", "客", 2)
    tester.change_desktop("客-003", new_name="改名")
    assert tester.remove_created_things() == ["客-..."]
    assert tester.get_platform_vms() == ["客-001"]


def test_a_desktop_that_has_become_a_model_is_not_gone(tester: Any, platform_lab: Any) -> None:
    tester.create_desktop("母", "atp-linux")
    tester.convert_desktop_to_model("母")
    tester.create_desktop("子", "母", closing=ClosingLevel.KEEP)
    with pytest.raises(
        PlatformError, match=r"could not remove model '母': .*; could not remove desktop '母': .* is a model"
    ):
        tester.remove_created_things()
    tester.delete_desktop("子")
    assert tester.remove_created_things() == ["母", "母"]
    assert platform_lab.left() == []


def test_a_desktop_is_kept_as_long_as_the_model_that_it_has_become(tester: Any) -> None:
    tester.create_desktop("母", "atp-linux")
    tester.convert_desktop_to_model("母", closing=ClosingLevel.KEEP)
    assert [each["level"] for each in tester.get_created_things()] == ["keep", "keep"]
    assert tester.remove_created_things() == []
    tester.model_should_exist("母")
    tester.convert_model_to_desktop("母")
    tester.delete_desktop("母")


def test_a_models_upgrade_is_cancelled_unless_a_keyword_has_ended_it(tester: Any, platform_lab: Any) -> None:
    tester.begin_model_upgrade("atp-linux")
    assert tester.get_model("atp-linux", "status") == "upgrading"
    assert tester.remove_created_things() == ["atp-linux"]
    assert tester.get_model("atp-linux", "status") == "shut off"
    assert platform_lab.left() == []
    tester.begin_model_upgrade("atp-linux")
    tester.cancel_model_upgrade("atp-linux")
    assert tester.get_created_things() == []
