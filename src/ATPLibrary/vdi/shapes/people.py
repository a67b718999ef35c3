"""Users and their groups. The vendor's names are LDAP's: a group is an organisational unit, its id a distinguished name.

"ou=sales,ou=office" is the unit sales inside office.
"""

from __future__ import annotations

from typing import ClassVar

from pydantic import Field

from ATPLibrary.vdi.shapes.base import Request, SecretAnswer, SecretRequest, VendorModel


class Group(VendorModel):
    """`UserGroupVO`: an organisational unit, with the `groups` inside it. `ldap_open` says whether a directory has it."""

    distinguished_name: str | None = None
    ou: str | None = None
    id: str | None = None
    parent: str | None = None
    groups: list[Group] | None = Field(default=None, alias="list")
    ldap_open: str | None = None
    ldap_type: str | None = None


class GroupSummary(VendorModel):
    """`UserGroupSimpleVO`: a group's path, which is its id, and its name."""

    distinguished_name: str | None = None
    ou: str | None = None


class GroupQuery(Request):
    """The query of `GET /group`."""

    distinguished_name: str


class NewGroup(Request):
    """`GroupCreateParam`: a unit `group` inside `base`."""

    group: str
    base: str


class DeleteGroup(Request):
    """`GroupDeleteParam`."""

    group: str


class RenameGroup(Request):
    """`GroupRenameParam`."""

    old_group: str
    group: str


class User(VendorModel):
    """`UserListVo`: `account` is what the user logs in with; `vm_name` names the VMs that are the user's own."""

    account: str | None = Field(default=None, alias="sAMAccountName")
    id: str | None = None
    display_name: str | None = None
    given_name: str | None = None
    surname: str | None = Field(default=None, alias="sn")
    cn: str | None = None
    distinguished_name: str | None = None
    id_number: str | None = None
    mail: str | None = None
    mobile: str | None = None
    vm_name: str | None = Field(default=None, alias="domainName")
    admins: str | None = None
    last_login_time: str | None = None


class UserFilter(Request):
    """The query of `GET /user`: the users of `group`, which the platform always wants; `keyword` is part of the name."""

    group: str
    keyword: str | None = None
    sort_order: str | None = None


class UserQuery(Request):
    """The query of `GET /user/detail`."""

    account: str = Field(serialization_alias="sAMAccountName")


class UserDetail(VendorModel):
    """`UserDetailVo`."""

    account: str | None = Field(default=None, alias="sAMAccountName")
    display_name: str | None = None
    mail: str | None = None
    mobile: str | None = None


class NewUser(Request):
    """`UserCreateParam`: an account in `group`."""

    account: str = Field(serialization_alias="sAMAccountName")
    group: str
    given_name: str | None = None
    surname: str | None = Field(default=None, serialization_alias="sn")
    id_number: str | None = None
    mail: str | None = None
    mobile: str | None = None


class UserChange(NewUser):
    """`UserUpdateParam`: as `NewUser`; `cn` is the directory's name of the user."""

    cn: str | None = None


class NewUsers(Request):
    """`UserBatchCreateParam`: `amount` accounts in `group`, their names made of `account` and a number."""

    account: str = Field(serialization_alias="sAMAccountName")
    amount: int
    group: str


class DeleteUser(Request):
    """`UserDeleteParam`."""

    user_id: str
    group: str


class CloseDesktops(Request):
    """`DepartmentCloseDomainDto`: the users whose VMs are shut down."""

    accounts: list[str] = Field(serialization_alias="usernameList")


class MoveUsers(Request):
    """`UserDepartmentDto`: the users of these ids go to the group of that distinguished name."""

    ids: list[int] = Field(serialization_alias="idList")
    distinguished_name: str


class NewPassword(Request):
    """`UserResetPasswordParam`."""

    account: str = Field(serialization_alias="sAMAccountName")
    group: str
    password: SecretRequest


class UserVmsFilter(Request):
    """The query of `GET /user/domain`: the VMs of one user; `status` and `restore_point` may name several, with commas."""

    user_id: str
    keyword: str | None = None
    status: str | None = None
    restore_point: str | None = Field(default=None, serialization_alias="freeze")


class UserReference(Request):
    """The query of `GET /user/cloud-app`."""

    user_id: str


class Application(VendorModel):
    """`OcloudApplicationVO`: an application that is shown to the user alone, without its desktop."""

    id: int | None = None
    name: str | None = Field(default=None, alias="applicationName")
    path: str | None = Field(default=None, alias="applicationPath")
    extension: str | None = None
    mime: str | None = None
    icon: str | None = Field(default=None, alias="favicon")
    host_ip: str | None = None
    create_time: str | None = None


class Fingerprint(VendorModel):
    """`UserFingerprintVO`."""

    holds_secrets: ClassVar[bool] = True

    username: str | None = None
    fingerprint: SecretAnswer | None = None


class SetFingerprint(Request):
    """`SetFingerPrintParam`."""

    username: str
    fingerprint: SecretRequest


class ImportedUsers(VendorModel):
    """`UserImportExcelVO`: what the platform says about the rows of the sheet."""

    lines: list[str] = Field(alias="list")
