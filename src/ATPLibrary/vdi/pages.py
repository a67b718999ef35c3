"""A list that the platform gives in pages, as one asynchronous sequence."""

from __future__ import annotations

from collections.abc import AsyncIterator
from typing import Any, Generic, TypeVar

from pydantic import BaseModel

from ATPLibrary.vdi.operations import Operation
from ATPLibrary.vdi.session import PlatformSession
from ATPLibrary.vdi.shapes.base import Page

Item = TypeVar("Item")

PAGE_SIZE = 100


class Pages(Generic[Item]):
    """`async for item in pages`, or `await pages.collect()` for all of them. Each page is asked for when it is reached.

    Every iteration asks anew. `timeout` (seconds) bounds each page.
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
        while True:
            number += 1
            query = {**self._query, "pageNum": number, "pageSize": PAGE_SIZE}
            page = await self._session.call(
                self._operation, *self._ids, query=query, about=self._about, timeout=self._timeout
            )
            for item in page.items:
                yield item
            seen += len(page.items)
            # An empty page ends the list whatever `pages` and `total` say: a platform that miscounts must not loop us.
            if not page.items or (page.pages is not None and number >= page.pages):
                return
            if page.pages is None and seen >= (page.total or 0):
                return

    async def collect(self) -> list[Item]:
        return [item async for item in self]
