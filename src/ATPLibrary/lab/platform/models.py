"""Models: what VMs are cloned from. Three come with the lab (its guest image, with three keyboards); others were VMs once.

A model isn't in libvirt: it has a disk that VMs stand on, and never runs. What it was as a VM is kept: it can be one again.
"""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field
from typing import Any

from ATPLibrary.lab import machine
from ATPLibrary.lab.platform.answers import MODEL_IDS
from ATPLibrary.lab.platform.codes import Refusal
from ATPLibrary.lab.platform.hosts import Hosts
from ATPLibrary.lab.platform.store import Store
from ATPLibrary.lab.settings import LabHostSettings


@dataclass(frozen=True)
class Model:
    """`disks` is the path of its disk by the id of each host that has it; one without any stands on the lab's image, everywhere.

    `upgrade` is the id of the VM in which its next version is being made, "" for none. `vm` and `xml` are what it was as a VM.
    """

    id: str
    name: str
    keyboard: str
    created: float
    cpu: int = 1
    memory_mib: int = machine.MEMORY_MIB
    disks: dict[str, str] = field(default_factory=dict)
    upgrade: str = ""
    remark: str = ""
    old: list[str] = field(default_factory=list)
    vm: dict[str, Any] = field(default_factory=dict)
    xml: str = ""

    @property
    def comes_with_the_lab(self) -> bool:
        return not self.vm


class Models:
    def __init__(self, store: Store, hosts: Hosts) -> None:
        self._store = store
        self._records = store.records
        self._hosts = hosts

    def prepare(self) -> None:
        """What a new database has: the models that come with the lab."""
        for name, keyboard in machine.MODELS.items():
            if self._records.get("model", MODEL_IDS[name]) is None:
                self._records.add(
                    "model", MODEL_IDS[name], name=name, keyboard=keyboard, remark=f"键盘 (keyboard): {keyboard}"
                )

    def all(self) -> list[Model]:
        return [Model(**record) for record in self._records.all("model")]

    def find(self, model_id: str) -> Model | None:
        record = self._records.get("model", model_id)
        return None if record is None else Model(**record)

    def get(self, model_id: str | None) -> Model:
        model = self.find(model_id or "")
        if model is None:
            raise Refusal(f"模板不存在: {model_id or '未指定'} (no such model)")
        return model

    def add(self, model: Model) -> None:
        values = {name: value for name, value in vars(model).items() if name not in ("id", "created")}
        self._records.add("model", model.id, **values)

    def change(self, model_id: str, **values: Any) -> None:
        self._records.change("model", model_id, **values)

    def remove(self, model_id: str) -> None:
        self._records.remove("model", model_id)

    def child_counts(self) -> Counter[str]:
        """How many stand on each model, by its id: VMs, those in the recycle bin too, and models that were its clones."""
        return Counter(model_id for model_id, _ in self._children())

    def children(self, model_id: str) -> list[str]:
        """The names of those that stand on it."""
        return [name for mother, name in self._children() if mother == model_id]

    def _children(self) -> list[tuple[str, str]]:
        clones = [(vm.model, vm.name) for vm in self._store.vms() if vm.kind in ("linked", "upgrade")]
        return clones + [(each.vm["model"], each.name) for each in self.all() if each.vm.get("kind") == "linked"]

    def places(self, model: Model) -> list[LabHostSettings]:
        """The hosts where clones of it may be made now. A refusal where there is none."""
        hosts = [host for host in self._hosts.enabled() if not model.disks or host.id in model.disks]
        if not hosts:
            raise Refusal(
                f"没有可用的主机 (no enabled host has model '{model.name}'; enable one, or sync the model to one)"
            )
        return hosts
