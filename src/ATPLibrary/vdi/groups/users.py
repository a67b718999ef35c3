"""Users: accounts, their passwords and groups, the desktops that are theirs, what their terminals may do."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterable, Sequence

from ATPLibrary.errors import PlatformError
from ATPLibrary.secrets import as_secret
from ATPLibrary.vdi.codes import PolicyOf
from ATPLibrary.vdi.groups.base import Choice, Group
from ATPLibrary.vdi.operations import Done, Download, Operation, get, patch, post, put
from ATPLibrary.vdi.pages import Pages
from ATPLibrary.vdi.session import digest
from ATPLibrary.vdi.shapes.base import Page
from ATPLibrary.vdi.shapes.people import (
    Application,
    CloseDesktops,
    DeleteUser,
    Fingerprint,
    ImportedUsers,
    MoveUsers,
    NewPassword,
    NewUser,
    NewUsers,
    SetFingerprint,
    User,
    UserChange,
    UserDetail,
    UserFilter,
    UserLogin,
    UserLoginRequest,
    UserQuery,
    UserReference,
    UserVmsFilter,
)
from ATPLibrary.vdi.shapes.policies import Policy, PolicyQuery
from ATPLibrary.vdi.shapes.vms import Vm

LIST = get("list users", "/user", Page[User], query=UserFilter)
DETAIL = get("show a user", "/user/detail", UserDetail, query=UserQuery)
CREATE = post("create a user", "/user", Done, NewUser)
CREATE_MANY = post("create users", "/user/batch", Done, NewUsers)
SHEET = get("get the sheet for importing users", "/user/download-template", Download)
IMPORT = post("import users", "/user/import-excel", ImportedUsers, bytes)
UPDATE = put("change a user", "/user", Done, UserChange)
DELETE = post("delete a user", "/user/delete", Done, DeleteUser, idempotent=True)
MOVE = patch("move users to a group", "/user/group", Done, MoveUsers)
SET_PASSWORD = patch("set a user's password", "/user/password", Done, NewPassword)
VMS = get("list a user's VMs", "/user/domain", Page[Vm], query=UserVmsFilter)
CLOSE_VMS = post("close users' VMs", "/user/close-domain", Done, CloseDesktops)
APPLICATIONS = get("list a user's applications", "/user/cloud-app", list[Application], query=UserReference)
POLICY = get("show a device policy", "/user/access-policy", Policy, query=PolicyQuery)
SET_POLICY = put("set a device policy", "/user/access-policy", Done, Policy)
FINGERPRINTS = get("list fingerprints", "/user/fingerprint-all", list[Fingerprint])
SET_FINGERPRINT = patch("set a user's fingerprint", "/user/fingerprint", Done, SetFingerprint)
SYNC_LDAP = post("read users from the directory", "/user/sync-ldap", Done, idempotent=True)
SYNC_ZZD = post("read users from Zhezhengding", "/user/sync-zzd-users", Done, idempotent=True)

LOG_IN = Operation(
    "log in user",
    "POST",
    "/ocloud/usermodule/userlogin2",
    UserLogin,
    UserLoginRequest,
    needs_token=False,
)


class Users(Group):
    """A user is named by the account; groups are distinguished names, "ou=sales,ou=office"."""

    def list(
        self,
        group: str,
        keyword: str | None = None,
        *,
        sort_order: str | None = None,
        timeout: float | None = None,
    ) -> Pages[User]:
        """The users of a group; `keyword` filters by part of the name."""
        query = UserFilter(group=group, keyword=keyword, sort_order=sort_order)
        return self._pages(LIST, query=query, timeout=timeout)

    async def find(self, account: str, *, groups: Iterable[str], timeout: float | None = None) -> User:
        """The user of that account, looked for in these groups: `UserDetail` says neither id nor group.

        Its `group` is the one that it was found in where the platform doesn't say it.
        """
        groups = [*groups]
        for group in groups:
            async for user in self.list(group, account, timeout=timeout):
                if user.account == account:
                    return user if user.group else _within(user, group)
        there = [user async for user in self.everyone(groups, timeout=timeout)]  # for the sentence
        return self._chosen(
            [Choice(name := user.account or "", name, user) for user in there], account, "user", PlatformError
        ).item

    async def everyone(self, groups: Iterable[str], *, timeout: float | None = None) -> AsyncIterator[User]:
        """The users of all these groups, each once: a group's list may have those of the groups inside it."""
        seen: set[str] = set()
        for group in groups:
            async for user in self.list(group, timeout=timeout):
                if (user.account or "") not in seen:
                    seen.add(user.account or "")
                    yield user if user.group else _within(user, group)

    async def detail(self, account: str, *, timeout: float | None = None) -> UserDetail:
        """One user."""
        return await self._call(DETAIL, query=UserQuery(account=account), about=f"'{account}'", timeout=timeout)

    async def create(self, user: NewUser, *, timeout: float | None = None) -> None:
        """Make an account."""
        await self._call(CREATE, body=user, about=f"'{user.account}'", timeout=timeout)

    async def create_many(self, account: str, amount: int, *, group: str, timeout: float | None = None) -> None:
        """Make `amount` accounts whose names begin with `account`."""
        body = NewUsers(account=account, amount=amount, group=group)
        await self._call(CREATE_MANY, body=body, about=f"'{account}'", timeout=timeout)

    async def import_sheet(self, *, timeout: float | None = None) -> bytes:
        """The spreadsheet to be filled in for `import_`."""
        return await self._call(SHEET, timeout=timeout)

    async def import_(self, sheet: bytes, *, timeout: float | None = None) -> Sequence[str]:
        """Make the accounts of a filled-in spreadsheet. Returns what the platform says about its rows."""
        return (await self._call(IMPORT, body=sheet, timeout=timeout)).lines

    async def update(self, user: UserChange, *, timeout: float | None = None) -> None:
        """Change what the account of that name says."""
        await self._call(UPDATE, body=user, about=f"'{user.account}'", timeout=timeout)

    async def delete(self, account: str, *, group: str, timeout: float | None = None) -> None:
        """Delete the account."""
        body = DeleteUser(user_id=account, group=group)
        await self._call(DELETE, body=body, about=f"'{account}'", timeout=timeout)

    async def move(self, user_ids: Iterable[int], group: str, *, timeout: float | None = None) -> None:
        """Put users (by `User.id`) into another group."""
        await self._call(MOVE, body=MoveUsers(ids=[*user_ids], distinguished_name=group), timeout=timeout)

    async def set_password(self, account: str, password: object, *, group: str, timeout: float | None = None) -> None:
        """Give the user another password (text or a secret), which is sent as it is."""
        body = NewPassword(account=account, group=group, password=as_secret(password))
        await self._call(SET_PASSWORD, body=body, about=f"'{account}'", timeout=timeout)

    async def log_in(self, account: str, password: object, *, timeout: float | None = None) -> UserLogin:
        """Log in as the user's own client does, and be told which desktops there are. Needs no session, and makes none here.

        `password` is text or a secret. `PlatformError` where the platform refuses: a wrong password, no such user.
        """
        body = UserLoginRequest(account=account, password=digest(as_secret(password)))
        return await self._call(LOG_IN, body=body, about=f"'{account}'", timeout=timeout)

    def vms(
        self,
        account: str,
        keyword: str | None = None,
        *,
        status: str | None = None,
        restore_point: str | None = None,
        timeout: float | None = None,
    ) -> Pages[Vm]:
        """The user's own VMs."""
        query = UserVmsFilter(user_id=account, keyword=keyword, status=status, restore_point=restore_point)
        return self._pages(VMS, query=query, timeout=timeout)

    async def close_vms(self, accounts: Iterable[str], *, timeout: float | None = None) -> None:
        """Shut down the VMs of these users."""
        await self._call(CLOSE_VMS, body=CloseDesktops(accounts=[*accounts]), timeout=timeout)

    async def applications(self, account: str, *, timeout: float | None = None) -> Sequence[Application]:
        """The applications that the user has without a desktop."""
        return await self._call(APPLICATIONS, query=UserReference(user_id=account), timeout=timeout)

    async def policy(self, name: str, of: PolicyOf = PolicyOf.USER, *, timeout: float | None = None) -> Policy:
        """What the terminal of a user, or of a group's users, may do."""
        return await self._call(POLICY, query=PolicyQuery(user=name, type=of), about=f"'{name}'", timeout=timeout)

    async def set_policy(self, policy: Policy, *, timeout: float | None = None) -> None:
        """Save a policy, of the user or group that it names."""
        await self._call(SET_POLICY, body=policy, about=f"'{policy.user}'", timeout=timeout)

    async def fingerprints(self, *, timeout: float | None = None) -> Sequence[Fingerprint]:
        """The fingerprints that users log in with."""
        return await self._call(FINGERPRINTS, timeout=timeout)

    async def set_fingerprint(self, account: str, fingerprint: object, *, timeout: float | None = None) -> None:
        """Give the user a fingerprint (its code, text or a secret)."""
        body = SetFingerprint(username=account, fingerprint=as_secret(fingerprint))
        await self._call(SET_FINGERPRINT, body=body, about=f"'{account}'", timeout=timeout)

    async def sync_directory(self, *, timeout: float | None = None) -> None:
        """Read users and groups from the directory again."""
        await self._call(SYNC_LDAP, timeout=timeout)

    async def sync_zhezhengding(self, *, timeout: float | None = None) -> None:
        """Read the users from Zhezhengding again, where the platform is joined to it."""
        await self._call(SYNC_ZZD, timeout=timeout)


def _within(user: User, group: str) -> User:
    """The user with the distinguished name that the platform left out."""
    return user.model_copy(update={"distinguished_name": f"cn={user.account},{group}"})
