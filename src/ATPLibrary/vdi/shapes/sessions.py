"""Logging in."""

from __future__ import annotations

from typing import ClassVar

from pydantic import Field

from ATPLibrary.vdi.shapes.base import Request, SecretRequest, VendorModel


class LoginRequest(Request):
    """`LoginDto`: `password` is the lower-case hexadecimal MD5 of the password.

    `client` is left out for an ordinary login; "weixin" and "sso" are the vendor's other ways in.
    """

    username: str
    password: SecretRequest
    client: str | None = None


class LoginAnswer(VendorModel):
    """`LoginVO`. `token` goes into the header `Token` of every later call; `role_level` is what the account may do."""

    holds_secrets: ClassVar[bool] = True

    token: str = Field(min_length=1, pattern=r"^[ -~]*$")  # what a header can carry
    username: str | None = None
    role_level: str | None = None
    resource_pri: int | None = None
    user_pri: int | None = None

    @classmethod
    def secret_names(cls) -> set[str]:
        return {"token"}
