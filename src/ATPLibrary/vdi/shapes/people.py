"""Users and their groups. The vendor's names are LDAP's: a group is an organisational unit, its id a distinguished name.

"ou=sales,ou=office" is the unit sales inside office.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from typing import Any, ClassVar

from pydantic import Field, ValidationError

from ATPLibrary.errors import PlatformError
from ATPLibrary.vdi.shapes.base import ClientOutcome, Request, SecretAnswer, SecretRequest, VendorModel
from ATPLibrary.vdi.shapes.vms import Vm


class Group(VendorModel):
    """`UserGroupVO`: an organisational unit, with the `groups` inside it. `ldap_open` says whether a directory has it."""

    distinguished_name: str | None = None
    ou: str | None = None
    id: str | None = None
    parent: str | None = None
    groups: list[Group] | None = Field(default=None, alias="list")
    ldap_open: str | None = None
    ldap_type: str | None = None

    @property
    def path(self) -> str:
        """What operations name it by: its distinguished name."""
        return self.distinguished_name or self.id or ""

    @property
    def name(self) -> str:
        """Its own name, without that of the group it is in."""
        return self.ou or own_name(self.path)

    def all(self) -> Iterator[Group]:
        """This one and those inside it, at any depth."""
        yield self
        for each in self.groups or []:
            yield from each.all()


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

    @property
    def group(self) -> str:
        """The path of the group that it is in, as its distinguished name ends; "" where the platform gives only a name."""
        return (self.distinguished_name or "").partition(",")[2]


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


class UserLoginRequest(Request):
    """`LoginReq`: `password` is the lower-case hexadecimal MD5 of the password, as at the platform's own login."""

    account: str = Field(serialization_alias="sAMAccountName")
    password: SecretRequest


class ZzdUser(VendorModel):
    """`ZzdUser`: the account in Zhezhengding, where the user is from there."""

    account: str | None = None
    employee_code: str | None = Field(default=None, alias="demployeeCode")
    employee_name: str | None = Field(default=None, alias="demployeeName")
    organization_code: str | None = Field(default=None, alias="dorganizationCode")


class UserLogin(ClientOutcome):
    """`ResultClient«object»`: what a user is told at login. `machines` has the desktops that the user may open.

    `is_first_login` is 0 or 1. The document says of `machines` only that it is an object: `desktops` reads it by id and as a list.
    """

    holds_secrets: ClassVar[bool] = True

    account: str | None = Field(default=None, alias="userName")
    is_first_login: int | None = None
    machine_count: int | None = Field(default=None, alias="machinenums")
    machines: Any = None
    license_expire_days: int | None = None
    needs_sms: bool | None = Field(default=None, alias="needSmsVerify")
    phone: str | None = None
    strong_password: str | None = Field(default=None, alias="strongPwd")
    token: SecretAnswer | None = None
    login_token: SecretAnswer | None = Field(default=None, alias="token_login")
    zhezhengding: ZzdUser | None = Field(default=None, alias="zzdUser")

    @property
    def desktops(self) -> list[Vm]:
        """The desktops that the user may open. `PlatformError` where what the platform tells of them has no ids and names.

        The same where it counts more than it tells, and where it wants the code of a text message first: nothing is shown yet.
        """
        told = self.machines.values() if isinstance(self.machines, Mapping) else self.machines or []
        listed = [*told] if isinstance(told, Iterable) else [told]
        if self.needs_sms:
            raise PlatformError.about(
                f"The login of user '{self.account}'",
                wanted="be done with the password",
                got="the platform wants the code of a text message (needSmsVerify), and shows no desktop before",
            )
        if (self.machine_count or 0) > len(listed):
            raise PlatformError.about(
                f"The login of user '{self.account}'",
                wanted=f"tell the {self.machine_count} desktops that it counts (machinenums)",
                got=f"tells {len(listed) or 'none'} in 'machines'",
            )
        try:
            return [Vm.model_validate(each) for each in listed]
        except ValidationError:
            fields = sorted({str(name) for each in listed if isinstance(each, Mapping) for name in each})
            raise PlatformError.about(
                f"The login of user '{self.account}'",
                wanted="tell each desktop's id and name in 'machines'",
                got=f"tells {', '.join(fields) or 'something else'}",
                next_step="The vendor's document doesn't say how this platform tells them",
            ) from None


class ImportedUsers(VendorModel):
    """`UserImportExcelVO`: what the platform says about the rows of the sheet."""

    lines: list[str] = Field(alias="list")


def own_name(path: str) -> str:
    """ "sales" of "ou=sales,ou=office", and of "sales"."""
    return path.partition(",")[0].removeprefix("ou=").strip()
