"""What the agent says: the agent protocol, version 1 (`docs/agent-protocol.md` of the ATPLibrary project)."""

from __future__ import annotations

from atp_guest_agent import PROTOCOL, __version__, input_state
from atp_guest_agent.clock import now_ns, now_us
from atp_guest_agent.jsontext import dump, parse
from atp_guest_agent.links.chooser import QUEUE_LIMIT
from atp_guest_agent.waited_for import WaitedFor, realtime_us

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable

    from atp_guest_agent.codes import Event
    from atp_guest_agent.identity import Identity
    from atp_guest_agent.links.chooser import Links
    from atp_guest_agent.platform import Platform

CAPABILITIES = ["observe", "expect.keyboard", "expect.mouse", "state", "fence"]
MAX_NAME = 200  # characters of what the host calls a session or a request
_BATCH = b'{"type":"observations"'


class Session:
    """The conversation with the host.

    States: SILENT (no host has said hello, or watch, yet: nothing is sent) -> OPEN. Every hello opens a new session, in which
    nothing of the one before is left. A host that goes away leaves the session open: its batches are counted, and told as an
    `overrun` if it comes back without a hello.
    """

    SILENT, OPEN = range(2)

    def __init__(self, links: Links, identity: Identity, platform: Platform, grab: bool = False) -> None:
        self.state = self.SILENT
        self._links = links
        self._identity = identity
        self._platform = platform
        self._devices = platform.devices
        self._grab_when_watching = grab
        self._watching = False
        # Not 0: the numbers of an agent that was started anew never continue the old one's, so that the host can tell.
        self._next_seq = now_ns() // 1000000
        self._skipped = 0
        self._dropped = 0
        self._untold = 0  # batches dropped that no overrun has told yet
        self._added: list[int] = []
        self._removed: list[int] = []
        self._waited_for = WaitedFor(self._say, lambda number, code: input_state.axis(self._devices(), number, code))
        self._answers: dict[str, Callable[[dict[str, object], int], None]] = {
            "hello": self._hello,
            "ping": self._ping,
            "watch": self._watch,
            "state": self._state,
            "grab": self._grab,
            "expect": self._expect,
            "cancel": lambda message, _arrived_us: self._waited_for.cancel(message),
            "refused": self._refused,
        }

    @property
    def is_engaged(self) -> bool:
        """Whether the host uses this session: it is shown what happens, or waits for something to happen."""
        return self._watching or bool(self._waited_for)

    def become(self, identity: Identity) -> bool:
        """Be this guest from the next hello on. Returns whether its token is another one."""
        is_new = identity.token != self._identity.token
        self._identity = identity
        return is_new

    def begin_anew(self) -> None:
        """Another host, or the same on another way: nothing is said to it before its hello."""
        self.state = self.SILENT
        self._watching = False
        self._untold = 0
        self._waited_for.forget()
        if self._platform.grabbed:
            self._platform.grab(False)

    # from the host

    def receive(self, line: bytes | None, arrived_us: int) -> None:
        """Answer one line (None: one that was too long). Nothing in it can do harm."""
        if line is None:
            self._error("the line is longer than 10 MiB and was refused", None)
            return
        if not line.strip():
            return
        try:
            message = parse(line.decode("utf-8"))
        except ValueError:
            self._skipped += 1
            return
        kind = message.get("type") if isinstance(message, dict) else None
        if not isinstance(message, dict) or not isinstance(kind, str):
            self._error("a message is an object with a type", None)
            return
        answer = self._answers.get(kind)
        if answer is None:
            self._error("unknown type", kind[:100])
            return
        try:
            answer(message, arrived_us)
        except ValueError as error:
            self._error(str(error), kind, message)
        except Exception as error:  # a fault of ours: the host must hear of it, and the other requests must go on
            self._error(f"{type(error).__name__} in the agent: {error}", kind, message)

    def host_left(self) -> None:
        """The host closed the port: what is queued will never be read, and the guest's input is everybody's again."""
        if self._platform.grabbed:
            self._platform.grab(False)
        for line in self._links.clear():
            if line.startswith(_BATCH):
                self._drop()

    # from the kernel

    def observe(self, events: list[Event]) -> None:
        """Send a batch of events, and answer the expectations they fulfil."""
        if not events:
            return
        if self._watching:
            if self._has_room():
                text = ",".join(["[%d,%d,%d,%d,%d]" % event for event in events])
                self._send(
                    b'%b,"seq":%d,"events":[%b],"sent_us":%d}\n' % (_BATCH, self._take_seq(), text.encode(), now_us())
                )
            else:
                self._drop()
        self._waited_for.observe(events)

    def overrun(self, device: int, held: list[int]) -> None:
        """The kernel dropped events of a device, which is in step again with these codes down."""
        if self._watching:
            if self._has_room():
                self._say_overrun(device, held, 0)
            else:
                self._drop()

    def devices_changed(self, added: list[int], removed: list[int]) -> None:
        """Devices came or went; the host is told at the end of the turn."""
        self._added += added
        self._removed += removed

    # in time

    def deadline_us(self) -> int | None:
        """When `tend` is due at the latest."""
        return self._waited_for.deadline_us()

    def tend(self) -> None:
        """See to what isn't an answer: hot-plug news, overruns that can be told now, expectations whose time is up."""
        if self._added or self._removed:
            self._say_devices()
        if self._untold and self._links.present and self._links.queued < QUEUE_LIMIT // 2:
            dropped, self._untold = self._untold, 0
            held = {code for _, code in input_state.held(self._devices())}
            self._say_overrun(None, sorted(held), dropped)
        self._waited_for.tend()

    def bye(self, reason: str) -> None:
        if self.state == self.OPEN:
            self._say({"type": "bye", "reason": reason})

    # answers

    def _hello(self, message: dict[str, object], _arrived_us: int) -> None:
        nonce = message.get("nonce")
        if not isinstance(nonce, str) or len(nonce) > MAX_NAME:
            raise ValueError(f"hello needs a nonce, a string of at most {MAX_NAME} characters")
        self._links.greeted()
        self._links.clear()
        self._links.cut()
        self.state = self.OPEN
        self._watching = message.get("watch", True) is True
        self._untold = 0
        self._added = []
        self._removed = []
        self._waited_for.forget()
        self._platform.grab(False)
        if self._watching and self._grab_when_watching:
            try:
                self._platform.grab(True)
            except (OSError, ValueError):
                pass  # `grabbed` tells, and a `grab` gets the reason
        identity = self._identity
        self._say(
            {
                "type": "hello",
                "nonce": nonce,
                "protocol": PROTOCOL,
                "agent": "atp-guest-agent",
                "version": __version__,
                "vm_id": identity.vm_id,
                "vm_id_source": identity.vm_id_source,
                "boot_id": identity.boot_id,
                "token": identity.token,
                "capabilities": [*CAPABILITIES, *self._platform.capabilities],
                "grabbed": self._platform.grabbed,
                "devices": [device.message() for device in self._devices()],
                "next_seq": self._next_seq,
                "monotonic_us": now_us(),
                "realtime_us": realtime_us(),
            }
        )

    def _refused(self, message: dict[str, object], _arrived_us: int) -> None:
        self._links.refused(str(message.get("reason"))[:100])

    def _ping(self, message: dict[str, object], arrived_us: int) -> None:
        number = _id(message)
        self._platform.catch_up()
        self._say(
            {
                "type": "pong",
                "id": number,
                "received_us": arrived_us,
                "sent_us": now_us(),
                "realtime_us": realtime_us(),
            }
        )

    def _watch(self, message: dict[str, object], _arrived_us: int) -> None:
        enabled = message.get("enabled")
        if not isinstance(enabled, bool):
            raise ValueError("watch needs enabled, true or false")
        self._platform.catch_up()  # as it was watched when that came
        self._watching = enabled
        self.state = self.OPEN
        self._say({"type": "watching", "enabled": enabled, "next_seq": self._next_seq})

    def _state(self, message: dict[str, object], _arrived_us: int) -> None:
        devices = self._devices()
        answer: dict[str, object] = {
            "type": "state",
            "id": _id(message),
            "held": input_state.held(devices),
            "absolute": input_state.absolute(devices),
            "leds": input_state.leds(devices),
            "skipped": self._skipped,
        }
        if message.get("grabs") is True:
            taken = self._platform.taken_by_others()
            if taken is not None:
                answer["taken"] = list(taken)
                answer["openers"] = [
                    [number, process, name] for number, programs in taken.items() for process, name in programs
                ]
        # The system changes its picture before it hands on the event: what the picture knows of mustn't come behind it.
        self._platform.catch_up()
        answer["dropped"] = self._dropped
        self._say(answer)

    def _expect(self, message: dict[str, object], arrived_us: int) -> None:
        self._platform.catch_up()  # what came before it isn't what it waits for
        self._waited_for.expect(message, arrived_us)

    def _grab(self, message: dict[str, object], _arrived_us: int) -> None:
        enabled = message.get("enabled")
        if not isinstance(enabled, bool):
            raise ValueError("grab needs enabled, true or false")
        try:
            self._platform.grab(enabled)
        except OSError as error:
            raise ValueError(str(error)) from None
        self._say({"type": "grabbing", "enabled": enabled})

    # to the host

    def _say(self, message: dict[str, object]) -> None:
        self._send(dump(message).encode("ascii") + b"\n")

    def _send(self, line: bytes) -> None:
        if self._links.present:
            self._links.put(line)

    def _error(self, text: str, about: str | None, message: dict[str, object] | None = None) -> None:
        answer: dict[str, object] = {"type": "error", "message": text, "about": about}
        for name in ("id", "event_id"):  # so that the host knows which of its requests it was
            value = None if message is None else message.get(name)
            if isinstance(value, int) or (isinstance(value, str) and len(value) <= MAX_NAME):
                answer[name] = value
        self._say(answer)

    def _say_devices(self) -> None:
        if self.state == self.SILENT:  # hello will tell
            self._added, self._removed = [], []
        elif self._links.present:
            devices = [device.message() for device in self._devices()]
            added, self._added = self._added, []
            removed, self._removed = self._removed, []
            seq = self._take_seq()
            self._say({"type": "devices", "seq": seq, "devices": devices, "added": added, "removed": removed})

    def _say_overrun(self, device: int | None, held: list[int], dropped: int) -> None:
        seq = self._take_seq()
        self._say(
            {"type": "overrun", "seq": seq, "device": device, "held": held, "dropped": dropped, "time_us": now_us()}
        )

    def _has_room(self) -> bool:
        """Whether a batch can be queued. After one was dropped none is, until an overrun has said so: no silent gaps."""
        return not self._untold and self._links.present and self._links.queued < QUEUE_LIMIT

    def _drop(self) -> None:
        self._dropped += 1
        self._untold += 1

    def _take_seq(self) -> int:
        seq = self._next_seq
        self._next_seq += 1
        return seq


def _id(message: dict[str, object]) -> int:
    number = message.get("id")
    if not isinstance(number, int) or isinstance(number, bool):
        raise ValueError("this message needs an id, an integer")
    return number
