"""What a user's terminal may do inside a desktop: the device policy of a user or a group."""

from __future__ import annotations

from pydantic import ConfigDict, Field

from ATPLibrary.vdi.codes import PolicyOf
from ATPLibrary.vdi.shapes.base import Request, VendorModel


class PolicyQuery(Request):
    """The query of `GET /user/access-policy`: of whom, and whether that is a user or a group."""

    user: str
    type: PolicyOf


class DeviceRule(VendorModel):
    """`RedirectDetail`: what happens to a kind of USB device (class, or vendor `vid` and product `pid`).

    `allow` says whether it may be used, `auto` whether that happens by itself.
    """

    model_config = ConfigDict(extra="allow")

    allow: str
    auto: str
    class_type: str
    description: str
    pid: str
    type: str
    vid: str


class Policy(VendorModel):
    """`RedirectRule`, and `RedirectRuleVO` where it is read: what `user` (a user or a group) may do.

    The vendor's document gives the fields no meanings and no codes beyond their names; read the policy that is there, change
    it with `model_copy(update={...})` and save it. Fields that a newer platform adds are kept, and go back with the rest.
    """

    model_config = ConfigDict(extra="allow")

    user: str
    type: str | None = None
    is_valid: str
    allow_internet: str
    clipboard_access: str
    disk_access: str
    disk_redirect: str
    enable_disk: str
    enable_camera: str
    enable_redirection: str = Field(alias="enableRedir")
    first_login_modify_password: int = Field(alias="firstLoginModifyPwd")
    is_rebase: str
    is_snapshot: str | None = None
    modify_config: int
    show_tool_menu: int
    teach_mode: int
    shutdown_vm_along: int | None = None
    auto_hibernate: int | None = None
    details: list[DeviceRule] | None = None
    enable_multicast: int | None = None
    multicast_channel: int | None = None
    multicast_fullscreen: int | None = None
    multicast_role: int | None = None
    insert_time_start: str | None = None
    insert_time_end: str | None = None
    ip_address: str | None = Field(default=None, alias="ipAddr")
    mac_address: str | None = Field(default=None, alias="macAddr")
    software: str | None = None
    system_version: str | None = None
    terminal_type: str | None = None
    watermark: int | None = None
    watermark_config: str | None = None
