"""The guest agent's token in a VM's definition: a reader of the log or of a variable doesn't get it."""

from __future__ import annotations

import logging
from collections.abc import Coroutine
from typing import Any

import pytest

from ATPLibrary.errors import VerificationError
from ATPLibrary.keywords.vm_facts import VmFactKeywords

pytestmark = pytest.mark.unit

XML = "<chassis><entry name='asset'>atp-token:s3cr3t-/+=</entry></chassis>"
MASKED = "<chassis><entry name='asset'>atp-token:**********</entry></chassis>"


@pytest.fixture
def keywords(monkeypatch: pytest.MonkeyPatch) -> VmFactKeywords:
    def wait(self: VmFactKeywords, coro: Coroutine[Any, Any, Any], timeout: float, what: str) -> Any:
        coro.close()
        return "win11", XML

    monkeypatch.setattr(VmFactKeywords, "wait", wait)
    return VmFactKeywords()


def test_the_token_is_neither_logged_nor_returned(keywords: VmFactKeywords, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.INFO)
    assert keywords.get_vm_xml() == MASKED
    with pytest.raises(VerificationError) as caught:
        keywords.get_vm_xml(operator="contains", expected="spice")
    assert "s3cr3t" not in f"{caught.value}{caplog.text}"


def test_what_another_host_gets_has_the_token_and_the_log_does_not(
    keywords: VmFactKeywords, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO)
    assert keywords.get_vm_xml(migratable=True) == XML
    assert caplog.messages == [MASKED]
