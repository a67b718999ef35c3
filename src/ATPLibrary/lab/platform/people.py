"""Users and their groups, and what a user sees at login."""

from __future__ import annotations

import hashlib
import hmac
import re
import time
from collections.abc import Iterable
from typing import Any

from ATPLibrary.lab.platform.codes import PoolStatus, Refusal
from ATPLibrary.lab.platform.records import Record
from ATPLibrary.lab.platform.store import Store
from ATPLibrary.lab.platform.tables import VmRow

# The group that all others are in, and the password that a user has until it is set.
ROOT = "ou=users"
FIRST_PASSWORD = "123456"

_MD5 = re.compile(r"[0-9a-f]{32}")


class People:
    """A user's id is the account's name, a group's its path: "ou=sales,ou=users"."""

    def __init__(self, store: Store) -> None:
        self._store = store
        self._records = store.records

    def prepare(self) -> None:
        if self._records.get("group", ROOT) is None:
            self._records.add("group", ROOT, parent="")

    # -- groups

    def groups(self) -> list[Record]:
        return self._records.all("group")

    def group(self, name: str) -> Record:
        """By its path, or by its own name where only one group has that."""
        found = [group for group in self.groups() if name in (group["id"], own_name(group["id"]))]
        if len(found) != 1:
            raise Refusal(f"组织单位不存在: {name} ({'more than one' if found else 'no such'} group)")
        return found[0]

    def add_group(self, base: str | None, name: str) -> None:
        parent = self.group(base or ROOT)["id"]
        path = f"ou={own_name(name)},{parent}"
        if self._records.get("group", path) is not None:
            raise Refusal(f"组织单位已存在: {path} (the group exists)")
        if len(path) > 1000:
            raise Refusal("组织单位层级过深 (the groups are nested too deeply)")
        self._records.add("group", path, parent=parent)

    def remove_group(self, name: str) -> None:
        group = self.group(name)
        if group["id"] == ROOT:
            raise Refusal("根组织单位不能删除 (the root group stays)")
        if self.children(group["id"]) or self.users(group["id"]):
            raise Refusal(f"组织单位不为空: {group['id']} (the group has users or groups in it)")
        self._records.remove("group", group["id"])

    def rename_group(self, old: str, new: str) -> None:
        """Its groups and users go with it, and so do the desk pools that it is bound to."""
        group = self.group(old)
        if group["id"] == ROOT:
            raise Refusal("根组织单位不能重命名 (the root group keeps its name)")
        path = f"ou={own_name(new)},{group['parent']}"
        if self._records.get("group", path) is not None:
            raise Refusal(f"组织单位已存在: {path} (the group exists)")

        def renamed(name: str) -> str:
            return (
                path if name == group["id"] else re.sub(rf"(^|,){re.escape(group['id'])}$", rf"\1{_plain(path)}", name)
            )

        for each in self.groups():
            if renamed(each["id"]) != each["id"]:
                self._records.remove("group", each["id"])
                self._records.add("group", renamed(each["id"]), parent=renamed(each["parent"]))
        for user in self._records.all("user"):
            self._records.change("user", user["id"], group=renamed(user["group"]))
        for pool in self._store.pools():
            groups = "\n".join(renamed(name) for name in pool.groups.splitlines())
            self._store.change_pool(pool.id, groups=groups)

    def children(self, path: str) -> list[Record]:
        return [group for group in self.groups() if group["parent"] == path]

    # -- users

    def users(self, group: str | None = None) -> list[Record]:
        return [user for user in self._records.all("user") if group in (None, user["group"])]

    def user(self, name: str) -> Record:
        user = self._records.get("user", name)
        if user is None:
            raise Refusal(f"用户不存在: {name} (no such user)")
        return user

    def add_user(self, name: str, group: str | None, **values: Any) -> None:
        path = self.group(group or ROOT)["id"]
        if self._records.get("user", name) is not None:
            raise Refusal(f"用户已存在: {name} (the user exists)")
        numbers = [user["number"] for user in self._records.all("user")]
        number = max(numbers, default=0) + 1
        self._records.add(
            "user", name, number=number, group=path, password=_digest(FIRST_PASSWORD), last_login=0.0, **values
        )

    def change_user(self, name: str, **values: Any) -> None:
        self._records.change("user", self.user(name)["id"], **values)

    def set_password(self, name: str, password: str | None) -> None:
        self.change_user(name, password=_digest(password or FIRST_PASSWORD))

    def remove_user(self, name: str) -> None:
        """The VMs that were the user's are nobody's then."""
        self.user(name)
        self._store.change_vms([row.id for row in self.vms_of(name)], user="")
        self._records.remove("user", name)

    def vms_of(self, name: str) -> list[VmRow]:
        """The VMs that are bound to the user."""
        return [row for row in self._store.vms() if row.user == name and not row.recycled]

    # -- login

    def login(self, name: str, password: str) -> Record:
        user = self._records.get("user", name)
        known = user["password"] if user else ""
        if not hmac.compare_digest(_digest(password), known) or user is None:
            raise Refusal("用户名或密码错误 (wrong username or password)")
        self._records.change("user", name, last_login=time.time())
        return user

    def desktops(self, user: Record) -> list[VmRow]:
        """What the user sees: the VMs bound to the user and, of the enabled shared pools of the user's groups, those of nobody."""
        pools = {pool.id: pool for pool in self._store.pools() if pool.enabled and pool.status != PoolStatus.ARCHIVED}
        around = set(_around(user["group"]))
        shared = {id for id, pool in pools.items() if pool.type == 1 and around & set(pool.groups.splitlines())}
        return [
            row
            for row in self._store.vms()
            if not row.recycled
            and (not row.pool_id or row.pool_id in pools)
            and (row.user == user["id"] or (not row.user and row.pool_id in shared))
        ]


def own_name(path: str) -> str:
    """ "sales" of "ou=sales,ou=users", and of "sales"."""
    return path.split(",", maxsplit=1)[0].removeprefix("ou=").strip()


def _around(path: str) -> Iterable[str]:
    """The group and those that it is in."""
    parts = path.split(",")
    return (",".join(parts[number:]) for number in range(len(parts)))


def _plain(text: str) -> str:
    return text.replace("\\", "\\\\")


def _digest(password: str) -> str:
    """The vendor's protocol sends MD5; what is none is taken for the password itself. Only a salted hash of it is kept."""
    sent = password if _MD5.fullmatch(password) else hashlib.md5(password.encode(), usedforsecurity=False).hexdigest()
    return hashlib.sha256(f"atp-lab:{sent}".encode()).hexdigest()
