"""No secret in any text."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import SecretStr
from robot.api.types import Secret as RobotSecret

from ATPLibrary.secrets import MASK, Secret, as_secret, redact

pytestmark = pytest.mark.unit


@pytest.mark.parametrize("given_as", ["hunter22", Secret("hunter22"), SecretStr("hunter22"), RobotSecret("hunter22")])
def test_a_secret_is_taken_however_the_caller_has_it(given_as: object) -> None:
    assert as_secret(given_as).reveal() == "hunter22"


def test_a_number_is_refused_without_showing_it() -> None:
    with pytest.raises(TypeError, match="not int") as caught:
        as_secret(12345678)
    assert "12345678" not in str(caught.value)


def test_printing_shows_asterisks() -> None:
    secret = Secret("hunter22")
    assert f"{secret} {secret!r} {[secret]}" == f"{MASK} Secret('{MASK}') [Secret('{MASK}')]"


@given(st.text(min_size=4), st.text(), st.text())
def test_a_known_secret_never_survives_redaction(value: str, before: str, after: str) -> None:
    secret = Secret(value)
    redacted = redact(before + value + after)
    assert secret.reveal() not in redacted or value in MASK


@pytest.mark.parametrize(
    "text",
    [
        '{"password": "hunter22"}',
        "Token: hunter22",
        "Authorization: Bearer hunter22",
        "url?token=hunter22&x=1",
        "{'passwd': 'hunter22'}",
    ],
)
def test_a_value_behind_a_tell_tale_name_is_hidden_though_nobody_declared_it(text: str) -> None:
    assert "hunter22" not in redact(text)
    assert MASK in redact(text)
