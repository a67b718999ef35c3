"""Keywords about single desktops before a platform that answers what a test tells it to: what goes over the wire, and when."""

from __future__ import annotations

import contextlib
import json
from collections.abc import Iterator
from datetime import timedelta
from typing import Any

import httpx
import pytest
from tests.unit.vdi.conftest import ScriptedPlatform, ok, refusal

from ATPLibrary import runtime
from ATPLibrary.config import Config
from ATPLibrary.errors import DeadlineError, InputError, PlatformError, VerificationError, VmNotFoundError
from ATPLibrary.keywords.libraries import VDIPlatform
from ATPLibrary.orchestrator import Workspace
from ATPLibrary.vdi import VdiClient

pytestmark = pytest.mark.unit

API = "/ocloud/v1"
VMS = [
    {"id": "1", "name": "sales-1", "status": 0, "cpu": 1, "memory": 1024},
    {"id": "2", "name": "sales-2", "status": 0, "cpu": 2, "memory": 2048},
    {"id": "3", "name": "sales-3", "status": 0, "cpu": 2, "memory": 4096},
]
HOSTS = [{"id": "h1", "name": "rack-1", "ip": "192.0.2.1", "status": 1}, {"id": "h2", "name": "rack-2", "status": 1}]


def page(items: list[dict[str, Any]]) -> httpx.Response:
    return ok({"list": items, "pageNum": 1, "pageSize": 100, "pages": 1, "total": len(items)})


@pytest.fixture
def platform() -> ScriptedPlatform:
    platform = ScriptedPlatform()

    def listed(request: httpx.Request) -> httpx.Response:
        return page([vm for vm in VMS if request.url.params.get("keyword", "") in str(vm["name"])])

    platform.answers |= {
        f"GET {API}/domain": listed,
        f"GET {API}/host": page(HOSTS),
        f"GET {API}/storage-pool": page([{"id": "s1", "name": "fast", "path": "/data/fast"}]),
        f"GET {API}/model": page([{"id": "m1", "name": "win11", "isModel": 1}]),
        f"GET {API}/recycle": page([]),
        f"GET {API}/event": page([]),
        f"GET {API}/event/e1": ok({"id": "e1", "isSuccess": 0}),
    }
    return platform


@pytest.fixture
def tester(platform: ScriptedPlatform, monkeypatch: pytest.MonkeyPatch) -> Iterator[Any]:
    """The library `VDIPlatform`, logged in."""
    config = Config.model_validate(
        {"platforms": {"lab": {"url": "http://platform.test", "username": "tester", "password": "correct horse"}}}
    )
    workspace = Workspace(config)
    monkeypatch.setattr(Workspace, "_current", workspace)
    client = VdiClient(config.platform_settings("lab"), timeout=5.0, transport=httpx.MockTransport(platform))
    runtime.wait(client.login(), 5, "Logging in")
    workspace.platforms.current = client
    yield VDIPlatform()
    runtime.wait(client.close(), 5, "Closing")


def sent(platform: ScriptedPlatform, path: str) -> list[Any]:
    return [json.loads(request.content) for request in platform.asked(f"{API}{path}")]


def test_a_desktop_migrates_to_its_hosts_address_alive_or_with_its_storage(
    tester: Any, platform: ScriptedPlatform, monkeypatch: pytest.MonkeyPatch
) -> None:
    platform.answers[f"POST {API}/domain/1/migrate"] = ok({"eventId": "e1"})
    pools = [{"id": "s0", "name": "slow", "hostId": "h2"}, {"id": "s2", "name": "big", "hostId": "h1", "path": "/big"}]
    platform.answers[f"GET {API}/storage-pool/all"] = ok(pools)
    assert tester.migrate_desktop("sales-1", "rack-1") == ["e1"]  # off: to the host's own pool
    monkeypatch.setitem(VMS[0], "status", 1)
    tester.migrate_desktop("sales-1", "rack-1")
    tester.migrate_desktop("sales-1", "rack-1", storage_pool="fast", wait=False)
    assert sent(platform, "/domain/1/migrate") == [
        {"migrateType": 1, "dconnuri": "192.0.2.1", "storagePoolId": "s2", "poolPath": "/big"},
        {"migrateType": 2, "dconnuri": "192.0.2.1"},
        {"migrateType": 1, "dconnuri": "192.0.2.1", "storagePoolId": "s1", "poolPath": "/data/fast"},
    ]
    assert len(platform.asked(f"{API}/event/e1")) == 2  # the last wasn't waited for
    with pytest.raises(PlatformError, match="Host 'rack-2' should have an address"):
        tester.migrate_desktop("sales-1", "rack-2")


