"""What the server answers, in the vendor's shapes: the envelope, pages, and one function for each thing.

Fields that the lab has no value for are left out, as the platform leaves out what it has no value for.
"""

from __future__ import annotations

import uuid
from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Any

from ATPLibrary.lab import machine
from ATPLibrary.lab.platform.codes import HostStatus, Refusal, Status, VmStatus
from ATPLibrary.lab.platform.machines import HostView, VmView
from ATPLibrary.lab.platform.store import EventRow, PoolRow, VmRow

LARGEST_PAGE = 1000
_OK = "操作成功"
_MODEL_NAMESPACE = uuid.UUID("6f0c3c57-6a0a-4d6c-9a4a-3f0b5d1c2e77")

MODEL_IDS = {name: str(uuid.uuid5(_MODEL_NAMESPACE, name)) for name in machine.MODELS}
MODEL_NAMES = {id: name for name, id in MODEL_IDS.items()}


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
    if number < 1 or not 1 <= size <= LARGEST_PAGE:
        raise Refusal(
            f"分页参数错误: pageNum 从 1 开始, pageSize 为 1 到 {LARGEST_PAGE} (got {number}, {size})",
            Status.BAD_REQUEST,
        )


def host(view: HostView, *, detail: bool = False) -> dict[str, Any]:
    """`HostVO`, or `HostDetailVO`. Memory is in GiB."""
    answer: dict[str, Any] = {
        "id": view.id,
        "name": view.name,
        "ip": view.ip,
        "status": int(HostStatus.ENABLED if view.online else HostStatus.OFFLINE),
        "manufacturer": "QEMU",
    }
    if view.hardware is not None:
        answer |= {
            "arch": view.hardware.arch,
            "cpu": view.hardware.cpu,
            "cpuSize": view.hardware.processors,
            "memory": round(view.hardware.memory_mib / 1024, 2),
            "physicalMemory": round(view.hardware.memory_mib / 1024, 2),
        }
    if detail:
        return {**answer, "localIp": view.ip}
    return {**answer, "runningDomainCount": view.running_vms}


def model(name: str, child_count: int, host_id: str) -> dict[str, Any]:
    """`DomainVO` of a model: the one guest image, with this model's keyboard."""
    return {
        "id": MODEL_IDS[name],
        "name": name,
        "isModel": 1,
        "status": int(VmStatus.SHUT_OFF),
        "childCount": child_count,
        "cpu": 1,
        "memory": machine.MEMORY_MIB,
        "hostId": host_id,
        "osType": "linux",
        "osName": "Debian",
        "remark": f"键盘 (keyboard): {machine.MODELS[name]}",
    }


def vm(view: VmView) -> dict[str, Any]:
    """`DomainVO`. `ip` is the host's, as in the vendor's document; `status` is missing where the host doesn't answer."""
    row = view.row
    answer: dict[str, Any] = {
        "id": row.id,
        "name": row.name,
        "hostId": row.host_id,
        "hostName": view.host.name,
        "ip": view.host.ip,
        "desktopPoolId": row.pool_id,
        "motherId": MODEL_IDS[row.model],
        "motherName": row.model,
        "cpu": row.cpu,
        "cores": row.cpu,
        "sockets": 1,
        "threads": 1,
        "memory": row.memory_mib,
        "isModel": 0,
        "isCloneDomain": 1,
        "cloneType": "1",
        "isRecycle": 0,
        "isConnected": 0,
        "osType": "linux",
        "osName": "Debian",
        "createTime": timestamp(row.created),
        "remark": view.flag,
    }
    return answer if view.status is None else {**answer, "status": int(view.status)}


def pool(row: PoolRow, vms: Sequence[VmRow]) -> dict[str, Any]:
    """`DesktopPoolVO`. Nobody is bound to the lab's desktops, so none is in use."""
    return {
        "id": row.id,
        "name": row.name,
        "type": row.type,
        "status": 0,
        "enabled": row.enabled,
        "amount": row.amount if row.phase == "creating" else len(vms),
        "usedAmount": 0,
        "domainPrefix": row.prefix,
        "modelId": MODEL_IDS[row.model],
        "modelList": [{"id": MODEL_IDS[row.model], "name": row.model}],
        "curModelId": MODEL_IDS[row.model],
        "curModelName": row.model,
        "groupNameList": [],
        "remark": row.remark,
    }


def event(row: EventRow) -> dict[str, Any]:
    """`EventVO`. Without `isSuccess` while the operation is under way."""
    answer: dict[str, Any] = {
        "id": row.id,
        "description": row.description,
        "eventType": 0,
        "operateType": row.operate,
        "isAsc": row.in_background,
        "domainId": row.vm_id,
        "domainName": row.vm_name,
        "hostId": row.host_id,
        "ip": row.ip,
        "errorReason": row.reason,
        "createTime": _iso(row.created),
        "updateTime": _iso(row.updated),
    }
    return answer if row.success is None else {**answer, "isSuccess": row.success}


def timestamp(seconds: float) -> dict[str, int]:
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


def _iso(seconds: float) -> str:
    return datetime.fromtimestamp(seconds, UTC).isoformat(timespec="milliseconds")
