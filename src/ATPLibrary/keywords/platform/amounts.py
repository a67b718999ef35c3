"""Things that an order made by a number: whether there are as many, and which of the new ones are this run's.

The platform numbers them itself and doesn't say which an order made, so they are told by what is new since. Where somebody else
makes some of the same name meanwhile, there are more than were asked for, and nothing tells whose is whose.
"""

from __future__ import annotations

from collections.abc import Sequence

from ATPLibrary.errors import PlatformError
from ATPLibrary.keywords.platform.batches import in_words


def check_amount(what: str, names: Sequence[str], amount: int, platform: str) -> None:
    """`PlatformError` unless there are as many as were asked for. `what` begins its sentence: "Desk pool 'sales'"."""
    if len(names) != amount:
        raise PlatformError.about(
            what,
            wanted=f"be {amount}",
            got=f"platform '{platform}' lists {f'{len(names)}: {in_words(names)}' if names else 'none'}",
            next_step="It said that all went well: look at its event list",
        )


def check_ours(what: str, names: Sequence[str], amount: int) -> None:
    """`PlatformError` where others have made some too: what isn't known to be ours isn't ours to remove."""
    if len(names) > amount:
        raise PlatformError.about(
            what,
            wanted=f"be {amount}",
            got=f"there are {len(names)} new ones ({', '.join(names)}): somebody else has made some under the same name, and "
            "nothing tells whose is whose",
            next_step="None is removed: delete yours by their names",
        )
