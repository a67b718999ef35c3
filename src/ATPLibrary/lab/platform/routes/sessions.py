"""Login and logout of the platform's own account."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Header

from ATPLibrary.lab.platform import answers
from ATPLibrary.lab.platform.codes import API
from ATPLibrary.lab.platform.requests.base import LoginDto
from ATPLibrary.lab.platform.routes.common import Answer, ThePlatform, done
from ATPLibrary.lab.platform.shapes.base import LoginVO, answering

router = APIRouter(prefix=API)


@router.post("/login", **answering(LoginVO))
async def login(body: LoginDto, platform: ThePlatform) -> Answer:
    token = platform.accounts.login(body.username, body.password)
    data = {"token": token, "username": body.username, "roleLevel": "1", "resourcePri": 1, "userPri": 1}
    return answers.envelope(data)


@router.post("/logout", **answering())
async def logout(platform: ThePlatform, token: Annotated[str, Header()] = "") -> Answer:
    platform.accounts.logout(token)
    return done()
