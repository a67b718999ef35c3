"""What the server accepts, in the vendor's shapes. Anything else is a refusal that names the field."""

from __future__ import annotations

from typing import Literal

from pydantic import BaseModel, ConfigDict, Field, field_validator

# libvirt makes file names of VM names: 60 Chinese characters and "-001.log" still fit.
LONGEST_NAME = 60
MOST_DESKTOPS = 200
MOST_IN_A_BATCH = 500


def check_name(value: str) -> str:
    """A name that can become a libvirt domain's."""
    if value != value.strip() or not value:
        raise ValueError("名称不能为空，首尾不能有空格 (must not be empty nor begin or end with a space)")
    if "/" in value or not value.isprintable():
        raise ValueError("名称不能包含斜杠或控制字符 (must have no slash and no control character)")
    return value


class Request(BaseModel):
    """The field names are the vendor's own."""

    model_config = ConfigDict(extra="ignore")


class LoginDto(Request):
    username: str = Field(max_length=200)
    password: str = Field(max_length=200, repr=False)
    client: str | None = None


class DeskPoolCreateDto(Request):
    name: str = Field(max_length=LONGEST_NAME)
    amount: int = Field(ge=1, le=MOST_DESKTOPS)
    type: Literal[0, 1, 2]
    modelId: str
    domainPrefix: str | None = Field(default=None, max_length=LONGEST_NAME)
    remark: str = Field(default="", max_length=1000)
    classNo: str | None = None
    forceFreeze: int | None = None

    _name = field_validator("name")(check_name)

    @field_validator("domainPrefix")
    @classmethod
    def _prefix(cls, value: str | None) -> str | None:
        return check_name(value) if value else None


class DomainBatchTaskDto(Request):
    idList: list[str] = Field(min_length=1, max_length=MOST_IN_A_BATCH)
    hostId: str | None = None
    isForce: Literal[0, 1] = 0


class BatchDelDomainReq(Request):
    domainIdList: list[str] = Field(min_length=1, max_length=MOST_IN_A_BATCH)
    isRecycle: Literal[0, 1]
