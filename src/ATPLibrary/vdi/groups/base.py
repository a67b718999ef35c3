"""What all groups share: one call, a list in pages, a long operation, a batch, and finding a thing by its name."""

from __future__ import annotations

import difflib
import unicodedata
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Generic, Protocol, TypeVar

from pydantic import BaseModel

from ATPLibrary.errors import ATPError, PlatformError
from ATPLibrary.vdi.long import Batch, LongOperation
from ATPLibrary.vdi.operations import Operation, get
from ATPLibrary.vdi.pages import Pages
from ATPLibrary.vdi.session import PlatformSession
from ATPLibrary.vdi.shapes.base import BatchAnswer, Page

if TYPE_CHECKING:
    from ATPLibrary.vdi.shapes.vm_orders import BatchRequest

T = TypeVar("T")
Ticket = TypeVar("Ticket", bound="_Ticket")


class _Ticket(Protocol):
    @property
    def event_id(self) -> str: ...


class _Named(Protocol):
    @property
    def id(self) -> str: ...
    @property
    def name(self) -> str: ...


Named = TypeVar("Named", bound=_Named)


@dataclass(frozen=True, slots=True)
class Choice(Generic[T]):
    """Something whose id or name a caller may say."""

    id: str
    name: str
    item: T


class Group:
    def __init__(self, session: PlatformSession) -> None:
        self._session = session

    async def _call(
        self,
        operation: Operation[T],
        *ids: Any,
        query: BaseModel | None = None,
        body: BaseModel | Mapping[str, str] | bytes | None = None,
        about: str | None = None,
        timeout: float | None,
    ) -> T:
        """One of the vendor's operations. `ids` fill in the path; the first of them names the thing unless `about` does."""
        return await self._session.call(
            operation, *ids, query=query, body=body, about=_about(ids) if about is None else about, timeout=timeout
        )

    def _pages(
        self, operation: Operation[Page[T]], *ids: Any, query: BaseModel | None = None, timeout: float | None
    ) -> Pages[T]:
        return Pages(self._session, operation, *ids, query=query, about=_about(ids), timeout=timeout)

    async def _delete(
        self,
        operation: Operation[None],
        *ids: Any,
        body: BaseModel | None = None,
        deleted: Sequence[str],
        listed_by: str,
        timeout: float | None,
    ) -> None:
        """Delete something. Where the answer was lost, and what was sent again is refused, what isn't listed any more is deleted.

        `listed_by` is the path of the list that it would be in.
        """
        try:
            await self._call(operation, *ids, body=body, timeout=timeout)
        except PlatformError as refusal:
            if not refusal.was_repeated:
                raise
            listing: Operation[Page[dict[str, Any]]] = get("list what is left", listed_by, Page[dict[str, Any]])
            if any([item.get("id") in deleted async for item in self._pages(listing, timeout=timeout)]):
                raise

    async def _begin(
        self,
        operation: Operation[Ticket],
        *ids: Any,
        body: BaseModel | None = None,
        about: str | None = None,
        timeout: float | None,
    ) -> LongOperation[Ticket]:
        """One that the platform goes on with after it has answered."""
        ticket = await self._call(operation, *ids, body=body, about=about, timeout=timeout)
        return LongOperation(self._session, ticket.event_id, ticket)

    async def _batch(self, operation: Operation[BatchAnswer], body: BatchRequest, timeout: float | None) -> Batch:
        """One that the platform goes on with, for several VMs."""
        return self._as_batch(await self._call(operation, body=body, timeout=timeout), body.ids)

    def _as_batch(self, answer: BatchAnswer, vm_ids: Iterable[str] = ()) -> Batch:
        return Batch(self._session, answer, lambda ids: self._vm_names(ids, None), [*vm_ids])

    def _not_done(self, operation: Operation[Any], names: Sequence[str], asked: int) -> PlatformError:
        """The error for the part of a batch that the platform left out without a reason."""
        return PlatformError.about(
            f"Platform '{self._session.name}' did not {operation.title} for {len(names)} of {asked}: {', '.join(names)}",
            next_step="the platform gives no reason; look at what they are bound to already",
        )

    async def _vm_names(self, vm_ids: Sequence[str], timeout: float | None) -> list[str]:
        """VMs as an error names them: the name in quotes; the id of one that the platform doesn't list."""
        from ATPLibrary.vdi.groups.domains import LIST

        try:
            names = {vm.id: f"'{vm.name}'" async for vm in self._pages(LIST, timeout=timeout)}
        except PlatformError:
            names = {}  # what was refused is the news, not that the list was too
        return [names.get(id_, id_) for id_ in vm_ids]

    def _chosen(self, items: Sequence[Named], wanted: str, kind: str, error: Callable[[str], Exception]) -> Named:
        """The item whose id, else whose name is `wanted`, else whose name is it in other code points: "é" may be one or two.

        The error names the near ones.
        """
        for item in items:
            if item.id == wanted:
                return item
        same_name = [item for item in items if item.name == wanted] or [
            item for item in items if is_same_name(item.name, wanted)
        ]
        if len(same_name) == 1:
            return same_name[0]
        subject = f"Platform '{self._session.name}'"
        if same_name:
            ids = ", ".join(item.id for item in same_name)
            raise error(f"{subject} has {len(same_name)} {kind}s named '{wanted}'. Say which by its id: {ids}.")
        names = sorted(item.name for item in items)
        near = difflib.get_close_matches(wanted, names, n=3, cutoff=0.5) or names[:5]
        there = f"It has {', '.join(repr(name) for name in near)}" if near else f"It has no {kind} at all"
        more = f" and {len(names) - len(near)} more" if len(names) > len(near) else ""
        raise error(f"{subject} has no {kind} '{wanted}'. {there}{more}.")

    def _all_chosen(
        self, items: Sequence[Named], wanted: Iterable[str], kind: str, error: type[ATPError]
    ) -> Sequence[Named]:
        """The items of these ids or names, in this order, each once. The error says it of each that isn't there."""
        found: dict[str, Named] = {}
        problems: list[str] = []
        for each in wanted:
            try:
                item = self._chosen(items, each, kind, error)
            except error as problem:
                problems.append(str(problem))
            else:
                found[item.id] = item
        if problems:
            raise error(" ".join(problems))
        return [*found.values()]


def is_same_name(one: str, other: str) -> bool:
    """Whether two names read the same: what a tester types may be composed (NFC), what the platform has decomposed (NFD)."""
    return unicodedata.normalize("NFC", one) == unicodedata.normalize("NFC", other)


def _about(ids: Sequence[Any]) -> str:
    return f"'{ids[0]}'" if ids else ""
