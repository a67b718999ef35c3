"""Keywords for what the lab's platform has none of (network storage, terminals, USB devices): what they send to one that has."""

from __future__ import annotations

import json
from datetime import timedelta
from typing import Any

import httpx
import pytest
from tests.unit.keywords.conftest import page
from tests.unit.vdi.conftest import ScriptedPlatform, ok

from ATPLibrary.errors import PlatformError, VerificationError
from ATPLibrary.orchestrator import Workspace

pytestmark = pytest.mark.unit

V1 = "/ocloud/v1"
MAC = "52:54:00:12:34:56"
HOST = {"id": "h", "name": "rack-7", "ip": "192.0.2.7", "vmcId": "centre", "status": 1, "domainLimit": 5}
DISK = {"usbName": "1-2", "hostId": "h", "ip": "192.0.2.7", "own": "sales-1"}


@pytest.fixture
def platform() -> ScriptedPlatform:
    platform = ScriptedPlatform()
    platform.answers |= {
        f"GET {V1}/host": page(HOST),
        f"GET {V1}/host/all": ok([HOST]),
        f"GET {V1}/domain": page({"id": "7", "name": "sales-1", "hostId": "h"}),
        f"GET {V1}/usb": page(DISK, {**DISK, "hostId": "other"}),
    }
    return platform


@pytest.mark.parametrize(
    ("kind", "create", "sent"),
    [
        (
            "nfs",
            lambda tester: tester.create_nfs_storage_pool("共享", "192.0.2.9", "/export", "/mnt", images=True),
            {"nfsIp": "192.0.2.9", "nfsPath": "/export", "path": "/mnt", "isIso": 1},
        ),
        ("gfs", lambda tester: tester.create_gfs_storage_pool("共享", "/mnt"), {"path": "/mnt", "isIso": 0}),
        (
            "gluster",
            lambda tester: tester.create_gluster_storage_pool("共享", "192.0.2.9", "vol", "/mnt"),
            {"sourceHostName": "192.0.2.9", "sourceName": "vol", "path": "/mnt", "isIso": 0},
        ),
        (
            "lvm",
            lambda tester: tester.create_lvm_storage_pool("共享", "rack-7", "vg0"),
            {"hostId": "h", "sourceName": "vg0", "nfsPath": ""},
        ),
    ],
)
def test_a_new_storage_pool_is_ordered_by_its_kind_and_ours_to_remove(
    tester: Any, platform: ScriptedPlatform, kind: str, create: Any, sent: dict[str, Any]
) -> None:
    old, new = {"id": "1", "name": "别的"}, {"id": "2", "name": "共享"}
    platform.answers[f"GET {V1}/storage-pool/all"] = [ok([old]), ok([old, new])]
    platform.answers[f"GET {V1}/storage-pool"] = page(old, new)
    platform.answers[f"POST {V1}/storage-pool/{kind}"] = platform.answers[f"DELETE {V1}/storage-pool/2"] = ok()
    platform.answers[f"GET {V1}/event"] = page()
    create(tester)
    assert platform.body(f"{V1}/storage-pool/{kind}") == {"name": "共享", "vmcId": "centre", **sent}
    tester.remove_created_things()
    assert len(platform.asked(f"{V1}/storage-pool/2")) == 1


def test_a_storage_pool_that_broke_off_while_it_was_made_is_removed_all_the_same(
    tester: Any, platform: ScriptedPlatform
) -> None:
    twin, new = {"id": "1", "name": "共享"}, {"id": "2", "name": "共享"}
    platform.answers[f"GET {V1}/storage-pool/all"] = [ok([twin]), ok([twin, new])]
    platform.answers[f"POST {V1}/storage-pool/gfs"] = httpx.ReadError("cut off")
    platform.answers[f"DELETE {V1}/storage-pool/2"] = ok()
    platform.answers[f"GET {V1}/event"] = page()
    with pytest.raises(PlatformError):
        tester.create_gfs_storage_pool("共享", "/mnt")
    tester.remove_created_things()
    assert platform.asked(f"{V1}/storage-pool/1") == []  # somebody else's of the same name
    assert len(platform.asked(f"{V1}/storage-pool/2")) == 1


def test_a_limit_that_is_refused_is_not_put_back(tester: Any, platform: ScriptedPlatform) -> None:
    platform.answers[f"PATCH {V1}/host/h/domain-limit"] = httpx.Response(200, json={"status": 1, "msg": "不允许"})
    with pytest.raises(PlatformError, match="不允许"):
        tester.limit_platform_host("rack-7", 3)
    assert Workspace.current().creations.all == ()


