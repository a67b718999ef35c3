"""A VM as the platform lists it, with every field that it can have."""

from __future__ import annotations

from typing import Any

from ATPLibrary.vdi.shapes.base import Timestamp
from ATPLibrary.vdi.shapes.vms import Vm

_MOMENT = {
    "time": 1700000000000, "year": 123, "month": 10, "date": 14, "day": 2, "hours": 22, "minutes": 13, "seconds": 20,
    "nanos": 0, "timezoneOffset": 0,
}  # fmt: skip


def _value(annotation: str) -> Any:
    if Timestamp.__name__ in annotation:
        return _MOMENT
    if "bool" in annotation:
        return False
    return 1 if "int" in annotation else "测试 with a few words"


_FIELDS = {str(field.alias): _value(str(field.annotation)) for field in Vm.model_fields.values()}


def vm(number: int) -> dict[str, Any]:
    return _FIELDS | {"id": f"6f0c3c57-6a0a-4d6c-9a4a-3f0b5d{number:06}", "name": f"测试桌面-{number:04}"}
