"""Events: long operations."""

from __future__ import annotations

from typing import Annotated

from pydantic import Field

from ATPLibrary.vdi.codes import EventOutcome, EventType
from ATPLibrary.vdi.shapes.base import LENIENT, Request, VendorModel

EventTypeCode = Annotated[EventType | int, LENIENT]


class PlatformEvent(VendorModel):
    """`EventVO`: a long operation, under way or done. Times are the platform's, as text.

    `is_success` is 0 for success and 1 for failure: see `outcome`. `is_async` is 1 for what runs in the background.
    """

    id: str
    description: str | None = None
    is_success: int | None = Field(default=None, strict=True)  # a platform that says `false` doesn't mean 0
    error_reason: str | None = None
    event_type: EventTypeCode | None = None
    operate_type: int | None = None
    vm_id: str | None = Field(default=None, alias="domainId")
    vm_name: str | None = Field(default=None, alias="domainName")
    host_id: str | None = None
    ip: str | None = None
    is_async: int | None = Field(default=None, alias="isAsc")
    create_time: str | None = None
    update_time: str | None = None

    @property
    def outcome(self) -> EventOutcome:
        if self.is_success == 0:
            return EventOutcome.SUCCEEDED
        return EventOutcome.FAILED if self.is_success == 1 else EventOutcome.PENDING


class EventFilter(Request):
    """The filters of `GET /event`. Here, and only here, `is_success` is 1 for success and 0 for failure."""

    vm_name: str | None = Field(default=None, serialization_alias="domainName")
    is_success: int | None = None
    ip: str | None = None
    operate_type: str | None = None


class EventQuery(Request):
    """The query of `GET /event/class/queryById`."""

    id: str