def test_a_size_that_is_not_said_stays_each_desktops_own(tester: Any, platform: ScriptedPlatform) -> None:
    platform.answers[f"PATCH {API}/domain/mem-cpu"] = ok()
    tester.set_desktop_size("sales-1", "sales-2", "sales-3", memory=512)
    assert sent(platform, "/domain/mem-cpu") == [
        {"listId": ["1"], "cpu": 1, "memory": 512},
        {"listId": ["2", "3"], "cpu": 2, "memory": 512},
    ]
    with pytest.raises(InputError, match="nothing to change"):
        tester.set_desktop_size("sales-1")


def test_a_change_keeps_the_name_and_sends_yes_and_no_as_numbers(tester: Any, platform: ScriptedPlatform) -> None:
    platform.answers[f"PATCH {API}/domain/1"] = ok()
    platform.answers[f"PATCH {API}/domain"] = ok()
    tester.change_desktop("sales-1", mouse="client", auto_join_domain=False)
    tester.configure_desktop("sales-1", "sales-2", nested_virtual=True, host_bios=False)
    assert sent(platform, "/domain/1") == [{"name": "sales-1", "mouseMode": 0, "autoJoinDomain": 0}]
    assert json.loads(platform.asked(f"{API}/domain")[-1].content) == {
        "idList": ["1", "2"],
        "nestedVirtual": 1,
        "hostBiosEnable": 0,
    }


def test_a_linked_clone_that_can_not_be_renamed_is_deleted_again(tester: Any, platform: ScriptedPlatform) -> None:
    made: list[dict[str, Any]] = []

    def clone(request: httpx.Request) -> httpx.Response:
        made.append({"id": "new", "name": f"{json.loads(request.content)['name']}-001", "status": 0})
        return ok({"eventId": "e1"})

    platform.answers |= {
        f"POST {API}/model/m1/clone": clone,
        f"GET {API}/domain": lambda request: page(made),
        f"PATCH {API}/domain/new": refusal(1, "名称不合法"),
        f"POST {API}/domain/delete": ok(),
    }
    with pytest.raises(PlatformError, match="名称不合法"):
        tester.create_desktop("桌面?", "win11")
    assert sent(platform, "/domain/delete") == [{"domainIdList": ["new"], "isRecycle": 0}]
    assert made[0]["name"].startswith("桌面?-")


def test_a_desktop_that_is_made_only_after_the_keyword_gave_up_is_removed_all_the_same(
    tester: Any, platform: ScriptedPlatform
) -> None:
    ordered: list[str] = []

    def clone(request: httpx.Request) -> httpx.Response:
        ordered.append(json.loads(request.content)["name"])
        return ok({"eventId": "e1"})

    platform.answers |= {
        f"POST {API}/model/m1/clone": clone,
        f"GET {API}/event/e1": ok({"id": "e1", "description": "克隆模板: 0/1"}),
        f"POST {API}/domain/delete": ok(),
    }
    with pytest.raises(DeadlineError):
        tester.create_desktop("桌面", "win11", timeout=timedelta(seconds=0.2))
    creations = Workspace.current().creations
    assert [str(each) for each in creations.all] == ["desktop '桌面'"]
    # It came late, under the name that it is first made under; others' desktops are left alone.
    late = {"id": "late", "name": f"{ordered[0]}-001", "status": 0}
    platform.answers[f"GET {API}/domain"] = page([*VMS, late, {"id": "4", "name": "桌面", "status": 0}])
    removal = runtime.wait(creations.remove(creations.all, 10, 5), 11, "Removing")
    assert removal.failed == {}
    assert sent(platform, "/domain/delete") == [{"domainIdList": ["late"], "isRecycle": 0}]


