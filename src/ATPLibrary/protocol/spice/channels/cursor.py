"""The cursor channel: the guest's mouse pointer, its shape and where it is."""

from __future__ import annotations

from typing import ClassVar

from ATPLibrary.protocol.spice.channels.conversation import Conversation
from ATPLibrary.protocol.spice.cursor_shapes import CursorShape
from ATPLibrary.protocol.spice.display.pixels import Unfit
from ATPLibrary.protocol.spice.link import Linked
from ATPLibrary.protocol.spice.messages import cursor
from ATPLibrary.protocol.spice.options import SpiceOptions
from ATPLibrary.protocol.spice.schema import Message
from ATPLibrary.transport.spice import SpiceChannelType

CACHE_ME, FROM_CACHE = 2, 4
# spice-server has the oldest of 256 forgotten. So many more, or so many bytes, are no cache of pointers.
MOST_SHAPES = 1024
MOST_BYTES = 64 << 20


class CursorConversation(Conversation):
    """STARTING -INIT-> READY -RESET-> READY, without a pointer until INIT comes again.

    `position` in pixels of the display of the same number, as the server said last: where the mouse is moved by positions that is
    where the pointer was, the client draws it where its own is. `shape` None: the guest has set none.
    """

    first: ClassVar[type[Message] | None] = cursor.Init

    position = (0, 0)
    shape: CursorShape | None = None
    is_shown = False

    def __init__(self, type: SpiceChannelType, subject: str, linked: Linked, options: SpiceOptions) -> None:
        super().__init__(type, subject, linked, options)
        self._kept: dict[int, CursorShape] = {}

    @property
    def visible(self) -> bool:
        """Whether there is a pointer to be seen: a shape that is not all clear, and which the guest has not hidden."""
        return self.is_shown and self.shape is not None and not self.shape.is_blank

    @property
    def cached(self) -> int:
        """How many shapes the server takes for known here."""
        return len(self._kept)

    def handle(self, message: Message) -> None:
        match message:
            case cursor.Init() | cursor.Set():
                if isinstance(message, cursor.Init):
                    self._kept.clear()
                self.shape = self._shape(message, message.cursor)
                self.position = message.position.x, message.position.y
                self.is_shown = bool(message.visible)
                self._tell()
            case cursor.Move(position):
                self.position, self.is_shown = (position.x, position.y), True
            case cursor.Hide():
                self.is_shown = False
                self._tell()
            case cursor.Reset():
                self.shape, self.is_shown = None, False
                self._kept.clear()
                self._tell()
            case cursor.InvalOne(id):
                self._kept.pop(id, None)
            case cursor.InvalAll():
                self._kept.clear()

    def _shape(self, message: Message, picture: cursor.CursorPicture) -> CursorShape | None:
        header = picture.header
        if header is None:
            return None
        if picture.flags & FROM_CACHE:
            if header.unique not in self._kept:
                raise self.wrong(message, "cursor.header.unique", f"is {header.unique:#x}, which was not kept")
            return self._kept[header.unique]
        try:
            shape = CursorShape.of(header, bytes(picture.data))
        except Unfit as error:
            raise self.wrong(message, error.field, error.reason) from error
        if picture.flags & CACHE_ME:
            self._kept[header.unique] = shape
            size = sum(len(each.data) for each in self._kept.values())
            if len(self._kept) > MOST_SHAPES or size > MOST_BYTES:
                raise self.wrong(message, "cursor.flags", f"has {len(self._kept)} shapes kept, of {size} bytes")
        return shape

    def _tell(self) -> None:
        shape = self.shape
        size = {"width": shape.width, "height": shape.height} if shape is not None else {}
        self.tell("cursor", {"visible": self.visible, **size})
