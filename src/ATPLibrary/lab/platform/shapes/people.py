"""Users, groups, redirection policies, and their logins."""

from __future__ import annotations

from typing import Any

from pydantic import with_config
from typing_extensions import TypedDict

from ATPLibrary.lab.platform.shapes.base import CLOSED


@with_config(CLOSED)
class UserListVo(TypedDict, total=False):
    id: str
    sAMAccountName: str
    cn: str
    sn: str
    givenName: str
    displayName: str
    distinguishedName: str
    domainName: str
    idNumber: str
    mail: str
    mobile: str
    lastLoginTime: str


@with_config(CLOSED)
class UserDetailVo(TypedDict, total=False):
    displayName: str
    mail: str
    mobile: str
    sAMAccountName: str


@with_config(CLOSED)
class UserGroupSimpleVO(TypedDict, total=False):
    distinguishedName: str
    ou: str


@with_config(CLOSED)
class UserGroupVO(TypedDict, total=False):
    distinguishedName: str
    id: str
    ldapOpen: str
    ldapType: str
    list: list[UserGroupVO]
    ou: str
    parent: str


@with_config(CLOSED)
class UserImportExcelVO(TypedDict):
    list: list[str]


@with_config(CLOSED)
class UserFingerprintVO(TypedDict, total=False):
    fingerprint: str
    username: str


@with_config(CLOSED)
class RedirectDetail(TypedDict, total=False):
    allow: str
    auto: str
    classType: str
    description: str
    pid: str
    type: str
    vid: str


@with_config(CLOSED)
class RedirectRuleVO(TypedDict, total=False):
    allowInternet: str
    autoHibernate: int
    clipboardAccess: str
    details: list[RedirectDetail]
    diskAccess: str
    diskRedirect: str
    enableCamera: str
    enableDisk: str
    enableMulticast: int
    enableRedir: str
    firstLoginModifyPwd: int
    insertTimeEnd: str
    insertTimeStart: str
    ipAddr: str
    isRebase: str
    isSnapshot: str
    isValid: str
    macAddr: str
    modifyConfig: int
    multicastChannel: int
    multicastRole: int
    showToolMenu: int
    shutdownVmAlong: int
    software: str
    systemVersion: str
    teachMode: int
    terminalType: str
    type: str
    user: str
    watermark: int
    watermarkConfig: str


@with_config(CLOSED)
class OcloudApplicationVO(TypedDict, total=False):
    applicationName: str
    applicationPath: str
    createTime: str
    extension: str
    favicon: str
    hostIp: str
    id: int
    mime: str


@with_config(CLOSED)
class ResultClient(TypedDict, total=False):
    returnCode: int
    msg: str
    token_login: str
    userName: str
    machinenums: int
    machines: dict[str, Any]
    isFirstLogin: int


@with_config(CLOSED)
class Result(TypedDict, total=False):
    data: dict[str, Any]
    msg: str
    returnCode: int