def test_the_log_tells_how_far_a_desktop_is_that_is_made(
    tester: Any, platform: ScriptedPlatform, caplog: pytest.LogCaptureFixture
) -> None:
    made: list[dict[str, Any]] = []

    def clone(request: httpx.Request) -> httpx.Response:
        made.append({"id": "new", "name": f"{json.loads(request.content)['name']}-001", "status": 0})
        return ok({"eventId": "e1"})

    platform.answers |= {
        f"POST {API}/model/m1/clone": clone,
        f"GET {API}/event/e1": [
            ok({"id": "e1", "description": "克隆模板: 0/1"}),
            ok({"id": "e1", "description": "克隆模板: 1/1", "isSuccess": 0}),
        ],
        f"GET {API}/domain": lambda request: page(made),
        f"PATCH {API}/domain/new": ok(),
    }
    with caplog.at_level("INFO", logger="RobotFramework"):
        assert tester.create_desktop("桌面", "win11") == "new"
    told = [record.message for record in caplog.records if record.message.startswith("Creating desktop '桌面'")]
    assert told == [
        "Creating desktop '桌面': 克隆模板: 0/1 pending",
        "Creating desktop '桌面': 克隆模板: 1/1 succeeded",
    ]


def test_a_clone_that_the_platform_does_not_list_is_an_error(tester: Any, platform: ScriptedPlatform) -> None:
    platform.answers[f"POST {API}/model/m1/clone"] = ok({"eventId": "e1"})
    with pytest.raises(PlatformError, match=r"should list the linked clone .* of model 'win11', .* but lists 0"):
        tester.create_desktop("new", "win11")


def test_a_name_that_is_taken_is_refused_before_anything_is_ordered(tester: Any, platform: ScriptedPlatform) -> None:
    for order in (
        lambda: tester.create_desktop("sales-1", "win11"),
        lambda: tester.clone_desktop("sales-2", "sales-1"),
        lambda: tester.import_desktop("sales-1", "a.qcow2", "fast"),
    ):
        with pytest.raises(PlatformError, match="Desktop 'sales-1' should be new"):
            order()
    assert {request.method for request in platform.requests[1:]} == {"GET"}


def test_a_name_is_taken_and_exists_however_its_letters_are_composed(tester: Any, platform: ScriptedPlatform) -> None:
    composed, decomposed = "Caf\u00e9", "Cafe\u0301"
    platform.answers[f"GET {API}/domain"] = page([{"id": "7", "name": composed}])
    with pytest.raises(PlatformError, match=f"Desktop '{decomposed}' should be new"):
        tester.create_desktop(decomposed, "win11")
    tester.desktop_should_exist(decomposed)
    with pytest.raises(VerificationError, match="should not exist but the platform lists it"):
        tester.desktop_should_not_exist(decomposed)


def test_a_desktop_without_a_name_is_refused_before_anything_is_ordered(
    tester: Any, platform: ScriptedPlatform
) -> None:
    with pytest.raises(InputError, match="A desktop should have a name but was to be called ' '"):
        tester.create_desktop(" ", "win11")
    assert {request.method for request in platform.requests[1:]} == {"GET"}


def test_a_file_is_imported_by_its_name_in_its_storage_pool(tester: Any, platform: ScriptedPlatform) -> None:
    platform.answers[f"POST {API}/domain/import"] = ok()
    tester.import_desktop("win11-disk", "win11.qcow2", "fast", bus_type="sata")
    assert sent(platform, "/domain/import") == [
        {"name": "win11-disk", "filename": "win11.qcow2", "storagePoolId": "s1", "busType": "sata"}
    ]


def test_those_that_had_a_restore_point_already_are_named(tester: Any, platform: ScriptedPlatform) -> None:
    platform.answers[f"POST {API}/domain/freeze"] = ok(["2"])
    assert tester.set_restore_point("sales-1", "sales-2", every="week") == ["sales-2"]
    assert sent(platform, "/domain/freeze") == [{"idList": ["1", "2"], "freezeType": 3}]


