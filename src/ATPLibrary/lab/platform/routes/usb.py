"""USB devices: the lab's hosts have none to give away."""

from __future__ import annotations

from typing import Annotated

from fastapi import Query

from ATPLibrary.lab.platform.codes import Refusal
from ATPLibrary.lab.platform.requests.house import (
    UsbPassThroughDto,
    UsbRedirectDto,
)
from ATPLibrary.lab.platform.routes.common import (
    Answer,
    PageNumber,
    PageSize,
    ThePlatform,
    group,
    paged,
)
from ATPLibrary.lab.platform.shapes.base import PageResult, answering
from ATPLibrary.lab.platform.shapes.house import (
    UsbInfoVO,
)

router = group()

Begin = Annotated[str | None, Query(alias="beginTime")]
End = Annotated[str | None, Query(alias="endTime")]

_RULES = (
    {"code": "host-memory", "module": "host", "level": "warning", "thresholdType": "per", "thresholdValue": 90},
    {"code": "operation-failed", "module": "domain", "level": "minor", "thresholdType": "times", "thresholdValue": 1},
)


@router.get("/usb", **answering(PageResult[UsbInfoVO]))
async def list_usb_devices(platform: ThePlatform, number: PageNumber = 1, size: PageSize = 10) -> Answer:
    return paged([], number, size)


@router.post("/usb/pass-through", **answering())
async def pass_usb_through(body: UsbPassThroughDto, platform: ThePlatform) -> Answer:
    raise _no_device(body.usbName)


@router.post("/usb/pass-through/delete", **answering())
async def take_usb_back(body: UsbPassThroughDto, platform: ThePlatform) -> Answer:
    raise _no_device(body.usbName)


@router.post("/usb/redirect", **answering())
async def redirect_usb(body: UsbRedirectDto, platform: ThePlatform) -> Answer:
    raise _no_device(body.deviceName)


def _no_device(name: str) -> Refusal:
    return Refusal(f"USB设备不存在: {name} (the lab's hosts have no USB devices)")
