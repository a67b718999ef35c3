"""What the server answers, in the vendor's shapes: the envelope, pages, and a function for each thing that many groups have.

Fields that the lab has no value for are left out, as the platform leaves out what it has no value for.
"""

from __future__ import annotations

import json
import uuid
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

from ATPLibrary.lab import machine
from ATPLibrary.lab.platform.codes import EVENT_OF_A_MODEL, EVENT_OF_A_VM, Operate, Refusal, Status, VmStatus
from ATPLibrary.lab.platform.shapes.base import EventVO, Timestamp
from ATPLibrary.lab.platform.shapes.hosts import HostDetailVO, HostVO
from ATPLibrary.lab.platform.shapes.pools import DesktopPoolVO
from ATPLibrary.lab.platform.shapes.vms import DomainVO
from ATPLibrary.lab.platform.tables import EventRow, PoolRow, VmRow

if TYPE_CHECKING:
    from ATPLibrary.lab.platform.hosts import HostView
    from ATPLibrary.lab.platform.machines import VmView
    from ATPLibrary.lab.platform.models import Model
    from ATPLibrary.lab.settings import LabHostSettings

LARGEST_PAGE = 1000
LAST_PAGE = 1_000_000
_OK = "操作成功"
_MODEL_NAMESPACE = uuid.UUID("6f0c3c57-6a0a-4d6c-9a4a-3f0b5d1c2e77")

MODEL_IDS = {name: str(uuid.uuid5(_MODEL_NAMESPACE, name)) for name in machine.MODELS}


def envelope(data: Any = None, status: int = Status.OK, message: str = _OK) -> dict[str, Any]:
    """`{"status", "msg", "data"}`; an answer without data has no `data`."""
    answer: dict[str, Any] = {"status": int(status), "msg": message}
    return answer if data is None else {**answer, "data": data}


