"""Users, and their redirection policies."""

from __future__ import annotations

from typing import Annotated, Any

from fastapi import Query

from ATPLibrary.lab.platform import answers, life
from ATPLibrary.lab.platform.codes import Refusal
from ATPLibrary.lab.platform.life import State, state_of
from ATPLibrary.lab.platform.records import Record
from ATPLibrary.lab.platform.requests.people import (
    DepartmentCloseDomainDto,
    RedirectRule,
    SetFingerPrintParam,
    UserBatchCreateParam,
    UserCreateParam,
    UserDeleteParam,
    UserDepartmentDto,
    UserResetPasswordParam,
    UserUpdateParam,
)
from ATPLibrary.lab.platform.requests.vms import DomainBatchTaskDto
from ATPLibrary.lab.platform.routes.common import (
    Answer,
    Codes,
    PageNumber,
    PageSize,
    Platform,
    ThePlatform,
    done,
    group,
    has,
    numbers,
    paged,
)
from ATPLibrary.lab.platform.shapes.base import PageResult, answering
from ATPLibrary.lab.platform.shapes.people import (
    OcloudApplicationVO,
    RedirectRuleVO,
    UserDetailVo,
    UserFingerprintVO,
    UserListVo,
)
from ATPLibrary.lab.platform.shapes.vms import DomainVO

router = group()

_FIELDS = ("givenName", "sn", "idNumber", "mail", "mobile")


@router.get("/user", **answering(PageResult[UserListVo]))
async def list_users(
    platform: ThePlatform,
    *,
    group: str,
    keyword: str = "",
    order: Annotated[str | None, Query(alias="sortOrder")] = None,
    number: PageNumber = 1,
    size: PageSize = 10,
) -> Answer:
    """The users of one group; of all where `group` is empty. By name, backwards with a `sortOrder` that ends in "desc"."""
    path = platform.people.group(group)["id"] if group else None
    users = [user for user in platform.people.users(path) if has(keyword, user["id"], user.get("givenName"))]
    users.sort(key=lambda user: str(user["id"]), reverse=bool(order and order.endswith("desc")))
    return paged([_user(platform, user) for user in users], number, size)


@router.post("/user", **answering())
async def create_user(body: UserCreateParam, platform: ThePlatform) -> Answer:
    """With the lab's first password, which `PATCH /user/password` changes."""
    platform.people.add_user(body.sAMAccountName, body.group, **_told(body))
    return done()


@router.put("/user", **answering())
async def update_user(body: UserUpdateParam, platform: ThePlatform) -> Answer:
    if body.group:
        platform.people.change_user(body.sAMAccountName, group=platform.people.group(body.group)["id"])
    platform.people.change_user(body.sAMAccountName, **_told(body))
    return done()


@router.post("/user/batch", **answering())
async def create_users(body: UserBatchCreateParam, platform: ThePlatform) -> Answer:
    """`amount` users named sAMAccountName1, sAMAccountName2, ...: all of them or none."""
    names = [f"{body.sAMAccountName}{number}" for number in range(1, body.amount + 1)]
    taken = {user["id"] for user in platform.people.users()}
    if clash := [name for name in names if name in taken]:
        raise Refusal(f"用户已存在: {', '.join(clash)} (these users exist; none was created)")
    for name in names:
        platform.people.add_user(name, body.group)
    return done()


@router.post("/user/delete", **answering())
async def delete_user(body: UserDeleteParam, platform: ThePlatform) -> Answer:
    platform.people.remove_user(body.userId)
    return done()


@router.get("/user/detail", **answering(UserDetailVo))
async def show_user(platform: ThePlatform, name: Annotated[str, Query(alias="sAMAccountName")]) -> Answer:
    user = platform.people.user(name)
    shown = {"sAMAccountName": name, "displayName": _name(user), "mail": user.get("mail"), "mobile": user.get("mobile")}
    return answers.envelope({field: value for field, value in shown.items() if value is not None})


@router.patch("/user/group", **answering())
async def move_users(body: UserDepartmentDto, platform: ThePlatform) -> Answer:
    """Users, by the numbers that the list has as `id`."""
    path = platform.people.group(body.distinguishedName)["id"]
    found = [user for user in platform.people.users() if user["number"] in body.idList]
    if missing := set(body.idList) - {user["number"] for user in found}:
        raise Refusal(f"用户不存在: {', '.join(map(str, sorted(missing)))} (no such users; none was moved)")
    for user in found:
        platform.people.change_user(user["id"], group=path)
    return done()


@router.patch("/user/password", **answering())
async def set_password(body: UserResetPasswordParam, platform: ThePlatform) -> Answer:
    """As MD5 or as it is; without one it is the first password again."""
    platform.people.set_password(body.sAMAccountName, body.password)
    return done()


