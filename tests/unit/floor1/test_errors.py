"""An error is a sentence."""

from __future__ import annotations

import pytest

from ATPLibrary.errors import ATPError, DeadlineError, PlatformError, VmStateError

pytestmark = pytest.mark.unit


def test_the_sentence_says_subject_wanted_time_got_last_seen_and_next_step() -> None:
    error = VmStateError.about(
        "VM 'win11'",
        wanted="be running",
        waited=30,
        got="was paused (I/O error on vda)",
        last_seen="BLOCK_IO_ERROR 14:02:11",
        next_step="free space on the host, then resume the VM",
    )
    assert str(error) == (
        "VM 'win11' should be running within 30 s but was paused (I/O error on vda). "
        "Last seen: BLOCK_IO_ERROR 14:02:11. Free space on the host, then resume the VM."
    )


def test_what_isnt_known_is_left_out() -> None:
    assert str(ATPError.about("Key 'entr'", got="is not a key name")) == "Key 'entr' is not a key name."


def test_a_deadline_is_also_a_timeout_and_all_are_one_family() -> None:
    assert issubclass(DeadlineError, TimeoutError)
    assert issubclass(DeadlineError, ATPError)


def test_a_platform_error_carries_the_vendors_own_words() -> None:
    error = PlatformError.about(
        "Platform 'lab'", got="refused the login", status=1001, vendor_message="用户名或密码错误"
    )
    assert (error.status, error.vendor_message) == (1001, "用户名或密码错误")