def test_the_limit_before_the_first_change_is_what_is_put_back_in_the_end(
    tester: Any, platform: ScriptedPlatform
) -> None:
    path = f"{V1}/host/h/domain-limit"
    platform.answers[f"PATCH {path}"] = ok()
    platform.answers[f"GET {V1}/host"] = [page(HOST), page({**HOST, "domainLimit": 3}), page(HOST)]
    platform.answers[f"GET {V1}/event"] = page()
    tester.limit_platform_host("rack-7", 3)
    tester.limit_platform_host("rack-7", 4)
    tester.remove_created_things()
    assert [platform_body["limit"] for platform_body in bodies(platform, path)] == [3, 4, 3, 5]


def test_terminals_are_ordered_by_their_ids(tester: Any, platform: ScriptedPlatform) -> None:
    for path in ("config", "disconnect", "restart", "shutdown", "wakeup", "delete"):
        platform.answers[f"POST {V1}/terminal/{path}"] = ok()
    tester.set_terminal_settings('{"wallpaper": "blue"}', MAC)
    tester.restart_terminals(MAC, "other", delay=timedelta(seconds=30))
    tester.shut_down_terminals(MAC)
    tester.disconnect_terminals(MAC)
    tester.wake_up_terminals(MAC)
    tester.delete_terminals(MAC)
    assert platform.body(f"{V1}/terminal/config") == {"idList": [MAC], "config": '{"wallpaper": "blue"}'}
    assert platform.body(f"{V1}/terminal/restart") == {"idList": [MAC, "other"], "timeout": 30}
    assert platform.body(f"{V1}/terminal/shutdown") == {"idList": [MAC], "timeout": 0}
    for path in ("disconnect", "wakeup", "delete"):
        assert platform.body(f"{V1}/terminal/{path}") == {"idList": [MAC]}


def test_a_terminal_that_comes_on_line_is_waited_for(tester: Any, platform: ScriptedPlatform) -> None:
    answers = [ok({"id": MAC, "online": 0}), ok({"id": MAC, "online": 1, "user": "zhang"})]
    platform.answers[f"GET {V1}/terminal/{MAC}"] = answers
    assert tester.get_terminal(MAC, "is_online", "==", "True", timeout=timedelta(seconds=10)) is True
    assert tester.get_terminal(MAC, "user") == "zhang"


def test_a_usb_device_is_passed_to_a_desktop_and_taken_back_at_the_end(tester: Any, platform: ScriptedPlatform) -> None:
    platform.answers[f"POST {V1}/usb/pass-through"] = platform.answers[f"POST {V1}/usb/pass-through/delete"] = ok()
    platform.answers[f"GET {V1}/event"] = page()
    with pytest.raises(PlatformError, match="2 USB devices named '1-2'"):
        tester.pass_usb_device_to_desktop("1-2", "sales-1")
    tester.pass_usb_device_to_desktop("1-2", "sales-1", host="rack-7")
    assert platform.body(f"{V1}/usb/pass-through") == {"hostId": "h", "usbName": "1-2", "own": "7"}
    tester.remove_created_things()
    assert platform.body(f"{V1}/usb/pass-through/delete") == {"hostId": "h", "usbName": "1-2", "own": "sales-1"}


def test_a_usb_device_is_redirected_and_released(tester: Any, platform: ScriptedPlatform) -> None:
    platform.answers[f"POST {V1}/usb/redirect"] = ok()
    tester.redirect_usb_device_to_desktop("1-2", "sales-1", host="rack-7")
    tester.release_usb_device_from_desktop("1-2", "sales-1", host="rack-7")
    sent = {"deviceName": "1-2", "domainId": "7", "hostId": "h", "hostIp": "192.0.2.7"}
    assert bodies(platform, f"{V1}/usb/redirect") == [{**sent, "operate": 2}, {**sent, "operate": 3}]
    assert Workspace.current().creations.all == ()


def test_an_alarm_is_waited_for_by_what_is_said_of_it(tester: Any, platform: ScriptedPlatform) -> None:
    alarm = {"id": 1, "level": "major", "module": "host", "content": "内存 91%", "hostIp": "192.0.2.7"}
    platform.answers[f"GET {V1}/alarm"] = [page(), page(alarm)]
    tester.alarm_should_be_raised(module="host", content="91%", timeout=timedelta(seconds=10))
    with pytest.raises(
        VerificationError, match=r"An alarm \(level 'minor'\) should be raised but the platform has major host"
    ):
        tester.alarm_should_be_raised(level="minor")
    tester.no_alarm_should_be_raised(host_ip="192.0.2.8")


def bodies(platform: ScriptedPlatform, path: str) -> list[Any]:
    return [json.loads(request.content) for request in platform.asked(path)]