def page(items: Sequence[Any], number: int, size: int, total: int | None = None) -> dict[str, Any]:
    """`PageResult`. Without `total`, `items` are all there are and the page is cut from them."""
    if total is None:
        total, items = len(items), items[(number - 1) * size : number * size]
    return {"list": items, "pageNum": number, "pageSize": size, "pages": -(-total // size), "total": total}


def check_page(number: int, size: int) -> None:
    if not 1 <= number <= LAST_PAGE or not 1 <= size <= LARGEST_PAGE:
        raise Refusal(
            f"分页参数错误: pageNum 从 1 开始, pageSize 为 1 到 {LARGEST_PAGE} (got {number}, {size})",
            Status.BAD_REQUEST,
        )


def host(view: HostView, pool_name: str = "") -> HostVO:
    """Memory is in GiB."""
    answer: HostVO = _host(view)
    answer |= {"poolName": pool_name, "runningDomainCount": view.running_vms}
    return answer


def host_detail(view: HostView, count: int) -> HostDetailVO:
    answer: HostDetailVO = _host(view)
    answer |= {"localIp": view.host.ip, "hostNum": count}
    return answer


def _host(view: HostView) -> Any:
    answer: dict[str, Any] = {
        "id": view.host.id,
        "name": view.host.name,
        "ip": view.host.ip,
        "status": int(view.status),
        "manufacturer": "QEMU",
        "poolId": view.set.get("pool", ""),
        "domainLimit": view.set.get("limit", 0),
        "extranetIp": view.set.get("ip", ""),
        "extranetIpV6": view.set.get("ip6", ""),
        "createTime": iso(view.set.get("created", 0.0)),
    }
    if view.hardware is not None:
        gib = round(view.hardware.memory_mib / 1024, 2)
        answer |= {
            "arch": view.hardware.arch,
            "cpu": view.hardware.cpu,
            "cpuSize": view.hardware.processors,
            "memory": gib,
            "physicalMemory": gib,
        }
    return answer


def model(model: Model, child_count: int, host: LabHostSettings, pool_id: str) -> DomainVO:
    """`DomainVO` of a model. One that comes with the lab is on every host; the first is named."""
    return {
        "id": model.id,
        "name": model.name,
        "isModel": 1,
        "status": int(VmStatus.UPGRADING if model.upgrade else VmStatus.SHUT_OFF),
        "childCount": child_count,
        "cpu": model.cpu,
        "cores": model.cpu,
        "sockets": 1,
        "threads": 1,
        "memory": model.memory_mib,
        "hostId": host.id,
        "hostName": host.name,
        "ip": host.ip,
        "poolId": pool_id,
        "isCloneDomain": 0,
        "isRecycle": 0,
        "osType": "linux",
        "osName": "Debian",
        "createTime": timestamp(model.created),
        "remark": model.remark,
    }


def vm(view: VmView, names: Mapping[str, str], pool_id: str = "") -> DomainVO:
    """`DomainVO`. `ip` is the host's, as in the vendor's document; `status` is missing where the host doesn't answer.

    `names` is the models' by their ids.
    """
    row = view.row
    answer: DomainVO = {
        "id": row.id,
        "name": row.name,
        "hostId": row.host_id,
        "hostName": view.host.name,
        "ip": view.host.ip,
        "poolId": pool_id,
        "desktopPoolId": row.pool_id,
        "motherId": row.model,
        "motherName": names.get(row.model, ""),
        "cpu": view.cpu,
        "cores": view.cpu,
        "sockets": 1,
        "threads": 1,
        "memory": view.memory_mib,
        "isModel": 0,
        "isCloneDomain": int(row.kind in ("linked", "full")),
        "cloneType": "1" if row.kind == "linked" else "0",
        "isRecycle": int(bool(row.recycled)),
        "isConnected": 0,
        "userId": row.user,
        "freeze": int(bool(row.freeze)),
        "osType": "linux",
        "osName": "Debian",
        "createTime": timestamp(row.created),
        "remark": view.flag or row.remark,
    }
    if row.frozen:
        answer["lastFreezeTime"] = timestamp(row.frozen)
    answer.update(json.loads(row.told))
    if view.status is not None:
        answer["status"] = int(view.status)
    return answer


def pool(row: PoolRow, vms: Sequence[VmRow], names: Mapping[str, str]) -> DesktopPoolVO:
    """A desktop is used when it is bound to a user."""
    ids = (row.models or row.model).split(",")
    return {
        "id": row.id,
        "name": row.name,
        "type": row.type,
        "status": row.status,
        "enabled": row.enabled,
        "amount": row.amount if row.phase == "creating" else len(vms),
        "usedAmount": sum(bool(vm.user) for vm in vms),
        "domainPrefix": row.prefix,
        "classNo": row.class_no,
        "forceFreeze": row.force_freeze,
        "modelId": ",".join(ids),
        "modelList": [{"id": id, "name": names.get(id, "")} for id in ids],
        "curModelId": row.model,
        "curModelName": names.get(row.model, ""),
        "groupNameList": row.groups.splitlines(),
        "remark": row.remark,
    }


def event(row: EventRow) -> EventVO:
    """Without `isSuccess` while the operation is under way."""
    answer: EventVO = {
        "id": row.id,
        "description": row.description,
        "eventType": EVENT_OF_A_MODEL if row.operate == Operate.MODEL else EVENT_OF_A_VM,
        "operateType": row.operate,
        "isAsc": row.in_background,
        "domainId": row.vm_id,
        "domainName": row.vm_name,
        "hostId": row.host_id,
        "ip": row.ip,
        "errorReason": row.reason,
        "createTime": iso(row.created),
        "updateTime": iso(row.updated),
    }
    if row.success is not None:
        answer["isSuccess"] = row.success
    return answer


def timestamp(seconds: float) -> Timestamp:
    """The vendor's `Timestamp`: java.sql.Timestamp as its bean properties (years from 1900, months from 0, day of the week)."""
    moment = datetime.fromtimestamp(seconds, UTC)
    return {
        "time": int(seconds * 1000),
        "nanos": moment.microsecond * 1000,
        "year": moment.year - 1900,
        "month": moment.month - 1,
        "date": moment.day,
        "day": moment.isoweekday() % 7,
        "hours": moment.hour,
        "minutes": moment.minute,
        "seconds": moment.second,
        "timezoneOffset": 0,
    }


def iso(seconds: float) -> str:
    """A `date-time` as the vendor writes it: UTC, to the millisecond."""
    return datetime.fromtimestamp(seconds, UTC).isoformat(timespec="milliseconds")
