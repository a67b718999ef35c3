"""Alarms: what is wrong now, what was, and when one is raised."""

from __future__ import annotations

from ATPLibrary.errors import PlatformError
from ATPLibrary.vdi.groups.base import Choice, Group
from ATPLibrary.vdi.operations import Done, delete, get, put
from ATPLibrary.vdi.pages import Pages
from ATPLibrary.vdi.shapes.alarms import Alarm, AlarmRule, AlarmRuleChange, PastAlarm
from ATPLibrary.vdi.shapes.base import Page

LIST = get("list alarms", "/alarm", Page[Alarm])
HISTORY = get("list past alarms", "/alarm-history", Page[PastAlarm])
DELETE = delete("delete an alarm", "/alarm/{id}", Done)
RULES = get("list alarm rules", "/alarm-code", Page[AlarmRule])
SET_RULE = put("change an alarm rule", "/alarm-code/{id}", Done, AlarmRuleChange)


class Alarms(Group):
    def list(self, *, timeout: float | None = None) -> Pages[Alarm]:
        """What is wrong now, newest first."""
        return self._pages(LIST, timeout=timeout)

    def history(self, *, timeout: float | None = None) -> Pages[PastAlarm]:
        """What was wrong."""
        return self._pages(HISTORY, timeout=timeout)

    async def delete(self, alarm_id: int, *, timeout: float | None = None) -> None:
        """Take an alarm off the list."""
        await self._call(DELETE, alarm_id, timeout=timeout)

    def rules(self, *, timeout: float | None = None) -> Pages[AlarmRule]:
        """When the platform raises an alarm."""
        return self._pages(RULES, timeout=timeout)

    async def find_rule(self, name_or_id: str, *, timeout: float | None = None) -> AlarmRule:
        """The rule of that id, or of that code."""
        rules = await self.rules(timeout=timeout).collect()
        choices = [Choice(str(rule.id), rule.code or "", rule) for rule in rules]
        return self._chosen(choices, name_or_id, "alarm rule", PlatformError).item

    async def set_rule(self, rule_id: int, rule: AlarmRuleChange, *, timeout: float | None = None) -> None:
        """Make a rule another."""
        await self._call(SET_RULE, rule_id, body=rule, timeout=timeout)
