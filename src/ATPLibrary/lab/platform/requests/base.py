"""What is common to the requests: names, ids, bounded numbers and texts."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import AfterValidator, BaseModel, ConfigDict, Field

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
    """The field names are the vendor's own. A number in quotes is no number, and neither is `true`."""

    model_config = ConfigDict(extra="ignore", strict=True)


Name = Annotated[str, Field(max_length=LONGEST_NAME), AfterValidator(check_name)]
Text = Annotated[str, Field(max_length=1000)]
Ids = Annotated[list[Text], Field(min_length=1, max_length=MOST_IN_A_BATCH)]
Amount = Annotated[int, Field(ge=1, le=MOST_DESKTOPS)]
# What the database and libvirt can count with.
Number = Annotated[int, Field(ge=0, le=2**31 - 1)]
Flag = Literal[0, 1]


class LoginDto(Request):
    username: Text
    password: str = Field(max_length=200, repr=False)
    client: Text | None = None


class BatchIdListDto(Request):
    idList: Ids
