"""The login of a user, which has no token and an answer of its own."""

from __future__ import annotations

from fastapi import APIRouter

from ATPLibrary.lab.platform.codes import Refusal
from ATPLibrary.lab.platform.requests.people import (
    LoginReq,
)
from ATPLibrary.lab.platform.routes.common import (
    Answer,
    Platform,
    ThePlatform,
)
from ATPLibrary.lab.platform.shapes.people import (
    ResultClient,
)

router = APIRouter(prefix="/ocloud/usermodule")


@router.post("/userlogin2", response_model=None, responses={200: {"model": ResultClient}})
async def log_user_in(body: LoginReq, platform: ThePlatform) -> Answer:
    """`machines` holds the user's desktops by their ids: those bound to the user, and the free ones of the group's shared pools."""
    try:
        user = platform.people.login(body.sAMAccountName, body.password or "")
    except Refusal as refusal:
        _log(platform, body, refusal.message)
        return {"returnCode": 1, "msg": refusal.message}
    _log(platform, body, "")
    vms = await platform.vms(platform.people.desktops(user))
    return {
        "returnCode": 0,
        "msg": "操作成功",
        "userName": user["id"],
        "isFirstLogin": int(not user["last_login"]),
        "machinenums": len(vms),
        "machines": {vm["id"]: vm for vm in vms},
    }


def _log(platform: Platform, body: LoginReq, problem: str) -> None:
    entry = {
        "username": body.sAMAccountName,
        "action": "pwd",
        "ip": body.ipAddr or "",
        "mac": body.macAddr or "",
        "loginResult": int(not problem),
        "remark": problem,
        "systemVersion": body.systemVersion or "",
        "terminalType": body.terminalType or "",
    }
    platform.store.records.add_numbered("login", **entry)
    platform.store.records.trim("login", 1000)
