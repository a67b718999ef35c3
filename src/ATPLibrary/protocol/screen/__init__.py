"""Pictures of a screen: comparing them, looking until one is as wanted, reading the text of a text-mode screen.

`region` has the places on a picture and needs nothing; `picture` and `comparison` need Pillow and are pure; `font` and `text` read
the characters of VGA text mode; `watching` looks again and again. docs/decisions/0011-screens.md says why it is so.
"""

from __future__ import annotations
