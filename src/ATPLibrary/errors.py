"""The one family of errors. Each message is a sentence that says what was wanted, what was got, and the next step."""

from __future__ import annotations

from typing import Any, Self


class ATPError(Exception):
    """Anything that ATPLibrary reports. The text is all that a tester reads: it must be enough."""

    # Robot Framework puts the class name before the message unless this is set.
    ROBOT_SUPPRESS_NAME = True

    @classmethod
    def about(
        cls,
        subject: str,
        *,
        wanted: str = "",
        got: str = "",
        waited: float | None = None,
        last_seen: str = "",
        next_step: str = "",
        **fields: Any,
    ) -> Self:
        """Build the sentence: "SUBJECT should WANTED within WAITED s but GOT. Last seen: LAST_SEEN. NEXT_STEP."

        `subject` starts the sentence ("VM 'win11'"), `wanted` follows "should" ("be running"), `got` follows "but" ("was paused").
        `waited` is in seconds. `fields` go to the class's constructor.
        """
        sentence = subject
        if wanted:
            sentence += f" should {wanted}"
            if waited is not None:
                sentence += f" within {_in_seconds(waited)} s"
        if got:
            sentence += f" but {got}" if wanted else f" {got}"
        parts = [sentence]
        if last_seen:
            parts.append(f"Last seen: {last_seen}")
        if next_step:
            parts.append(next_step[0].upper() + next_step[1:])
        message = " ".join(part if part.endswith((".", "!", "?", "。")) else part + "." for part in parts)
        return cls(message, **fields)


def _in_seconds(waited: float) -> str:
    """As it was asked for: what is left of 3 s after the first steps still reads "3"."""
    return f"{round(waited, 1):g}" if waited >= 1 else f"{waited:.2g}"


class ConfigError(ATPError):
    """The configuration can't be read or says something that can't be."""


class HostError(ATPError):
    """A host can't be reached, or its libvirt refused."""


class VmNotFoundError(ATPError):
    """No VM of that name or UUID."""


class VmStateError(ATPError):
    """The VM's state doesn't allow what was asked."""


class ChannelError(ATPError):
    """A channel to a VM (QMP, QGA, virtio-serial) can't be opened, or ended."""


class ChannelBusyError(ChannelError):
    """Other clients of a channel's socket wait in line already: its QEMU serves another one, or has stopped answering."""


class CommandError(ATPError):
    """The other side understood a command and refused it."""

    def __init__(self, message: str, name: str = "", error_class: str = "", description: str = "") -> None:
        super().__init__(message)
        self.name = name
        self.error_class = error_class
        self.description = description


class DeadlineError(ATPError, TimeoutError):
    """An answer or event didn't come in time."""


class InputError(ATPError):
    """A key, text or position that can't be sent as it stands."""


class AgentError(ATPError):
    """The agent in the guest doesn't answer, or says what it mustn't."""


class AgentAbsentError(AgentError):
    """QEMU's guest agent isn't connected to its channel: the command was given to nobody."""


class VerificationError(ATPError, AssertionError):
    """What arrived in the guest isn't what was sent."""


class PlatformError(ATPError):
    """The VDI platform refused or failed. `status` and `vendor_message` are the platform's own words.

    `http_status` is that of an answer that wasn't 200. `was_repeated`: what is refused was sent a second time, since the first
    answer was lost: it may have been done then.
    """

    def __init__(
        self, message: str, status: int | None = None, vendor_message: str = "", http_status: int | None = None
    ) -> None:
        super().__init__(message)
        self.status = status
        self.vendor_message = vendor_message
        self.http_status = http_status
        self.was_repeated = False

    @property
    def is_passing(self) -> bool:
        """Whether the platform, or the proxy before it, was only busy: whoever waits may ask again."""
        return self.http_status in (502, 503, 504)


class LabError(ATPError):
    """The lab on this machine can't be built, started or stopped."""
