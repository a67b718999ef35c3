"""What an empty console proves: nothing."""

from __future__ import annotations

from collections.abc import Coroutine
from typing import Any

import pytest

from ATPLibrary.errors import VerificationError
from ATPLibrary.keywords.console import ConsoleKeywords

pytestmark = pytest.mark.unit


class Console(ConsoleKeywords):
    """Of a guest that has written `text`."""

    def __init__(self, text: str) -> None:
        self.text = text

    def seconds(self, timeout: Any, what: str) -> float:
        return 1.0

    def wait(self, awaited: Coroutine[Any, Any, Any], *_: Any) -> Any:
        awaited.close()
        return self.text, "test"


@pytest.mark.parametrize("text", ["", "\n"])
def test_what_is_not_on_an_empty_console_is_no_proof(text: str) -> None:
    with pytest.raises(VerificationError, match=r"The console of VM 'test' should have something on it.* but is empty"):
        Console(text).get_console_text(None, "not contains", "Kernel panic")


def test_what_a_guest_wrote_is_judged_and_an_empty_console_is_told() -> None:
    assert Console("login:").get_console_text(None, "not contains", "Kernel panic") == "login:"
    assert Console("").get_console_text() == ""
