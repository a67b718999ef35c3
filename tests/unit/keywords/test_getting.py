"""Getters that are written as the question that they ask."""

from __future__ import annotations

import importlib
import inspect
import re
from datetime import datetime, timedelta
from typing import Any, get_args, get_type_hints

import pytest

from ATPLibrary.errors import InputError
from ATPLibrary.keywords.platform.getting import getter, lister
from ATPLibrary.keywords.platform.times import period
from ATPLibrary.vdi import PlatformEvent
from ATPLibrary.vdi.shapes import alarms, hosts, logs, panel, storage, terminals, usb

pytestmark = pytest.mark.unit


class Rooms:
    """A component that is asked for nothing but what it was asked."""

    def looked_at(self, *said: Any, **more: Any) -> Any:
        return said, more

    def listed(self, *said: Any) -> Any:
        return list(said)

    @getter("Room '{room}'", tags=["House"], such="==    warm")
    async def get_room(self, client: Any, seconds: float, room: str, *, floor: int = 0) -> Any:
        """Returns a room.

        - ``room``: its name.

        Example:
        | Get Room    attic
        """
        return client, seconds, room, floor

    @lister("rooms on floor {floor}", tags=["House"])
    async def get_rooms(self, client: Any, seconds: float, *, floor: int = 0) -> list[str]:
        """Returns rooms.

        Example:
        | Get Rooms
        """
        return [f"{client} {seconds} {floor}"]


def test_a_getter_has_its_own_arguments_and_those_of_an_assertion() -> None:
    assert [*inspect.signature(Rooms.get_room).parameters] == [
        "self", "room", "field", "operator", "expected", "floor", "timeout",
    ]  # fmt: skip
    hints = get_type_hints(Rooms.get_room)
    assert hints["room"] is str
    assert "client" not in hints
    assert "==" in get_args(get_args(hints["operator"])[0])
    assert Rooms.get_room.robot_tags == ["House"]


async def test_a_getter_asks_its_question_and_hands_the_assertion_on() -> None:
    (subject, look, field), more = Rooms().get_room(
        "attic", "heat", "==", "warm", timeout=timedelta(seconds=1), floor=3
    )
    assert (subject, field) == ("Room 'attic'", "heat")
    assert more == {"operator": "==", "expected": "warm", "timeout": timedelta(seconds=1)}
    assert await look("client", 5.0) == ("client", 5.0, "attic", 3)


async def test_a_list_is_asked_for_and_named_with_its_arguments() -> None:
    what, look, timeout = Rooms().get_rooms(timedelta(seconds=2), floor=4)
    assert (what, timeout) == ("rooms on floor 4", timedelta(seconds=2))
    assert await look("client", 5.0) == ["client 5.0 4"]


def test_the_documentation_has_the_common_arguments_where_arguments_stand() -> None:
    text = inspect.getdoc(Rooms.get_room) or ""
    assert re.search(r"its name\.\n- ``field``.*\n- ``operator`` and ``expected``.*``==    warm``", text)
    assert text.endswith("Example:\n| Get Room    attic")
    assert re.search(r"Returns rooms\.\n\n- ``timeout``.*\n\nExample:", inspect.getdoc(Rooms.get_rooms) or "")


@pytest.mark.parametrize(
    ("keyword", "shape"),
    [
        ("hosts.PlatformHostKeywords.get_platform_host", hosts.WholeHost),
        ("hosts.PlatformHostKeywords.get_platform_host_hardware", hosts.Hardware),
        ("hosts.PlatformHostKeywords.get_platform_host_versions", hosts.HostVersion),
        ("storage_pools.StoragePoolKeywords.get_storage_pool", storage.StoragePoolDetail),
        ("storage_pools.StoragePoolKeywords.get_storage_pool_space", storage.Space),
        ("storage_pools.StoragePoolKeywords.get_gluster_storage_pool", storage.Gluster),
        ("storage_volumes.StorageVolumeKeywords.get_storage_volume", storage.Volume),
        ("iso_files.IsoFileKeywords.get_iso_file", storage.Iso),
        ("events.PlatformEventKeywords.get_platform_event", PlatformEvent),
        ("alarms.AlarmKeywords.get_platform_alarms", alarms.Alarm),
        ("alarms.AlarmKeywords.get_alarm_rule", alarms.AlarmRule),
        ("panel.PanelKeywords.get_platform_counts", panel.VmCounts),
        ("panel.PanelKeywords.get_platform_counts", panel.HostCounts),
        ("panel.PanelKeywords.get_platform_counts", panel.TerminalCounts),
        ("panel.PanelKeywords.get_platform_performance", panel.Performance),
        ("panel.PanelKeywords.get_platform_storage_usage", panel.StorageUsage),
        ("panel.PanelKeywords.get_platform_carbon_savings", panel.Carbon),
        ("terminals.TerminalKeywords.get_terminal", terminals.Terminal),
        ("terminals.TerminalKeywords.get_terminal_settings", terminals.TerminalConfig),
        ("terminal_groups.TerminalGroupKeywords.get_terminal_group", terminals.TerminalGroup),
        ("usb.UsbKeywords.get_usb_device", usb.UsbDevice),
        ("logs.PlatformLogKeywords.get_operation_log", logs.OperationLog),
        ("logs.PlatformLogKeywords.get_login_log", logs.LoginLog),
        ("logs.PlatformLogKeywords.get_session_log", logs.AccessLog),
        ("logs.PlatformLogKeywords.get_past_user_counts", logs.UserCount),
    ],
)
def test_every_field_of_what_a_getter_returns_is_in_its_documentation(keyword: str, shape: Any) -> None:
    module, component, method = keyword.split(".")
    function = getattr(getattr(importlib.import_module(f"ATPLibrary.keywords.platform.{module}"), component), method)
    text = inspect.getdoc(function) or ""
    assert [name for name in shape.model_fields if f"``{name}``" not in text] == []


def test_a_span_of_time_ends_after_it_begins() -> None:
    day = datetime(2025, 1, 31, 8)
    assert period(day, day + timedelta(minutes=5)) == ("2025-01-31 08:00:00", "2025-01-31 08:05:00")
    assert period(None, day) == ("2025-01-31 07:00:00", "2025-01-31 08:00:00")
    with pytest.raises(InputError, match=r"begin before it ends.*08:00:00 to 2025-01-31 07:00:00"):
        period(day, day - timedelta(hours=1))
