"""What goes out is checked before it does, secrets stay secrets, and clients don't disturb each other."""

from __future__ import annotations

import asyncio
import json

import httpx
import pytest

from ATPLibrary.config import PlatformSettings
from ATPLibrary.errors import InputError, PlatformError
from ATPLibrary.secrets import Secret, redact
from ATPLibrary.vdi import VdiClient
from ATPLibrary.vdi.codes import RestorePoint
from ATPLibrary.vdi.shapes.people import NewPassword
from ATPLibrary.vdi.shapes.vm_orders import NewDisk, NewVm

pytestmark = pytest.mark.unit


async def test_a_value_of_a_wrong_type_is_one_sentence_and_is_not_sent(logged_in, platform):
    with pytest.raises(InputError) as caught:
        await logged_in.desk_pools.create("sales", model_id="m", amount="many")
    assert str(caught.value) == (
        "What would be sent to the platform as DeskPoolCreateDto isn't right: amount: Input should be a valid integer, "
        "unable to parse string as an integer."
    )
    with pytest.raises(InputError, match=r"DomainCreateDto isn't right: colour: Extra inputs"):
        NewVm(name="n", cpu=1, memory=96, colour="red")
    assert len(platform.requests) == 1


async def test_a_vm_is_ordered_with_the_vendors_fields_at_every_depth(logged_in, platform, answer_ok):
    platform.answers["POST /ocloud/v1/domain"] = answer_ok({"uuid": "u"})
    disk = NewDisk(id="v", is_start_disk=1)
    assert await logged_in.domains.create(NewVm(name="虚机", cpu=2, cores=2, memory=2048, disks=[disk])) == "u"
    sent = platform.body("/ocloud/v1/domain")
    assert sent["volumeList"] == [{"id": "v", "isStartDisk": 1}]
    assert {name: sent[name] for name in ("name", "cpu", "cores", "sockets", "mainBoard", "isoList")} == {
        "name": "虚机", "cpu": 2, "cores": 2, "sockets": 1, "mainBoard": "pc", "isoList": [],
    }  # fmt: skip


async def test_lists_in_a_query_are_sent_once_a_value(logged_in, platform, answer_ok):
    platform.answers["GET /ocloud/v1/domain/common-storage-pool"] = answer_ok([])
    await logged_in.domains.common_storage_pools(["a", "b"])
    assert platform.requests[-1].url.query == b"idList=a&idList=b"


async def test_codes_go_out_as_numbers(logged_in, platform, answer_ok):
    platform.answers["POST /ocloud/v1/domain/freeze"] = answer_ok(["b"])
    assert await logged_in.domains.freeze(["a", "b"], RestorePoint.WEEKLY) == ["b"]
    assert platform.body("/ocloud/v1/domain/freeze") == {"idList": ["a", "b"], "freezeType": 3}


async def test_a_key_that_the_platform_answers_is_a_secret(logged_in, platform, answer_ok):
    platform.answers["GET /ocloud/v1/domain/v/vnc-password"] = answer_ok({"password": "vnc-5ecret"})
    platform.answers["GET /ocloud/v1/domain/v/spice-key"] = answer_ok({"key": "sp1ce-key", "port": 5901})
    password = await logged_in.domains.vnc_password("v")
    key = await logged_in.domains.spice_key("v")
    assert (password.reveal(), key.key.reveal(), key.port) == ("vnc-5ecret", "sp1ce-key", "5901")
    assert redact(f"{password} {key} vnc-5ecret sp1ce-key").count("ecret") == 1  # only the word Secret of the repr
    assert "sp1ce" not in redact(f"{key!r} sp1ce-key")


@pytest.mark.parametrize(
    "answer", ['{"status": 0, "data": {"key": "sp1ce-key', '{"status": 0, "data": {"key": ["sp1ce-key"]}}']
)
async def test_an_answer_with_a_key_is_not_quoted_when_it_is_broken(logged_in, platform, answer):
    platform.answers["GET /ocloud/v1/domain/v/spice-key"] = httpx.Response(200, text=answer)
    with pytest.raises(PlatformError) as caught:
        await logged_in.domains.spice_key("v")
    assert "sp1ce" not in str(caught.value)


async def test_a_password_that_is_sent_shows_in_the_request_only(logged_in, platform, answer_ok):
    body = NewPassword(account="tester", group="ou=lab", password=Secret("n3w-password"))
    assert "n3w" not in repr(body) + str(body)
    platform.answers["PATCH /ocloud/v1/user/password"] = answer_ok()
    await logged_in.users.set_password("tester", "n3w-password", group="ou=lab")
    assert platform.body("/ocloud/v1/user/password") == {
        "sAMAccountName": "tester", "group": "ou=lab", "password": "n3w-password",
    }  # fmt: skip


async def test_several_users_of_several_platforms_are_logged_in_at_once(platform, answer_ok):
    """Each client has its own token, and one's end is not another's."""
    platform.answers["POST /ocloud/v1/login"] = lambda request: answer_ok(
        {"token": f"{request.url.host} {json.loads(request.content)['username']}"}
    )
    page = {"list": [], "pages": 1}
    platform.answers["GET /ocloud/v1/host"] = answer_ok(page)
    clients = [
        VdiClient(
            PlatformSettings(name=name, url=f"http://{name}.test", username=user, password=Secret("pass")),
            event_bus=platform.bus,
            transport=httpx.MockTransport(platform),
        )
        for name in ("north", "south")
        for user in ("anna", "ben")
    ]
    await asyncio.gather(*(client.login() for client in clients))
    await clients[0].logout()
    await asyncio.gather(*(client.hosts.list().collect() for client in clients[1:]))
    tokens = sorted(request.headers["Token"] for request in platform.asked("/ocloud/v1/host"))
    assert tokens == ["north.test ben", "south.test anna", "south.test ben"]
    await asyncio.gather(*(client.close() for client in clients))


async def test_a_policy_goes_back_with_what_a_newer_platform_added_to_it(logged_in, platform, answer_ok):
    fields = "allowInternet clipboardAccess diskAccess diskRedirect enableCamera enableDisk enableRedir isRebase isValid user"
    stored = dict.fromkeys(fields.split(), "1") | dict.fromkeys(
        ("firstLoginModifyPwd", "modifyConfig", "showToolMenu", "teachMode"), 0
    )
    platform.answers["GET /ocloud/v1/user/access-policy"] = answer_ok(stored | {"newInVersionTen": 10})
    platform.answers["PUT /ocloud/v1/user/access-policy"] = answer_ok()
    policy = await logged_in.users.policy("anna")
    assert dict(platform.requests[-1].url.params) == {"user": "anna", "type": "1"}
    await logged_in.users.set_policy(policy.model_copy(update={"clipboard_access": "0"}))
    sent = platform.body("/ocloud/v1/user/access-policy")
    assert sent == stored | {"newInVersionTen": 10, "clipboardAccess": "0"}
