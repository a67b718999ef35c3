"""The keywords about users and groups, on the real server: who may log in and what is shown then is asked on the bare wire."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterator
from datetime import timedelta
from pathlib import Path
from typing import Any

import httpx
import pytest
from robot.api.types import Secret

from ATPLibrary.errors import DeadlineError, InputError, PlatformError, VerificationError
from ATPLibrary.orchestrator import Workspace

pytestmark = pytest.mark.integration

PASSWORD = Secret("horse battery")
ROOT = "ou=users"


@pytest.fixture
def login(platform_lab: Any) -> Callable[[str, str], list[str] | None]:
    """The names of the desktops that a user is shown, or None where the user isn't let in."""

    def ask(account: str, password: str) -> list[str] | None:
        digest = hashlib.md5(password.encode()).hexdigest()
        body = {"sAMAccountName": account, "password": digest}
        url = f"{platform_lab.url}/ocloud/usermodule/userlogin2"
        answer = httpx.post(url, json=body, timeout=30, trust_env=False).json()
        return None if answer["returnCode"] else sorted(vm["name"] for vm in answer["machines"].values())

    return ask


@pytest.fixture
def people(tester: Any) -> Iterator[Any]:
    """The library; the users and groups that a test leaves are deleted after it."""
    yield tester
    for account in tester.get_users():
        tester.delete_user(account)
    for path in reversed(tester.get_user_groups()):
        if path != ROOT:
            tester.delete_user_group(path)


def test_a_user_is_let_in_with_the_password_that_was_given(people: Any, login: Any) -> None:
    people.create_user("张三", password=PASSWORD, surname="张", given_name="三", mail="z@example.com")
    assert login("张三", "horse battery") == []
    assert login("张三", "123456") is None
    people.set_user_password("张三", Secret("staple"))
    assert login("张三", "staple") == []
    assert people.get_desktops_at_login("张三") == []  # with the password that was set last
    people.user_should_not_be_able_to_log_in("张三", password=PASSWORD)
    with pytest.raises(VerificationError, match="'张三' should not be able to log in"):
        people.user_should_not_be_able_to_log_in("张三")
    with pytest.raises(PlatformError, match="refused to log in user '张三'"):
        people.get_desktops_at_login("张三", PASSWORD)


def test_a_platform_that_cannot_be_asked_refuses_nobody(people: Any, platform_lab: Any) -> None:
    people.create_user("zhang", password=PASSWORD)
    platform_lab.stop()
    try:
        with pytest.raises(DeadlineError):
            people.user_should_not_be_able_to_log_in("zhang", Secret("wrong"), timeout=timedelta(seconds=0.5))
    finally:
        platform_lab.start()


def test_what_is_known_of_a_user_is_changed_and_the_rest_stays(people: Any) -> None:
    people.create_user("zhang", surname="张", mobile="138")
    people.change_user("zhang", mail="zhang@example.com", mobile="139")
    user = people.get_user("zhang")
    assert (user.surname, user.mobile, user.mail) == ("张", "139", "zhang@example.com")
    assert people.get_user("zhang", "mobile", "==", "139") == "139"
    with pytest.raises(VerificationError, match="'139'"):
        people.get_user("zhang", "mobile", "==", "138")
    with pytest.raises(InputError, match="at least one"):
        people.change_user("zhang")
    with pytest.raises(PlatformError, match=r"has no user 'zhan'\. It has 'zhang'"):
        people.change_user("zhan", mail="x")


def test_groups_hold_users_and_each_other_and_keep_them_when_renamed(people: Any) -> None:
    sales = people.create_user_group("销售部")
    east = people.create_user_group("华东", inside="销售部")
    assert (sales, east) == (f"ou=销售部,{ROOT}", f"ou=华东,ou=销售部,{ROOT}")
    people.create_user("zhang", group="华东")
    people.create_user("li")
    people.move_users_to_group("销售部", "li")
    assert people.get_users(group="销售部") == ["li"]
    assert people.get_users(group="华东", containing="zha") == ["zhang"]
    assert people.rename_user_group("销售部", "市场部") == f"ou=市场部,{ROOT}"
    assert people.get_user("zhang").group == f"ou=华东,ou=市场部,{ROOT}"
    people.user_group_should_not_exist("销售部")
    people.user_group_should_exist("市场部")
    with pytest.raises(PlatformError, match="组织单位不为空"):
        people.delete_user_group("市场部")
    assert sorted(people.get_users()) == ["li", "zhang"]


