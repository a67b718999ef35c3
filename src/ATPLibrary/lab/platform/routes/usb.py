"""USB devices: the lab's hosts have none to give away."""

from __future__ import annotations

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
    absent,
    group,
    paged,
)
from ATPLibrary.lab.platform.shapes.base import PageResult, answering
from ATPLibrary.lab.platform.shapes.house import UsbInfoVO

router = group()


@router.get("/usb", **answering(PageResult[UsbInfoVO]))
async def list_usb_devices(platform: ThePlatform, number: PageNumber = 1, size: PageSize = 10) -> Answer:
    return paged([], number, size)


def _no_device(body: UsbPassThroughDto | UsbRedirectDto) -> Refusal:
    name = body.deviceName if isinstance(body, UsbRedirectDto) else body.usbName
    return Refusal(f"USB设备不存在: {name} (the lab's hosts have no USB devices)")


absent(
    router,
    _no_device,
    {
        "/usb/pass-through": UsbPassThroughDto,
        "/usb/pass-through/delete": UsbPassThroughDto,
        "/usb/redirect": UsbRedirectDto,
    },
)
