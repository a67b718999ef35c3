"""Keywords about alarms: what is wrong now, what was, and when the platform raises one."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from datetime import timedelta
from typing import TYPE_CHECKING, Any

from robot.api import logger
from robot.api.deco import keyword

from ATPLibrary.errors import InputError
from ATPLibrary.keywords.platform.getting import getter, lister
from ATPLibrary.keywords.platform.looking import Looking
from ATPLibrary.orchestrator.creations import ClosingLevel

if TYPE_CHECKING:
    from ATPLibrary.vdi import VdiClient
    from ATPLibrary.vdi.shapes.alarms import Alarm, AlarmRule, AlarmRuleChange, PastAlarm

GETTER = ("Alarm", "Getter")
RULE = ("code", "level", "module", "enable", "check_times", "threshold_type", "threshold_value", "push_method")


class AlarmKeywords(Looking):
    @lister("alarms", tags=GETTER)
    async def get_platform_alarms(
        self,
        client: VdiClient,
        seconds: float,
        *,
        level: str | None = None,
        module: str | None = None,
        content: str | None = None,
        host_ip: str | None = None,
    ) -> list[Alarm]:
        """Returns what is wrong now, newest first.

        Each has ``id``, ``level``, ``module`` (part of the platform), ``content`` (its words), ``host_ip``, ``time``.

        - ``level``: only alarms of this level, as the platform writes it.
        - ``module``: only those of this part of the platform.
        - ``content``: only those with this text in their words.
        - ``host_ip``: only those on the host with this address.

        Example:
        | Log In To Platform
        | @{alarms} =    Get Platform Alarms    module=host
        """
        wanted = _Description(level, module, content, host_ip)
        return [alarm async for alarm in client.alarms.list(timeout=seconds) if wanted.fits(alarm)]

    @lister("past alarms", tags=GETTER)
    async def get_past_platform_alarms(
        self,
        client: VdiClient,
        seconds: float,
        *,
        level: str | None = None,
        module: str | None = None,
        content: str | None = None,
        host_ip: str | None = None,
        limit: int = 100,
    ) -> list[PastAlarm]:
        """Returns what was wrong, in the platform's order. Each is as `Get Platform Alarms` has it.

        - ``level``: only alarms of this level, as the platform writes it.
        - ``module``: only those of this part of the platform.
        - ``content``: only those with this text in their words.
        - ``host_ip``: only those on the host with this address.
        - ``limit``: how many at most.

        Example:
        | Log In To Platform
        | @{alarms} =    Get Past Platform Alarms    level=warning
        """
        wanted = _Description(level, module, content, host_ip)
        found: list[PastAlarm] = []
        async for alarm in client.alarms.history(timeout=seconds):
            if len(found) >= limit:
                break
            if wanted.fits(alarm):
                found.append(alarm)
        return found

    @keyword(tags=["Alarm", "Assertion"])
    def alarm_should_be_raised(
        self,
        *,
        level: str | None = None,
        module: str | None = None,
        content: str | None = None,
        host_ip: str | None = None,
        timeout: timedelta | None = None,
    ) -> None:
        """Fails unless there is an alarm that fits all that is said of it. With ``timeout`` it is waited for.

        - ``level``: its level, as the platform writes it.
        - ``module``: the part of the platform that it is about.
        - ``content``: a text in its words.
        - ``host_ip``: the address of the host that it is about.
        - ``timeout``: how long to wait for it; without it, it is checked once.

        Example:
        | Log In To Platform
        | Alarm Should Be Raised    module=host    content=memory    timeout=1 min
        """
        self._should_be_raised(True, _Description(level, module, content, host_ip), timeout)

    @keyword(tags=["Alarm", "Assertion"])
    def no_alarm_should_be_raised(
        self,
        *,
        level: str | None = None,
        module: str | None = None,
        content: str | None = None,
        host_ip: str | None = None,
        timeout: timedelta | None = None,
    ) -> None:
        """Fails if there is an alarm that fits all that is said; with nothing said, if there is any.

        - ``level``: its level, as the platform writes it.
        - ``module``: the part of the platform that it is about.
        - ``content``: a text in its words.
        - ``host_ip``: the address of the host that it is about.
        - ``timeout``: how long to wait until there is none any more; without it, it is checked once.

        Example:
        | Log In To Platform
        | No Alarm Should Be Raised
        | No Alarm Should Be Raised    level=critical    timeout=30 s
        """
        self._should_be_raised(False, _Description(level, module, content, host_ip), timeout)

    @keyword(tags=["Alarm"])
    def delete_platform_alarm(self, alarm: int, timeout: timedelta | None = None) -> None:
        """Takes an alarm off the list.

        - ``alarm``: its id, as `Get Platform Alarms` has it.
        - ``timeout``: by default ``timeouts.platform`` of the configuration (60 s).

        Example:
        | Log In To Platform
        | @{alarms} =    Get Platform Alarms    content=memory
        | FOR    ${alarm}    IN    @{alarms}
        |     Delete Platform Alarm    ${alarm.id}
        | END
        """
        self.ask(f"Deleting alarm {alarm}", lambda client, s: client.alarms.delete(alarm, timeout=s), timeout)
        logger.info(f"Deleted alarm {alarm}.")

    @lister("alarm rules", tags=GETTER)
    async def get_alarm_rules(self, client: VdiClient, seconds: float) -> list[str]:
        """Returns the codes of the rules by which the platform raises alarms; see `Get Alarm Rule`.

        Example:
        | Log In To Platform
        | @{rules} =    Get Alarm Rules
        """
        return [rule.code or str(rule.id) async for rule in client.alarms.rules(timeout=seconds)]

    @getter("Alarm rule '{rule}'", tags=GETTER, such="==    90")
    async def get_alarm_rule(self, client: VdiClient, seconds: float, rule: str) -> Any:
        """Returns when the platform raises an alarm, or one field of it.

        The fields: ``id``, ``code``, ``level``, ``module``, ``enable`` (0 or 1), ``check_times`` (how often in a row the threshold
        must be passed), ``threshold_type`` (``per``: per cent, ``times``: a count), ``threshold_value``, ``push_method``
        (``none``, ``qywx``: WeCom, ``email``).

        - ``rule``: its code or id.

        Example:
        | Log In To Platform
        | Get Alarm Rule    host-memory    threshold_value    <=    95
        """
        return await client.alarms.find_rule(rule, timeout=seconds)

    @keyword(tags=["Alarm"])
    def set_alarm_rule(
        self,
        rule: str,
        *,
        enabled: bool | None = None,
        threshold: int | None = None,
        threshold_type: str | None = None,
        check_times: int | None = None,
        level: str | None = None,
        push_method: str | None = None,
        closing: ClosingLevel | None = None,
        timeout: timedelta | None = None,
    ) -> None:
        """Changes when the platform raises an alarm. What isn't named stays. The rule is put back at the closing level.

        - ``rule``: its code or id.
        - ``enabled``: whether it raises alarms at all.
        - ``threshold``: the value from which on.
        - ``threshold_type``: ``per`` (per cent) or ``times`` (a count).
        - ``check_times``: how often in a row it must be passed.
        - ``level``: the alarm's level, as the platform writes it.
        - ``push_method``: ``none``, ``qywx`` (WeCom) or ``email``.
        - ``closing``: when it is put back: ``test``, ``suite``, ``manual``, ``keep``; by default the library import's level.
        - ``timeout``: by default ``timeouts.platform`` of the configuration (60 s).

        Example:
        | Log In To Platform
        | Set Alarm Rule    host-memory    threshold=80    enabled=True
        """
        said = {
            "enable": None if enabled is None else int(enabled),
            "threshold_value": threshold,
            "threshold_type": threshold_type,
            "check_times": check_times,
            "level": level,
            "push_method": push_method,
        }
        changes = {name: value for name, value in said.items() if value is not None}
        if not changes:
            raise InputError(f"Nothing is to be changed of alarm rule '{rule}'. Say what, such as threshold=80.")

        async def change(client: VdiClient, seconds: float) -> None:
            before = await client.alarms.find_rule(rule, timeout=seconds)

            async def put_back(client: VdiClient, seconds: float) -> None:
                await client.alarms.set_rule(before.id, _whole(before, {}), timeout=seconds)

            with self.making("change of alarm rule", before.code or rule, put_back, closing) as changed:
                changed.id = str(before.id)
                await client.alarms.set_rule(before.id, _whole(before, changes), timeout=seconds)

        self.ask(f"Changing alarm rule '{rule}'", change, timeout)
        logger.info(f"Alarm rule '{rule}': {', '.join(f'{name} {value}' for name, value in changes.items())}.")

    def _should_be_raised(self, wanted: bool, alarm: _Description, timeout: timedelta | None) -> None:
        async def look(client: VdiClient, seconds: float) -> tuple[bool | None, str]:
            alarms = await client.alarms.list(timeout=seconds).collect()
            found = [each for each in alarms if alarm.fits(each)]
            return bool(found) is wanted, _told(found or alarms)

        said = ", ".join(f"{name} '{value}'" for name, value in asdict(alarm).items() if value is not None)
        subject = f"An alarm ({said})" if said else "An alarm"
        self.should(subject, "be raised" if wanted else "not be raised", look, timeout)


@dataclass(frozen=True, slots=True)
class _Description:
    """What a tester says of an alarm; what isn't said fits any."""

    level: str | None
    module: str | None
    content: str | None
    host_ip: str | None

    def fits(self, alarm: Alarm | PastAlarm) -> bool:
        return (
            self.level in (None, alarm.level)
            and self.module in (None, alarm.module)
            and self.host_ip in (None, alarm.host_ip)
            and (self.content or "").lower() in (alarm.content or "").lower()
        )


def _told(alarms: Sequence[Alarm]) -> str:
    if not alarms:
        return "the platform has no alarm"
    words = "; ".join(f"{alarm.level} {alarm.module} {alarm.host_ip or ''}: {alarm.content}" for alarm in alarms[:5])
    return f"the platform has {words}" + (f" and {len(alarms) - 5} more" if len(alarms) > 5 else "")


def _whole(rule: AlarmRule, changes: Mapping[str, object]) -> AlarmRuleChange:
    """The rule as it is to be: the platform wants it whole."""
    from ATPLibrary.vdi.shapes.alarms import AlarmRuleChange

    return AlarmRuleChange(**{**{name: getattr(rule, name) for name in RULE}, **changes})
