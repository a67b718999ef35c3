"""One row of a table of operations: method, path, what goes out, what comes back, and whether asking twice does no harm.

The tables themselves stand at the top of the files in `groups/`, each beside the methods that use it.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import Any, Generic, Literal, TypeVar, get_args
from urllib.parse import quote

from pydantic import TypeAdapter

from ATPLibrary.errors import InputError
from ATPLibrary.vdi.shapes.base import AnyEnvelope, ClientOutcome, Envelope, Outcome, VendorModel
from ATPLibrary.vdi.shapes.sessions import LoginAnswer, LoginRequest

Answer = TypeVar("Answer")
Method = Literal["GET", "POST", "PUT", "PATCH", "DELETE"]

PREFIX = "/ocloud/v1"
# What an operation answers that answers nothing but success, and what one answers that answers a file.
Done: type[None] = type(None)
Download = bytes
# What one answers of which nothing is known: whatever JSON there is, or a file.
Anything = object


@dataclass(frozen=True, eq=False)
class Operation(Generic[Answer]):
    """`title` completes the sentence "Platform 'lab' refused to ...". `path` has the vendor's parameters in braces.

    `answer` is the type of the answer's `data`; `request` that of the body, `query` that of the query, where there are any.
    `idempotent`: asking twice does no more than asking once, so it may be sent again where a connection or a session has ended.
    `needs_token`: it is asked within the session; what a user's own client asks before it has one isn't. `secret_names` are the
    vendor's names of the passwords and keys in an answer that has no shape of ours.
    """

    title: str
    method: Method
    path: str
    answer: type[Answer]
    request: Any = None
    query: type[VendorModel] | None = None
    idempotent: bool = True
    needs_token: bool = True
    secret_names: frozenset[str] = frozenset()

    @cached_property
    def envelope(self) -> TypeAdapter[Any]:
        """Reads the whole answer in one go: `{"status", "msg", "data"}` with `data` as `answer`."""
        if self.is_its_own_envelope:
            return TypeAdapter(self.answer)
        if self.answer is Done:
            return TypeAdapter(Outcome)
        if self.answer is Anything:
            return TypeAdapter(AnyEnvelope)
        return TypeAdapter(Envelope[self.answer])  # type: ignore[name-defined]

    @cached_property
    def shape(self) -> TypeAdapter[Answer]:
        """Reads `data` alone."""
        return TypeAdapter(self.answer)

    @property
    def is_its_own_envelope(self) -> bool:
        """Whether it answers without `data`: outcome and answer are one object, as those outside `PREFIX` do."""
        return isinstance(self.answer, type) and issubclass(self.answer, ClientOutcome)

    @property
    def status_field(self) -> str:
        """What the answer's outcome is called."""
        return "returnCode" if self.is_its_own_envelope else "status"

    @property
    def holds_secrets(self) -> bool:
        """Whether its answer, or each item of it, may hold a password or key."""
        return bool(self.secret_names or self._secret_shapes)

    @property
    def _secret_shapes(self) -> list[type[VendorModel]]:
        return [each for each in (self.answer, *get_args(self.answer)) if getattr(each, "holds_secrets", False)]

    @property
    def vendor_secrets(self) -> frozenset[str]:
        """The vendor's names of the passwords and keys in its answer."""
        return self.secret_names.union(*(shape.secret_names() for shape in self._secret_shapes))

    def url(self, *ids: Any) -> str:
        """The path with its parameters filled in, in their order, so quoted that none of them can reach another path."""
        path = self.path
        for id_ in ids:
            name = path[path.index("{") : path.index("}") + 1]
            if str(id_).strip() in ("", ".", ".."):
                raise InputError.about(
                    f"To {self.title}, the {name.strip('{}')}", wanted="be an id", got=f"is {str(id_)!r}"
                )
            path = path.replace(name, quote(str(id_), safe=""), 1)
        return path

    def __str__(self) -> str:
        return f"{self.method} {self.path}"


def get(title: str, path: str, answer: type[Answer], *, query: type[VendorModel] | None = None) -> Operation[Answer]:
    """A row that only reads. `path` is below `PREFIX` unless it begins with "/ocloud/"."""
    return Operation(title, "GET", _whole(path), answer, query=query)


def post(
    title: str, path: str, answer: type[Answer], request: Any = None, *, idempotent: bool = False
) -> Operation[Answer]:
    """A row that changes something, and twice as much if it is sent twice, unless it is `idempotent`."""
    return Operation(title, "POST", _whole(path), answer, request, idempotent=idempotent)


def put(title: str, path: str, answer: type[Answer], request: Any = None) -> Operation[Answer]:
    """A row that sets something to a value."""
    return Operation(title, "PUT", _whole(path), answer, request)


def patch(title: str, path: str, answer: type[Answer], request: Any = None) -> Operation[Answer]:
    """A row that sets some fields of something."""
    return Operation(title, "PATCH", _whole(path), answer, request)


def delete(title: str, path: str, answer: type[Answer], request: Any = None) -> Operation[Answer]:
    """A row that removes something; removed twice it is as gone."""
    return Operation(title, "DELETE", _whole(path), answer, request)


def _whole(path: str) -> str:
    return path if path.startswith("/ocloud/") else PREFIX + path


LOGIN = post("log in", "/login", LoginAnswer, LoginRequest, idempotent=True)
LOGOUT = post("log out", "/logout", Done, idempotent=True)
