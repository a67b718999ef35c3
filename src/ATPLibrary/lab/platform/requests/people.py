"""Users, groups, policies, and the login of a user."""

from __future__ import annotations

from pydantic import Field

from ATPLibrary.lab.platform.requests.base import Amount, Ids, Name, Number, Request, Text


class GroupCreateParam(Request):
    base: Text | None = None
    group: Name


class GroupDeleteParam(Request):
    group: Name


class GroupRenameParam(Request):
    group: Name
    oldGroup: Name


class UserCreateParam(Request):
    givenName: Text | None = None
    group: Text | None = None
    idNumber: Text | None = None
    mail: Text | None = None
    mobile: Text | None = None
    sAMAccountName: Name
    sn: Text | None = None


class UserUpdateParam(Request):
    cn: Text | None = None
    givenName: Text | None = None
    group: Text | None = None
    idNumber: Text | None = None
    mail: Text | None = None
    mobile: Text | None = None
    sAMAccountName: Name
    sn: Text | None = None


class UserBatchCreateParam(Request):
    amount: Amount
    group: Text | None = None
    sAMAccountName: Name


class UserDeleteParam(Request):
    group: Text | None = None
    userId: Name


class UserDepartmentDto(Request):
    distinguishedName: Text
    idList: list[Number] = Field(min_length=1, max_length=500)


class UserResetPasswordParam(Request):
    group: Text | None = None
    password: Text | None = Field(default=None, repr=False)
    sAMAccountName: Name


class DepartmentCloseDomainDto(Request):
    usernameList: Ids


class SetFingerPrintParam(Request):
    fingerprint: Text | None = None
    username: Name


class RedirectDetail(Request):
    allow: Text
    auto: Text
    classType: Text
    description: Text
    pid: Text
    type: Text
    vid: Text


class RedirectRule(Request):
    allowInternet: Text
    autoHibernate: Number | None = None
    clipboardAccess: Text
    details: list[RedirectDetail] | None = Field(default=None, max_length=500)
    diskAccess: Text
    diskRedirect: Text
    enableCamera: Text
    enableDisk: Text
    enableMulticast: Number | None = None
    enableRedir: Text
    firstLoginModifyPwd: Number
    insertTimeEnd: Text | None = None
    insertTimeStart: Text | None = None
    ipAddr: Text | None = None
    isRebase: Text
    isSnapshot: Text | None = None
    isValid: Text
    macAddr: Text | None = None
    modifyConfig: Number
    multicastChannel: Number | None = None
    multicastFullscreen: Number | None = None
    multicastRole: Number | None = None
    showToolMenu: Number
    shutdownVmAlong: Number | None = None
    software: Text | None = None
    systemVersion: Text | None = None
    teachMode: Number
    terminalType: Text | None = None
    type: Text | None = None
    user: Text
    watermark: Number | None = None
    watermarkConfig: Text | None = None


class LoginReq(Request):
    action: Text | None = None
    idNumber: Text | None = None
    ipAddr: Text | None = None
    macAddr: Text | None = None
    password: Text | None = Field(default=None, repr=False)
    phone: Text | None = None
    sAMAccountName: Name
    smsCode: Text | None = None
    smsKey: Text | None = None
    software: Text | None = None
    systemVersion: Text | None = None
    terminalType: Text | None = None


class BindUserParam(Request):
    deskId: Text | None = None
    newPassword: Text | None = Field(default=None, repr=False)
    password: Text | None = Field(default=None, repr=False)
    personConfig: Text | None = None
    sAMAccountName: Text | None = None
    username: Text | None = None
    uuid: Text | None = None