@pytest.mark.parametrize("wait", [True, False])
@pytest.mark.parametrize(("events", "refused"), [([], []), (["e1"], [])])
def test_a_desktop_that_the_platform_begins_nothing_with_is_a_failure(
    tester: Any, platform: ScriptedPlatform, wait: bool, events: list[str], refused: list[Any]
) -> None:
    platform.answers[f"POST {API}/domain/start"] = ok({"eventIdList": events, "errorList": refused})
    with pytest.raises(PlatformError, match="told neither an event nor a refusal"):
        tester.start_desktop("sales-1", "sales-2", wait=wait)


def test_desktops_begun_some_at_a_time_are_counted_together(tester: Any, platform: ScriptedPlatform) -> None:
    pool = {"id": "p1", "name": "sales", "enabled": 1}
    platform.answers |= {
        f"GET {API}/desk-pool": page([pool]),
        f"GET {API}/desk-pool/p1/domain/list": ok(VMS),
        f"POST {API}/domain/start": [ok({"eventIdList": ["e1", "e1"]}), ok({"eventIdList": []})],
    }
    with pytest.raises(PlatformError, match="1 of 3 VMs: the platform told neither"):
        tester.start_desktops("sales", at_once=2)


def test_a_batch_s_answer_of_a_wrong_type_is_no_success_where_findings_are_wanted(
    tester: Any, platform: ScriptedPlatform, tmp_path: Any
) -> None:
    from ATPLibrary.vdi.findings import Findings

    document = tmp_path / "document.json"
    document.write_text('{"paths": {}, "definitions": {}}', encoding="utf-8")
    Workspace.current().platforms.current._session.findings = Findings(document, lambda _: None)
    platform.answers[f"POST {API}/domain/start"] = ok({"eventIdList": "seven", "errorList": []})
    with pytest.raises(PlatformError, match="'sales-1': the platform told neither"):
        tester.start_desktop("sales-1")


def test_a_platform_that_is_busy_for_a_moment_does_not_end_a_wait(tester: Any, platform: ScriptedPlatform) -> None:
    busy = httpx.Response(503, text="<html>busy</html>")
    platform.answers[f"GET {API}/domain/1"] = [ok(VMS[0]), busy, ok(VMS[0] | {"status": 1})]
    tester.desktop_should_be("sales-1", "running", timeout=timedelta(seconds=5))
    platform.answers[f"GET {API}/domain/1"] = busy
    with pytest.raises(PlatformError, match=r"HTTP 503 .*, after 0.3 s of waiting\."):
        tester.desktop_should_be("sales-1", "running", timeout=timedelta(seconds=0.3))
    platform.answers[f"GET {API}/domain/1"] = [ok(VMS[0]), httpx.Response(500, text="it failed"), ok(VMS[0])]
    with pytest.raises(PlatformError, match="HTTP 500"):
        tester.desktop_should_be("sales-1", "running", timeout=timedelta(seconds=5))


def test_a_desktop_that_is_not_listed_yet_is_waited_for(tester: Any, platform: ScriptedPlatform) -> None:
    made = {"id": "7", "name": "new", "status": 1}
    platform.answers |= {f"GET {API}/domain": [page([]), page([made])], f"GET {API}/domain/7": ok(made)}
    tester.desktop_should_be("new", "running", timeout=timedelta(seconds=5))
    with pytest.raises(VmNotFoundError, match=r"no VM 'old'\. .*, after 0.3 s of waiting"):
        tester.desktop_should_be("old", "running", timeout=timedelta(seconds=0.3))
    with pytest.raises(VmNotFoundError):
        tester.desktop_should_be("old", "running")


@pytest.mark.parametrize("is_gone", [True, False])
def test_a_deletion_whose_answer_was_lost_is_done_where_nothing_is_left(
    tester: Any, platform: ScriptedPlatform, is_gone: bool
) -> None:
    lost = httpx.RemoteProtocolError("Server disconnected without sending a response.")
    platform.answers |= {
        f"POST {API}/domain/delete": [lost, refusal(1, "no such VM")],
        f"GET {API}/domain": [page(VMS), page(VMS[1:] if is_gone else VMS)],
    }
    with contextlib.nullcontext() if is_gone else pytest.raises(PlatformError, match="no such VM"):
        tester.delete_desktop("sales-1")
    assert len(platform.asked(f"{API}/domain/delete")) == 2
