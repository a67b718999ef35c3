"""The keywords that read and assert desk pools, models and resource pools, on the real server."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest

from ATPLibrary.errors import InputError, PlatformError, VerificationError

pytestmark = pytest.mark.integration

WAIT = timedelta(seconds=20)


@pytest.fixture
def sales(tester: Any) -> str:
    """A desk pool with three desktops, off."""
    tester.create_desk_pool("销售", model="atp-linux", amount=3)
    return "销售"


def test_a_pool_has_what_is_said_of_it_and_a_wrong_number_is_told_with_how_it_is(tester: Any, sales: str) -> None:
    tester.start_desktop("销售-001", "销售-002")
    tester.suspend_desktop("销售-002")
    tester.desk_pool_should_have(sales, desktops=3, running=1, shut_off=1, suspended=1, busy=0, bound=0, enabled=False)
    tester.desk_pool_should_have(sales, model="atp-linux")
    tester.desk_pool_should_have(sales, model=tester.get_model("atp-linux", "id"))
    with pytest.raises(
        VerificationError,
        match=r"Desk pool '销售' should have desktops=3, running=2, enabled=True but it has running=1, enabled=False "
        r"\(3 desktops: 1 running, 1 suspended, 1 shut off, not enabled, model 'atp-linux'\)",
    ):
        tester.desk_pool_should_have(sales, 3, running=2, enabled=True)
    with pytest.raises(VerificationError, match="model=atp-linux-usb but it has model=atp-linux "):
        tester.desk_pool_should_have(sales, model="atp-linux-usb")
    with pytest.raises(InputError, match="Say one of desktops, running, shut_off, suspended"):
        tester.desk_pool_should_have(sales)


def test_a_pool_is_waited_for(tester: Any, sales: str) -> None:
    tester.start_desktops(sales, wait=False)
    tester.desk_pool_should_have(sales, running=3, timeout=WAIT)
    with pytest.raises(
        VerificationError,
        match=r"should have running=2 but it has running=3 \(3 desktops: 3 running.*\), after 0\.5 s of waiting\.$",
    ):
        tester.desk_pool_should_have(sales, running=2, timeout=timedelta(seconds=0.5))


def test_a_field_of_a_pool_is_told_asserted_and_waited_for(tester: Any, sales: str) -> None:
    assert tester.get_desk_pool(sales, "amount", "==", 3) == 3
    assert tester.get_desk_pool(sales, "status") == "idle"
    assert tester.get_desk_pool(sales, "type") == "not shared"
    assert tester.get_desk_pool(sales).name == sales
    tester.set_desk_pool_models(sales, "atp-linux", "atp-linux-usb")
    tester.switch_desk_pool_model(sales, "atp-linux-usb", wait=False)
    tester.get_desk_pool(sales, "current_model_name", "==", "atp-linux-usb", timeout=WAIT)
    tester.get_desk_pool(sales, "status", "==", "idle", timeout=WAIT)
    with pytest.raises(VerificationError, match="Desk pool '销售': amount should be 4 but is 3"):
        tester.get_desk_pool(sales, "amount", "==", 4)
    with pytest.raises(InputError, match="amount"):
        tester.get_desk_pool(sales, "amuont")
    assert tester.get_desk_pool_graphics_cards(sales, "==", 0) == 0


def test_pools_and_models_are_there_or_not(tester: Any, sales: str) -> None:
    tester.desk_pool_should_exist(sales)
    tester.desk_pool_should_exist(tester.get_desk_pool(sales, "id"))
    tester.desk_pool_should_not_exist("销售部")
    with pytest.raises(VerificationError, match=r"Desk pool '销售' should not exist but .*lists it"):
        tester.desk_pool_should_not_exist(sales)
    with pytest.raises(VerificationError, match=r"Desk pool '销售部' should exist but .*销售"):
        tester.desk_pool_should_exist("销售部")
    tester.model_should_exist("atp-linux")
    tester.model_should_not_exist("atp-windows")
    with pytest.raises(VerificationError, match=r"Model 'atp-lunix' should exist but .*atp-linux"):
        tester.model_should_exist("atp-lunix")


def test_a_model_counts_its_desktops(tester: Any, sales: str) -> None:
    assert tester.get_model("atp-linux", "child_count", "==", 3) == 3
    assert tester.get_model("atp-linux", "status", "==", "Shut_Off") == "shut off"
    with pytest.raises(PlatformError, match="has no model 'atp'"):
        tester.get_model("atp", "cpu")


def test_a_resource_pool_tells_its_status_in_a_word(tester: Any) -> None:
    (pool,) = tester.get_resource_pools()
    tester.resource_pool_should_exist(pool)
    tester.resource_pool_should_not_exist("实验室")
    assert tester.get_resource_pool(pool, "status", "==", "normal") == "normal"
    tester.put_resource_pool_into_maintenance(pool)
    try:
        tester.get_resource_pool(pool, "status", "==", "maintenance")
    finally:
        tester.return_resource_pool_to_service(pool)
