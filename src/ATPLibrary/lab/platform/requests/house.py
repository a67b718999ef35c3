"""Alarm codes, terminals, USB devices."""

from __future__ import annotations

from ATPLibrary.lab.platform.requests.base import Ids, Name, Number, Request, Text


class HostLogDto(Request):
    ids: Ids


class AlarmCodeUpdateReq(Request):
    checkTimes: Number
    code: Text
    enable: Number
    level: Text
    module: Text
    pushMethod: Text
    thresholdType: Text
    thresholdValue: Number


class TerminalSetConfigReq(Request):
    config: Text | None = None
    idList: Ids


class TerminalDisconnectReq(Request):
    idList: Ids


class TerminalShutdownReq(Request):
    idList: Ids
    timeout: Number | None = None


class TerminalGroupCreateDto(Request):
    name: Name
    remark: Text | None = None


class TerminalGroupAddTerminalDto(Request):
    idList: Ids


class UsbPassThroughDto(Request):
    hostId: Text
    own: Text | None = None
    usbName: Text


class UsbRedirectDto(Request):
    deviceName: Text
    domainId: Text
    hostId: Text
    hostIp: Text
    operate: Number
