"""Names for directories and files that any file system takes, from texts in any language."""

from __future__ import annotations

import hashlib
import re
import unicodedata

# A file name may have 255 bytes; the directory's number, a temporary suffix and pabot's prefix want some of them.
LONGEST_BYTES = 150
_HASH_CHARACTERS = 8

# What Windows, URLs or shells trip over, beside control characters; surrogates can't be encoded at all.
_UNSAFE = re.compile(r'[\\/:*?"<>|#%&\x00-\x1f\x7f-\x9f\ud800-\udfff\u2028\u2029\u200e\u200f\u202a-\u202e]+|\s+')
_RESERVED = re.compile(r"(?i)^(con|prn|aux|nul|com\d|lpt\d)$")


def file_name(text: str, longest: int = LONGEST_BYTES) -> str:
    """`text` as one path component of at most `longest` bytes of UTF-8: readable, never empty, never hidden.

    A text that had to be cut keeps its beginning and gets a short hash of the whole, so that two long ones still differ.
    """
    name = _UNSAFE.sub("_", unicodedata.normalize("NFC", text)).strip("._- ") or "_"
    if _RESERVED.match(name):
        name = f"_{name}"
    if len(name.encode()) <= longest:
        return name
    digest = hashlib.sha256(text.encode("utf-8", "surrogatepass")).hexdigest()[:_HASH_CHARACTERS]
    room = longest - _HASH_CHARACTERS - 1
    return f"{_cut(name, room)}~{digest}"


def _cut(text: str, room: int) -> str:
    """The longest beginning of `text` with at most `room` bytes that doesn't tear a character from its combining marks."""
    end = len(text.encode()[:room].decode("utf-8", errors="ignore"))
    while 0 < end < len(text) and (unicodedata.combining(text[end]) or text[end] in "\u200d\ufe0f"):
        end -= 1
    return text[:end].rstrip("._- ")
