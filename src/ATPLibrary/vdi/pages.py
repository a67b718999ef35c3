"""A list that the platform gives in pages, as one asynchronous sequence: all of it, or an error."""

from __future__ import annotations

from collections.abc import AsyncIterator
from typing import Any, Generic, TypeVar

from pydantic import BaseModel

from ATPLibrary.errors import PlatformError
from ATPLibrary.vdi.operations import Operation
from ATPLibrary.vdi.session import PlatformSession
from ATPLibrary.vdi.shapes.base import Page

Item = TypeVar("Item")

PAGE_SIZE = 100


class Pages(Generic[Item]):
    """`async for item in pages`, or `await pages.collect()` for all of them. Each page is asked for when it is reached.

    Every iteration asks anew. `timeout` (seconds) bounds each page. Something that moves to the next page meanwhile comes once.
    `PlatformError` at the end where the platform counts more than it has listed: what is missing must not look as if it weren't
    there.
    """

    def __init__(
        self,
        session: PlatformSession,
        operation: Operation[Page[Item]],
        *ids: Any,
        query: BaseModel | None = None,
        about: str = "",
        timeout: float | None = None,
    ) -> None:
        self._session = session
        self._operation = operation
        self._ids = ids
        self._query = {} if query is None else query.model_dump(mode="json", by_alias=True, exclude_none=True)
        self._about = about
        self._timeout = timeout

    async def __aiter__(self) -> AsyncIterator[Item]:
        number = seen = 0
        known: set[Any] = set()
        before: list[Item] = []
        while True:
            number += 1
            query = {**self._query, "pageNum": number, "pageSize": PAGE_SIZE}
            page = await self._session.call(
                self._operation, *self._ids, query=query, about=self._about, timeout=self._timeout
            )
            # One that doesn't heed the number, and gives the same page again and again, must not loop us.
            items = [] if page.items == before else page.items
            # Within a page one id may stand twice: a VM that two users look at.
            ids = [getattr(item, "id", None) for item in items]
            for id_, item in zip(ids, items, strict=True):
                if not id_ or id_ not in known:
                    yield item
            known.update(ids)
            before = page.items
            seen += len(items)
            total = page.total or 0
            if not items:
                break
            # A platform may give smaller pages than it was asked for, and count pages of the size that was asked for.
            if seen >= total and (page.pages is not None or page.total is not None) and number >= (page.pages or 0):
                break
        if seen < total:
            raise PlatformError.about(
                f"Platform '{self._session.name}'",
                wanted=f"{self._operation.title} whole ({self._operation})",
                got=f"it counts {total} and gave {seen} in {number} pages",
                next_step="what is missing can't be told from what isn't there; try again, or look at the platform's own log",
            )

    async def collect(self) -> list[Item]:
        return [item async for item in self]
