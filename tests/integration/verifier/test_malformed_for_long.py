"""A hostile agent's messages, for minutes: `make fuzz`."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from .test_malformed_messages import MESSAGES, RAW, session_carries_on

EXAMPLES = 2000


@pytest.mark.deep
@pytest.mark.timeout(3600)
@settings(max_examples=EXAMPLES, deadline=None, suppress_health_check=list(HealthCheck))
@given(st.lists(MESSAGES | RAW, min_size=1, max_size=40))
def test_the_session_carries_on_for_long(messages: list[dict[str, Any] | bytes]) -> None:
    session_carries_on(messages)
