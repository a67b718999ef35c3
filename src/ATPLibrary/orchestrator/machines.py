"""The connected VMs, found at once however many they are: by host and UUID, by name, and by UUID."""

from __future__ import annotations

from collections.abc import Iterator, MutableMapping
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from ATPLibrary.orchestrator.machine import Machine

Key = tuple[str, str]  # host name, UUID


class Machines(MutableMapping[Key, "Machine"]):
    """A mapping from (host name, UUID) to Machine, in the order in which they were connected.

    Names may repeat: one name can mean a VM on each of several hosts. A machine that is renamed must be put in anew.
    """

    def __init__(self) -> None:
        self._by_key: dict[Key, Machine] = {}
        self._called: dict[str, tuple[Machine, ...]] = {}  # by name, and by UUID
        self._only: dict[str, Machine] = {}  # the same, of words that mean one

    def called(self, name_or_uuid: str) -> tuple[Machine, ...]:
        """The machines of that name or UUID."""
        return self._called.get(name_or_uuid, ())

    def only(self, name_or_uuid: str) -> Machine | None:
        """The machine of that name or UUID, where there is one and no other."""
        return self._only.get(name_or_uuid)

    def __getitem__(self, key: Key) -> Machine:
        return self._by_key[key]

    def __setitem__(self, key: Key, machine: Machine) -> None:
        if key in self._by_key:
            del self[key]
        self._by_key[key] = machine
        for word in {machine.name, key[1]}:
            self._call(word, (*self.called(word), machine))

    def __delitem__(self, key: Key) -> None:
        machine = self._by_key.pop(key)
        for word in {machine.name, key[1]}:
            self._call(word, tuple(each for each in self.called(word) if each is not machine))

    def _call(self, word: str, machines: tuple[Machine, ...]) -> None:
        self._called.pop(word, None)
        self._only.pop(word, None)
        if machines:
            self._called[word] = machines
        if len(machines) == 1:
            self._only[word] = machines[0]

    def __iter__(self) -> Iterator[Key]:
        return iter(self._by_key)

    def __len__(self) -> int:
        return len(self._by_key)
