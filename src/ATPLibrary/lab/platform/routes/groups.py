"""Groups of users."""

from __future__ import annotations

from typing import Annotated

from fastapi import Query

from ATPLibrary.lab.platform import answers
from ATPLibrary.lab.platform.people import own_name
from ATPLibrary.lab.platform.requests.people import (
    GroupCreateParam,
    GroupDeleteParam,
    GroupRenameParam,
)
from ATPLibrary.lab.platform.routes.common import (
    Answer,
    Platform,
    ThePlatform,
    done,
    group,
)
from ATPLibrary.lab.platform.shapes.base import answering
from ATPLibrary.lab.platform.shapes.people import (
    UserGroupSimpleVO,
    UserGroupVO,
)

router = group()


@router.get("/group", **answering(UserGroupSimpleVO))
async def show_group(platform: ThePlatform, name: Annotated[str, Query(alias="distinguishedName")]) -> Answer:
    found = platform.people.group(name)
    return answers.envelope({"distinguishedName": found["id"], "ou": own_name(found["id"])})


@router.post("/group", **answering())
async def create_group(body: GroupCreateParam, platform: ThePlatform) -> Answer:
    platform.people.add_group(body.base, body.group)
    return done()


@router.post("/group/delete", **answering())
async def delete_group(body: GroupDeleteParam, platform: ThePlatform) -> Answer:
    platform.people.remove_group(body.group)
    return done()


@router.patch("/group/name", **answering())
async def rename_group(body: GroupRenameParam, platform: ThePlatform) -> Answer:
    platform.people.rename_group(body.oldGroup, body.group)
    return done()


@router.get("/group/tree", **answering(list[UserGroupVO]))
async def show_groups(platform: ThePlatform) -> Answer:
    return answers.envelope(_tree(platform, ""))


def _tree(platform: Platform, parent: str) -> list[UserGroupVO]:
    return [
        {
            "id": group["id"],
            "distinguishedName": group["id"],
            "ou": own_name(group["id"]),
            "parent": group["parent"],
            "list": _tree(platform, group["id"]),
        }
        for group in platform.people.children(parent)
    ]
