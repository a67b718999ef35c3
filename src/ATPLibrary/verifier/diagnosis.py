"""What bad verdicts mean, and what to do about them: a sentence for each, so that no fault reads like another."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Sequence

from ATPLibrary.verifier.matcher import Verdict
from ATPLibrary.verifier.observation import Missed, ObserverOverrun

_MEANING = {
    Verdict.LOST: "The input timeline shows each edge; a lost edge means that the device's queue or the guest dropped it",
    Verdict.STUCK: "A stuck key is one whose release was lost: it stayed down in the guest until it was let go of, after the input",
    Verdict.DUPLICATED: "A duplicated edge was seen more often than it was sent: see who else types into this VM (its console, "
    "another run), or what between QEMU and the guest doubles",
    Verdict.REORDERED: "A reordered edge arrived, but elsewhere in the order than it was sent: two may be typing at once, or the "
    "device changed their order",
    Verdict.REPEATED: "Repeated is what the guest's own autorepeat made of a key whose release came late: give the guest more CPU, "
    "or a longer repeat delay",
}
_TYPE_AGAIN = "so this proves neither that keys arrived nor that they were lost: type again"
_REMEDY = {
    Missed.KERNEL: "if the agent can't keep up, give the guest more CPU or type less at once",
    Missed.QUEUE: "if the host can't take what the agent says, see what keeps this machine busy",
    Missed.UNREAD: "if this machine can't keep up, type less at once",
    Missed.GAP: "something between the agent and here swallows messages: see the agent's port and its proxies",
    Missed.GARBLED: "something between the agent and here cuts messages, or another program writes to the agent's port",
    Missed.LATE: "something between the agent and here changes the order of messages",
    Missed.UNREADABLE: "an agent that says such things is broken, or none of ours: install the one of this ATPLibrary",
    Missed.STARTED_AGAIN: "the agent's log in the guest says why it ended",
    Missed.REPLACED: "see who else has this VM's token, or put another agent into the guest",
    Missed.AWAY: "the agent's log in the guest says where it has been",
}
# Where both happened, the one that says less: a batch that came late was missing first.
_SAYS_LESS = {Missed.LATE: Missed.GAP}


def reasons(overruns: Sequence[ObserverOverrun]) -> tuple[str, ...]:
    """Why the observer doesn't know everything, each once."""
    return tuple(dict.fromkeys(each.reason for each in _telling(overruns)))


def remedy(overrun: ObserverOverrun) -> str:
    """What helps against what the observer missed."""
    return _REMEDY[overrun.missed]


def advice(verdicts: Collection[Verdict], overruns: Sequence[ObserverOverrun]) -> str:
    """What the verdicts of one input mean together, and the next step."""
    if overruns:
        remedies = dict.fromkeys(_REMEDY[each.missed] for each in _telling(overruns))
        return f"The agent missed something ({'; '.join(reasons(overruns))}), {_TYPE_AGAIN}; {'; '.join(remedies)}"
    # A lost release is told as what became of it.
    said = [verdict for verdict in _MEANING if verdict in verdicts]
    return ". ".join(_MEANING[verdict] for verdict in said)


def _telling(overruns: Sequence[ObserverOverrun]) -> Iterable[ObserverOverrun]:
    less = {_SAYS_LESS.get(each.missed) for each in overruns}
    return [each for each in overruns if each.missed not in less]