@router.get("/user/domain", **answering(PageResult[DomainVO]))
async def list_vms_of_user(
    platform: ThePlatform,
    *,
    name: Annotated[str, Query(alias="userId")],
    keyword: str = "",
    freeze: Codes = None,
    status: Codes = None,
    number: PageNumber = 1,
    size: PageSize = 10,
) -> Answer:
    platform.people.user(name)
    rows = [
        row
        for row in platform.people.vms_of(name)
        if has(keyword, row.name) and (freeze is None or row.freeze in numbers(freeze))
    ]
    views = await platform.batches.views(rows)
    fit = [view for view in views if status is None or view.status in numbers(status)]
    return paged(platform.shown(fit), number, size)


@router.post("/user/close-domain", **answering())
async def close_vms_of_users(body: DepartmentCloseDomainDto, platform: ThePlatform) -> Answer:
    """Ask the guests of these users' VMs to shut down; their events tell how it goes."""
    users = [platform.people.user(name)["id"] for name in body.usernameList]
    rows = [row for name in users for row in platform.people.vms_of(name)]
    running = [view.row.id for view in await platform.batches.views(rows) if state_of(view) is State.RUNNING]
    if running:
        await platform.batches.run(life.CLOSE, DomainBatchTaskDto(idList=running))
    return done()


@router.get("/user/cloud-app", **answering(list[OcloudApplicationVO]))
async def list_apps_of_user(platform: ThePlatform, name: Annotated[str, Query(alias="userId")]) -> Answer:
    platform.people.user(name)
    return answers.envelope([])


@router.patch("/user/fingerprint", **answering())
async def set_fingerprint(body: SetFingerPrintParam, platform: ThePlatform) -> Answer:
    """Kept and shown; nobody can log in with it."""
    platform.people.change_user(body.username, fingerprint=body.fingerprint or "")
    return done()


@router.get("/user/fingerprint-all", **answering(list[UserFingerprintVO]))
async def list_fingerprints(platform: ThePlatform) -> Answer:
    users = [user for user in platform.people.users() if user.get("fingerprint")]
    return answers.envelope([{"username": user["id"], "fingerprint": user["fingerprint"]} for user in users])


@router.get("/user/access-policy", **answering(RedirectRuleVO))
async def show_policy(platform: ThePlatform, user: str, type: Annotated[int, Query(ge=0, le=1)]) -> Answer:
    """What was set for a user (1) or a group (0). It is kept and shown; the lab's displays know no policies."""
    known = platform.store.records.get("policy", f"{type}:{_subject(platform, type, user)}")
    if known is None:
        raise Refusal(f"没有设置策略: {user} (no policy was set)")
    return answers.envelope({name: value for name, value in known.items() if name not in ("created", "id")})


@router.put("/user/access-policy", **answering())
async def set_policy(body: RedirectRule, platform: ThePlatform) -> Answer:
    type = 0 if body.type == "0" else 1
    id = f"{type}:{_subject(platform, type, body.user)}"
    platform.store.records.remove("policy", id)
    shown = set(RedirectRuleVO.__annotations__)
    platform.store.records.add("policy", id, **body.model_dump(exclude_none=True, include=shown))
    return done()


@router.post("/user/sync-ldap", **answering())
async def read_directory(platform: ThePlatform) -> Answer:
    raise Refusal("没有配置域控 (the lab has no directory to read users from)")


@router.post("/user/sync-zzd-users", **answering())
async def read_zhezhengding(platform: ThePlatform) -> Answer:
    raise Refusal("没有配置浙政钉 (the lab has no Zhezhengding to read users from)")


def _subject(platform: Platform, type: int, name: str) -> str:
    return str((platform.people.user(name) if type == 1 else platform.people.group(name))["id"])


def _told(body: UserCreateParam | UserUpdateParam) -> dict[str, Any]:
    return body.model_dump(exclude_none=True, include=set(_FIELDS))


def _name(user: Record) -> str:
    return f"{user.get('sn', '')}{user.get('givenName', '')}" or str(user["id"])


def _user(platform: Platform, user: Record) -> UserListVo:
    shown: UserListVo = {
        "id": str(user["number"]),
        "sAMAccountName": user["id"],
        "cn": user["id"],
        "displayName": _name(user),
        "distinguishedName": f"cn={user['id']},{user['group']}",
        "domainName": ",".join(row.name for row in platform.people.vms_of(user["id"])),
        "givenName": user.get("givenName", ""),
        "sn": user.get("sn", ""),
        "idNumber": user.get("idNumber", ""),
        "mail": user.get("mail", ""),
        "mobile": user.get("mobile", ""),
    }
    if user["last_login"]:
        shown["lastLoginTime"] = answers.iso(user["last_login"])
    return shown