def test_a_desktop_is_shown_to_the_user_it_is_bound_to_until_it_is_taken_back(people: Any, login: Any) -> None:
    people.create_desk_pool("办公", model="atp-linux", amount=2)
    people.enable_desk_pool("办公")
    people.create_user("zhang", password=PASSWORD)
    people.create_user("li", password=PASSWORD)
    people.bind_user_to_desktop("zhang", "办公-001", "办公-002")
    assert login("zhang", "horse battery") == ["办公-001", "办公-002"]
    assert login("li", "horse battery") == []
    people.user_should_see_desktop("zhang", "办公-001")
    people.user_should_not_see_desktop("li", "办公-001")
    with pytest.raises(VerificationError, match="'li' should see desktop '办公-001' at login but sees none"):
        people.user_should_see_desktop("li", "办公-001")
    with pytest.raises(PlatformError, match=r"did not bind a user to VMs for 1 of 1: '办公-001'"):
        people.bind_user_to_desktop("li", "办公-001")
    with pytest.raises(PlatformError, match="'办公-001' is zhang's"):
        people.unbind_user_from_desktop("li", "办公-001")
    assert people.get_user_desktops("zhang") == ["办公-001", "办公-002"]
    people.unbind_user_from_desktop("zhang", "办公-001")
    assert login("zhang", "horse battery") == ["办公-002"]
    with pytest.raises(VerificationError, match="'zhang' should not see desktop '办公-002'"):
        people.user_should_not_see_desktop("zhang", "办公-002")


def test_users_are_made_by_the_number_and_taken_away_again(people: Any) -> None:
    people.create_user("trainee9")
    assert people.create_users("trainee", 3) == ["trainee1", "trainee2", "trainee3"]
    assert [str(each) for each in Workspace.current().creations.all] == ["user 'trainee9'", "users 'trainee...'"]
    people.remove_created_things()
    assert people.get_users() == []


def test_a_user_that_was_there_is_not_ours_to_remove(people: Any) -> None:
    people.create_user("zhang")
    Workspace.current().creations.forget("lab", "user", "zhang")
    with pytest.raises(InputError, match="has a user 'zhang' already"):
        people.create_user("zhang")
    people.remove_created_things()
    people.user_should_exist("zhang")


def test_renamed_groups_are_removed_under_their_new_names(people: Any) -> None:
    people.create_user_group("a")
    people.create_user_group("b", inside="a")
    people.rename_user_group("a", "c")
    people.remove_created_things()
    assert people.get_user_groups() == [ROOT]


def test_a_policy_is_set_field_by_field_once_there_is_a_whole_one(people: Any) -> None:
    people.create_user("zhang")
    with pytest.raises(InputError, match="be whole"):
        people.set_device_policy("zhang", clipboard_access="0")
    with pytest.raises(InputError, match="none called clipboard"):
        people.set_device_policy("zhang", clipboard="0")
    words = ("allow_internet", "clipboard_access", "disk_access", "disk_redirect", "enable_disk", "enable_camera")
    numbers = ("first_login_modify_password", "modify_config", "show_tool_menu", "teach_mode")
    whole = dict.fromkeys((*words, *numbers, "enable_redirection", "is_rebase", "is_valid"), "1")
    people.set_device_policy("zhang", **whole)
    people.set_device_policy("zhang", clipboard_access="0")
    assert people.get_device_policy("zhang", "clipboard_access", "==", "0") == "0"
    assert people.get_device_policy("zhang", "disk_access") == "1"
    people.set_device_policy("users", of="group", **whole)
    assert people.get_device_policy("users", of="group").user == ROOT


def test_fingerprints_are_kept_secret(people: Any) -> None:
    people.create_user("zhang")
    people.create_user("li")
    people.set_user_fingerprint("zhang", Secret("aa55aa55"))
    assert people.get_users_with_fingerprint() == ["zhang"]
    assert people.get_user_applications("zhang") == []


def test_a_user_s_desktops_are_shut_down_and_waited_for(people: Any) -> None:
    people.create_desk_pool("办公", model="atp-linux", amount=2)
    people.create_user("zhang")
    people.bind_user_to_desktop("zhang", "办公-001")
    people.start_desktop("办公-002")
    people.close_user_desktops("zhang")  # his is off, the other isn't his
    people.start_desktop("办公-001")
    with pytest.raises(DeadlineError, match=r"desktop of zhang should be off within 1 s .*办公-001"):
        people.close_user_desktops("zhang", timeout=timedelta(seconds=1))  # its guest has no ear for it
    with pytest.raises(PlatformError, match="no such user"):
        people.close_user_desktops("nobody")


def test_a_sheet_needs_a_file_and_a_place(people: Any, tmp_path: Path) -> None:
    with pytest.raises(InputError, match="no sheet"):
        people.import_users(tmp_path / "none.xls")
    path = people.save_user_sheet(str(tmp_path / "new" / "users.xls"))
    assert path == str(tmp_path / "new" / "users.xls")
    assert Path(path).stat().st_size > 0
