"""Terminals: the machines that users sit at, and groups of them."""

from __future__ import annotations

from pydantic import Field

from ATPLibrary.vdi.shapes.base import IdList, Request, VendorModel


class Terminal(VendorModel):
    """`TerminalVO`: one terminal; its id is its MAC address. `user` is who is logged in to it.

    `is_online`, `link_shutdown` (it goes off with the VM) and `socks_proxy` are 0 or 1; `bandwidth_limit` is in Mbit/s and
    `frame_rate` in pictures a second.

    The SPICE settings: `pixel_format` 1 standard, 2 high, 3 very high; `encode_format` 0 H.264, 1 H.265, 2 AV1; `quality` 0
    normal, 1 low bandwidth; `speed` 0 to 8; `decode_type` 0 software, 1 hardware; `game_mode` 0 normal, 1 performance;
    `mouse_mode` 0 client, 1 server, 2 tablet, 3 shooter games; `usb_redirection` 0 automatic, 1 outer, 2 inner network.
    """

    id: str
    is_online: int | None = Field(default=None, alias="online")
    user: str | None = None
    client_type: str | None = None
    client_version: str | None = None
    os_info: str | None = None
    cpu: str | None = None
    memory: int | None = None
    ip_mac: str | None = None
    request_ip: str | None = None
    bandwidth_limit: int | None = None
    frame_rate: int | None = None
    link_shutdown: int | None = None
    socks_proxy: int | None = None
    pixel_format: int | None = Field(default=None, alias="spiceDecodePixFormat")
    quality: int | None = Field(default=None, alias="spiceDecodeQuality")
    speed: int | None = Field(default=None, alias="spiceDecodeSpeed")
    decode_type: int | None = Field(default=None, alias="spiceDecodeType")
    encode_format: int | None = Field(default=None, alias="spiceEncodeFormat")
    game_mode: int | None = Field(default=None, alias="spiceGameMode")
    mouse_mode: int | None = Field(default=None, alias="spiceMouseMode")
    usb_redirection: int | None = Field(default=None, alias="usbRedirectOption")
    online_time: str | None = None
    offline_time: str | None = None


class TerminalFilter(Request):
    """The filters of `GET /terminal`; `keyword` is part of user, type, version or address, the rest is as in `Terminal`."""

    keyword: str | None = None
    id: str | None = None
    group_id: str | None = None
    is_online: int | None = Field(default=None, serialization_alias="online")
    frame_rate: int | None = None
    link_shutdown: int | None = None
    socks_proxy: int | None = None
    pixel_format: int | None = Field(default=None, serialization_alias="spiceDecodePixFormat")
    quality: int | None = Field(default=None, serialization_alias="spiceDecodeQuality")
    speed: int | None = Field(default=None, serialization_alias="spiceDecodeSpeed")
    decode_type: int | None = Field(default=None, serialization_alias="spiceDecodeType")
    encode_format: int | None = Field(default=None, serialization_alias="spiceEncodeFormat")
    game_mode: int | None = Field(default=None, serialization_alias="spiceGameMode")
    mouse_mode: int | None = Field(default=None, serialization_alias="spiceMouseMode")
    usb_redirection: int | None = Field(default=None, serialization_alias="usbRedirectOption")


class TerminalConfig(VendorModel):
    """`TerminalGetConfigRsp`: what the terminal says about its settings: `config` is JSON as text."""

    code: int | None = None
    config: str | None = None


class SetConfig(Request):
    """`TerminalSetConfigReq`: settings for these terminals; `config` is JSON as text."""

    ids: list[str] = Field(serialization_alias="idList")
    config: str


class TerminalIds(IdList):
    """`TerminalDisconnectReq`: the terminals that are meant."""


class SwitchOff(Request):
    """`TerminalShutdownReq`: the terminals that are meant, and in how many seconds (0: at once)."""

    ids: list[str] = Field(serialization_alias="idList")
    delay: int = Field(default=0, serialization_alias="timeout")


class TerminalGroup(VendorModel):
    """`TerminalGroupVO`."""

    id: str
    name: str
    remark: str | None = None
    terminal_count: int | None = None


class TerminalGroupFilter(Request):
    """The filter of `GET /terminal-group`: part of the name."""

    keyword: str | None = None


class TerminalGroupRequest(Request):
    """`TerminalGroupCreateDto`: a group as it is to be."""

    name: str
    remark: str | None = None


class GroupedTerminals(IdList):
    """`TerminalGroupAddTerminalDto`: terminals to be put into a group, or taken out of it."""
