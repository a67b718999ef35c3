"""Users, found in whatever group they are in, and what they are told at login."""

from __future__ import annotations

import hashlib
import json
from typing import Any

import httpx
import pytest

from ATPLibrary.errors import PlatformError
from ATPLibrary.secrets import Secret

pytestmark = pytest.mark.unit

USER_LOGIN = "/ocloud/usermodule/userlogin2"
TREE = [
    {
        "distinguishedName": "ou=users",
        "ou": "users",
        "list": [{"distinguishedName": "ou=sales,ou=users", "ou": "sales"}],
    }
]


def told(**fields: Any) -> httpx.Response:
    return httpx.Response(200, json={"returnCode": 0, "msg": "操作成功", **fields})


@pytest.mark.parametrize(
    "machines",
    [{"7": {"id": "7", "name": "销售-1", "status": 1}}, [{"id": "7", "name": "销售-1", "status": 1}]],
    ids=["by id", "as a list"],
)
async def test_a_user_s_login_tells_the_desktops_and_sends_neither_the_password_nor_a_token(
    platform: Any, client: Any, machines: Any
) -> None:
    platform.answers[f"POST {USER_LOGIN}"] = told(userName="zhang", isFirstLogin=1, machinenums=1, machines=machines)
    login = await client.users.log_in("zhang", Secret("horse battery"))
    assert [(desktop.id, desktop.name, desktop.is_running) for desktop in login.desktops] == [("7", "销售-1", True)]
    assert (login.account, login.is_first_login) == ("zhang", 1)
    (asked,) = platform.asked(USER_LOGIN)
    digest = hashlib.md5(b"horse battery").hexdigest()
    assert json.loads(asked.content) == {"sAMAccountName": "zhang", "password": digest}
    assert "Token" not in asked.headers


async def test_a_user_s_login_that_is_refused_says_who_and_why_and_no_password(platform: Any, client: Any) -> None:
    def refused(request: httpx.Request) -> httpx.Response:
        return httpx.Response(
            200, json={"returnCode": 1, "msg": f"密码错误: {json.loads(request.content)['password']}"}
        )

    platform.answers[f"POST {USER_LOGIN}"] = refused
    with pytest.raises(PlatformError) as told:
        await client.users.log_in("zhang", Secret("horse battery"))
    assert str(told.value).startswith("Platform 'lab' refused to log in user 'zhang' ")
    assert "密码错误: **********" in str(told.value)
    assert "密码错误" in told.value.vendor_message


async def test_a_user_s_login_in_another_shape_is_told_as_one(platform: Any, client: Any) -> None:
    platform.answers[f"POST {USER_LOGIN}"] = httpx.Response(200, json={"msg": "ok"})
    with pytest.raises(PlatformError, match="'returnCode' should be a number"):
        await client.users.log_in("zhang", Secret("horse battery"))


async def test_desktops_that_are_told_without_ids_and_names_are_an_error_that_says_what_is_there(
    platform: Any, client: Any
) -> None:
    platform.answers[f"POST {USER_LOGIN}"] = told(userName="zhang", machines=[{"uuid": "7", "title": "销售-1"}])
    login = await client.users.log_in("zhang", Secret("horse battery"))
    with pytest.raises(PlatformError, match=r"login of user 'zhang' should tell .* but tells title, uuid\."):
        _ = login.desktops
    platform.answers[f"POST {USER_LOGIN}"] = told(userName="zhang", machines=7)
    login = await client.users.log_in("zhang", Secret("horse battery"))
    with pytest.raises(PlatformError, match="but tells something else"):
        _ = login.desktops


def users_of(**groups: list[dict[str, Any]]) -> Any:
    def answer(request: httpx.Request) -> httpx.Response:
        group, keyword = request.url.params["group"], request.url.params.get("keyword", "")
        listed = [each for each in groups[group.split(",")[0][3:]] if keyword in each["sAMAccountName"]]
        return httpx.Response(200, json={"status": 0, "msg": "ok", "data": {"list": listed, "total": len(listed)}})

    return answer


async def test_a_user_is_found_in_the_group_that_has_it(platform: Any, logged_in: Any) -> None:
    platform.answers["GET /ocloud/v1/user"] = users_of(
        users=[{"sAMAccountName": "zhangsan"}], sales=[{"sAMAccountName": "zhang", "distinguishedName": "zhang"}]
    )
    user = await logged_in.users.find("zhang", groups=["ou=users", "ou=sales,ou=users"])
    assert (user.account, user.group) == ("zhang", "ou=sales,ou=users")


async def test_an_unknown_user_s_sentence_names_the_near_ones_of_all_groups(platform: Any, logged_in: Any) -> None:
    everyone = [{"sAMAccountName": "zhangsan", "distinguishedName": "cn=zhangsan,ou=sales,ou=users"}]
    platform.answers["GET /ocloud/v1/user"] = users_of(users=everyone, sales=everyone)
    with pytest.raises(PlatformError, match=r"^Platform 'lab' has no user 'zhangsi'\. It has 'zhangsan'\.$"):
        await logged_in.users.find("zhangsi", groups=["ou=users", "ou=sales,ou=users"])


async def test_a_group_is_found_at_any_depth_by_path_and_by_its_own_name(
    platform: Any, logged_in: Any, answer_ok: Any
) -> None:
    platform.answers["GET /ocloud/v1/group/tree"] = answer_ok(TREE)
    assert (await logged_in.groups.find("sales")).path == "ou=sales,ou=users"
    assert (await logged_in.groups.find("ou=sales,ou=users")).name == "sales"
    with pytest.raises(PlatformError, match=r"has no group 'sale'\. It has 'sales'"):
        await logged_in.groups.find("sale")
