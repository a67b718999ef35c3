"""The vendor's operations that the client uses: method, path, and whether asking twice does no more than asking once."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Literal
from urllib.parse import quote

from ATPLibrary.errors import InputError

PREFIX = "/ocloud/v1"


@dataclass(frozen=True, slots=True)
class Operation:
    """`title` completes the sentence "Platform 'lab' refused to ...". `path` has the vendor's parameters in braces."""

    title: str
    method: Literal["GET", "POST", "DELETE"]
    path: str
    idempotent: bool = True

    def url(self, **parameters: Any) -> str:
        """The path with its parameters filled in, so quoted that none of them can reach another path."""
        for name, value in parameters.items():
            if str(value).strip() in ("", ".", ".."):
                raise InputError.about(f"To {self.title}, the {name}", wanted="be an id", got=f"is {str(value)!r}")
        return self.path.format_map({name: quote(str(value), safe="") for name, value in parameters.items()})

    def __str__(self) -> str:
        return f"{self.method} {self.path}"


LOGIN = Operation("log in", "POST", f"{PREFIX}/login")
LOGOUT = Operation("log out", "POST", f"{PREFIX}/logout")

LIST_HOSTS = Operation("list hosts", "GET", f"{PREFIX}/host")
GET_HOST = Operation("show a host", "GET", f"{PREFIX}/host/{{id}}")

LIST_MODELS = Operation("list models", "GET", f"{PREFIX}/model")

LIST_DESK_POOLS = Operation("list desk pools", "GET", f"{PREFIX}/desk-pool")
CREATE_DESK_POOL = Operation("create a desk pool", "POST", f"{PREFIX}/desk-pool", idempotent=False)
DELETE_DESK_POOL = Operation("delete a desk pool", "DELETE", f"{PREFIX}/desk-pool/{{id}}")
ENABLE_DESK_POOL = Operation("enable a desk pool", "POST", f"{PREFIX}/desk-pool/{{id}}/enable")
DISABLE_DESK_POOL = Operation("disable a desk pool", "POST", f"{PREFIX}/desk-pool/{{id}}/disable")
LIST_DESK_POOL_VMS = Operation("list a desk pool's VMs", "GET", f"{PREFIX}/desk-pool/{{id}}/domain/list")

LIST_VMS = Operation("list VMs", "GET", f"{PREFIX}/domain")
GET_VM = Operation("show a VM", "GET", f"{PREFIX}/domain/{{id}}")
START_VMS = Operation("start VMs", "POST", f"{PREFIX}/domain/start", idempotent=False)
CLOSE_VMS = Operation("close VMs", "POST", f"{PREFIX}/domain/close", idempotent=False)
REBOOT_VMS = Operation("reboot VMs", "POST", f"{PREFIX}/domain/reboot", idempotent=False)
DELETE_VMS = Operation("delete VMs", "POST", f"{PREFIX}/domain/delete")
LIST_VM_PORTS = Operation("show a VM's display ports", "GET", f"{PREFIX}/domain/{{id}}/port")

LIST_EVENTS = Operation("list events", "GET", f"{PREFIX}/event")
GET_EVENT = Operation("show an event", "GET", f"{PREFIX}/event/{{id}}")

ALL: tuple[Operation, ...] = tuple(value for value in dict(globals()).values() if isinstance(value, Operation))
