"""Alarms: the rules by which they are raised, those that are there, and those that were.

One rule is followed: "operation-failed", of operations that fail one after the other. The others are kept and shown.
"""

from __future__ import annotations

import time

from ATPLibrary.lab.platform.codes import FAILURE, Refusal
from ATPLibrary.lab.platform.records import Record
from ATPLibrary.lab.platform.store import Store

FAILED = "operation-failed"
_RULES = (
    {"code": "host-memory", "module": "host", "level": "warning", "thresholdType": "per", "thresholdValue": 90},
    {"code": FAILED, "module": "domain", "level": "minor", "thresholdType": "times", "thresholdValue": 1},
)
# As many past alarms are kept.
MOST_PAST = 1000


class Alarms:
    def __init__(self, store: Store) -> None:
        self._store = store
        self._records = store.records

    def prepare(self) -> None:
        """What a new database has: the rules, none of which raises an alarm yet."""
        if not self._records.all("rule"):
            for rule in _RULES:
                self._records.add_numbered("rule", **rule, enable=0, checkTimes=1, pushMethod="none")

    def rules(self) -> list[Record]:
        return self._records.all("rule")

    def set_rule(self, id: str, **values: object) -> None:
        if self._records.get("rule", id) is None:
            raise Refusal(f"告警代码不存在: {id} (no such alarm rule)")
        self._records.change("rule", id, **values)

    def all(self) -> list[Record]:
        """What is wrong now, newest first."""
        return self._records.all("alarm")[::-1]

    def past(self) -> list[Record]:
        """What was wrong, newest first."""
        return self._records.all("past alarm")[::-1]

    def delete(self, id: str) -> None:
        """Take one off the list; it is among the past ones from then on."""
        alarm = self._records.get("alarm", id)
        if alarm is None:
            raise Refusal(f"告警不存在: {id} (no such alarm)")
        self._records.remove("alarm", id)
        self._records.add_numbered(
            "past alarm", **{name: alarm[name] for name in alarm if name not in ("id", "created")}
        )
        self._records.trim("past alarm", MOST_PAST)

    def operation_failed(self, event_id: str) -> None:
        """Raise an alarm if the rule says so: its threshold is how many fail in a row, as often as it is to be passed."""
        rule = next((each for each in self.rules() if each["code"] == FAILED), None)
        event = self._store.event(event_id)
        if rule is None or event is None or not rule["enable"]:
            return
        in_a_row = max(1, rule["thresholdValue"]) * max(1, rule["checkTimes"])
        ended = [each for each in self._store.events(limit=10_000)[0] if each.success is not None][:in_a_row]
        if len(ended) == in_a_row and all(each.success == FAILURE for each in ended):
            self._records.add_numbered(
                "alarm",
                level=rule["level"],
                module=rule["module"],
                content=f"操作失败: {event.description} {event.vm_name}: {event.reason}",
                hostIp=event.ip,
                time=time.time(),
            )
