"""Bad input through the keywords: each has its sentence, and afterwards platform and libvirt agree."""

from __future__ import annotations

import unicodedata
from collections.abc import Callable
from typing import Any

import pytest
from robot.api.types import Secret

from ATPLibrary.errors import ATPError, PlatformError

pytestmark = pytest.mark.integration

MODEL = "atp-linux"


def sentence(call: Callable[[], object]) -> str:
    """What a tester reads when the call fails, which it must."""
    with pytest.raises(ATPError) as caught:
        call()
    return str(caught.value)


@pytest.fixture
def tester(tester: Any, platform_lab: Any) -> Any:
    """After each test platform and hypervisor agree, and what was made can be removed."""
    yield tester
    tester.log_in_to_platform("lab")
    tester.platform_and_hypervisor_should_agree()
    tester.remove_created_things()
    assert platform_lab.left() == []


def test_wrong_credentials(tester: Any) -> None:
    told = sentence(lambda: tester.log_in_to_platform("lab", username="管理员", password=Secret("certainly-wrong")))
    assert told == (
        "Platform 'lab' refused login of '管理员': 用户名或密码错误 (wrong username or password) (status 1). "
        "Check username and password: those that were given, or of platform 'lab' in the configuration. "
        "An administrator's are wanted."
    )
    assert tester.get_platform_hosts() == ["lab-a", "lab-b"]


@pytest.mark.parametrize("keyword", ["get_desk_pool", "enable_desk_pool", "delete_desk_pool", "start_desktops"])
def test_a_pool_that_is_not_there_is_answered_with_those_that_are(tester: Any, keyword: str) -> None:
    tester.create_desk_pool("销售一部", model=MODEL)
    told = sentence(lambda: getattr(tester, keyword)("销售二部"))
    assert told == "Platform 'lab' has no desk pool '销售二部'. It has '销售一部'."


def test_an_id_and_a_model_that_are_not_there(tester: Any) -> None:
    unknown = "00000000-0000-0000-0000-000000000000"
    assert sentence(lambda: tester.start_desktop(unknown)) == (
        f"Platform 'lab' has no VM '{unknown}'. It has no VM at all."
    )
    assert sentence(lambda: tester.create_desk_pool("销售", model="atp-linus")) == (
        "Platform 'lab' has no model 'atp-linus'. It has 'atp-linux', 'atp-linux-usb', 'atp-linux-virtio'."
    )
    assert tester.get_created_things() == []


@pytest.mark.parametrize(
    ("amount", "step"),
    [
        (0, "Ask for 1 or more"),
        (-1, "Ask for 1 or more"),
        (10_000, "Correct what the platform names, or ask it for less"),
    ],
)
def test_an_amount_that_cannot_be(tester: Any, amount: int, step: str) -> None:
    told = sentence(lambda: tester.create_desk_pool("销售", model=MODEL, amount=amount))
    assert "refused to create a desk pool '销售'" in told
    assert "参数错误: amount: Input should be" in told
    assert f"Asked for: {amount} desktops. {step}." in told
    assert tester.get_desk_pools() == []
    assert tester.get_created_things() == []


@pytest.mark.parametrize("spelling", ["NFC", "NFD"])
def test_a_name_that_is_taken_however_its_letters_are_composed(tester: Any, spelling: Any) -> None:
    tester.create_desk_pool(unicodedata.normalize("NFD", "Café 销售"), model=MODEL)
    again = unicodedata.normalize(spelling, "Café 销售")
    told = sentence(lambda: tester.create_desk_pool(again, model=MODEL))
    assert f"桌面池名称已存在: {again} (a desk pool of this name exists)" in told
    assert "Choose another name, or delete desk pool" in told
    assert tester.get_desk_pool(again, "amount") == 1
    assert len(tester.get_created_things()) == 1


def test_names_that_only_look_alike_are_others(tester: Any) -> None:
    names = ["CAFE", "ＣＡＦＥ", "cafe", "СAFE"]  # the last begins with a Cyrillic letter
    for name in names:
        tester.create_desk_pool(name, model=MODEL)
    assert tester.get_desk_pools() == names
    assert tester.get_desktops("ＣＡＦＥ") == ["ＣＡＦＥ-001"]


@pytest.mark.parametrize("name", ["", "  ", "销售 ", " 销售", "销/售", "../销售", "销\n售", "\u200b", "销" * 61])
def test_a_name_that_cannot_be(tester: Any, name: str) -> None:
    told = sentence(lambda: tester.create_desk_pool(name, model=MODEL))
    assert "参数错误: name:" in told
    assert tester.get_desk_pools() == []


def test_vms_names_that_are_taken_are_named(tester: Any) -> None:
    tester.create_desk_pool("销售", model=MODEL)
    told = sentence(lambda: tester.create_desk_pool("市场", model=MODEL, prefix="销售"))
    assert "虚机名称已存在: 销售-001" in told
    assert tester.get_desk_pools() == ["销售"]


def test_a_pool_that_is_deleted_while_it_starts(tester: Any) -> None:
    tester.create_desk_pool("销售", model=MODEL, amount=4)
    events = tester.start_desktops("销售", wait=False)
    tester.delete_desk_pool("销售")
    told = ""
    try:
        tester.wait_for_platform_events(*events)
    except PlatformError as error:
        told = str(error)
    assert not told or "销售-00" in told  # where a start broke off it says whose
    assert tester.get_desk_pools() == []
    assert tester.get_platform_vms() == []


def test_a_pool_that_is_deleted_while_it_is_made_says_so_and_is_there(tester: Any) -> None:
    events = tester.create_desk_pool("销售", model=MODEL, amount=30, wait=False)
    told = sentence(lambda: tester.delete_desk_pool("销售"))
    assert "桌面池正在创建中" in told
    tester.wait_for_platform_events(*events)
    assert len(tester.get_desktops("销售")) == 30


def test_two_testers_on_one_pool(tester: Any) -> None:
    tester.create_desk_pool("销售", model=MODEL, amount=3)
    tester.log_in_to_platform("lab", alias="second")
    assert "桌面池名称已存在: 销售" in sentence(lambda: tester.create_desk_pool("销售", model=MODEL))
    begun = tester.start_desktops("销售", wait=False)
    tester.switch_platform_session("lab")
    tester.wait_for_platform_events(*begun)  # events are the platform's, not a session's
    tester.desk_pool_should_have("销售", running=3)
    assert "虚机已经启动" in sentence(lambda: tester.start_desktop("销售-001"))
    tester.delete_desk_pool("销售")
    tester.switch_platform_session("second")
    assert sentence(lambda: tester.close_desktops("销售", force=True)).startswith(
        "Platform 'lab' has no desk pool '销售'."
    )
    assert tester.get_created_things() == []
