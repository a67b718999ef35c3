"""The language in which SPICE's messages are written down, once: a class a message, a field a line.

`fields` has the words (U32, Counted, Pointer, ...), `structure` the classes that use them, `decoding` and `encoding` what is made
of such a class: both ways come from the same lines. Nothing here knows any message.
"""

from ATPLibrary.protocol.spice.schema.structure import Message, Sender, Structure

__all__ = ["Message", "Sender", "Structure"]
