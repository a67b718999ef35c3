"""A VM's disks: attached and detached, enlarged and limited, while it runs or not. What it has is asked of libvirt."""

from __future__ import annotations

import uuid
from dataclasses import dataclass
from pathlib import Path

from ATPLibrary.lab.platform import devices, domain_xml, files, libvirt_calls
from ATPLibrary.lab.platform.answers import iso as iso_time
from ATPLibrary.lab.platform.codes import Refusal, VmStatus
from ATPLibrary.lab.platform.domain_xml import Disk
from ATPLibrary.lab.platform.machines import Machines, VmView
from ATPLibrary.lab.platform.records import Record
from ATPLibrary.lab.platform.shapes.storage import StorageVolumeVO
from ATPLibrary.lab.platform.storage import Storage


@dataclass(frozen=True)
class Attached:
    """A disk of a VM: a volume, or (without one) what it boots from."""

    id: str
    disk: Disk
    volume: Record | None


class Disks:
    def __init__(self, machines: Machines, storage: Storage) -> None:
        self._machines = machines
        self._storage = storage

    async def attached(self, view: VmView) -> list[Attached]:
        """What it has now; what it boots from first."""
        xml = await self._machines.ask(view.row, "tell its XML", lambda domain: str(domain.XMLDesc(0)))
        volumes = {volume["path"]: volume for volume in self._storage.volumes()}
        return [
            Attached(volume["id"] if (volume := volumes.get(disk.file or "")) else boot_id(view.row.id), disk, volume)
            for disk in domain_xml.disks(xml)
            if disk.device == "disk"
        ]

    async def find(self, view: VmView, volume_id: str) -> Attached:
        for attached in await self.attached(view):
            if attached.id == volume_id:
                return attached
        raise Refusal(f"虚机没有该磁盘: {volume_id} (the VM has no such disk)")

    async def shown(self, view: VmView) -> list[StorageVolumeVO]:
        return [await self._shown(view, attached) for attached in await self.attached(view)]

    async def _shown(self, view: VmView, attached: Attached) -> StorageVolumeVO:
        volume, path = attached.volume, Path(attached.disk.file or "")
        answer: StorageVolumeVO = {
            "id": attached.id,
            "name": volume["name"] if volume else f"{view.row.name}-{attached.disk.target}",
            "busType": attached.disk.bus,
            "domainId": view.row.id,
            "filename": path.name,
            "hostId": view.row.host_id,
            "isShare": 0,
            "isStartDisk": int(volume is None),
            "poolType": "dir",
            "poolPath": str(path.parent),
            "volFullPath": str(path),
            "createTime": iso_time(volume["created"] if volume else view.row.created),
        }
        if volume is None:
            size = await self._machines.files(f"The size of VM '{view.row.name}'s disk", files.size, path)
            answer["size"] = -(-size // files.GIB)
        else:
            pool = self._storage.get(volume["storage"])
            answer |= {"size": volume["size"], "storagePoolId": pool["id"], "poolName": pool["name"]}
        limits = attached.disk.limits
        answer |= {
            "readBytesSec": str(limits.get("readBytesSec", 0)),
            "readIopsSec": str(limits.get("readIopsSec", 0)),
            "writeBytesSec": str(limits.get("writeBytesSec", 0)),
            "writeIopsSec": str(limits.get("writeIopsSec", 0)),
        }
        return answer

    # -- what is done to them: the VM is in a state that allows it, and nothing else is done to it meanwhile

    async def add(self, view: VmView, volume: Record) -> None:
        """Attach a volume, at once where the VM runs."""
        if volume["host"] != view.row.host_id:
            raise Refusal(
                f"存储卷 {volume['name']} 不在虚机的主机 {view.host.name} 上 (the volume is on another host than the VM)"
            )
        if self._storage.volume(volume["id"])["vm"]:
            raise Refusal(f"存储卷正在使用: {volume['name']} (another VM has the volume)")
        if volume["bus"] == "ide" and view.status is not VmStatus.SHUT_OFF:
            raise Refusal("IDE 磁盘只能在关机时增加 (an IDE disk can only be added to a VM that is off)")
        xml = await self._machines.ask(view.row, "tell its XML", libvirt_calls.inactive_xml)
        target = domain_xml.free_target(xml, volume["bus"])
        device = domain_xml.disk_xml(Path(volume["path"]), target, volume["bus"], volume["id"].replace("-", ""))
        # First, so that a server killed in the middle doesn't give it to another VM too.
        self._storage.change_volume(volume["id"], vm=view.row.id)
        try:
            await self._machines.change(view.row, "attach a disk", libvirt_calls.attach, device)
        except BaseException:
            self._storage.change_volume(volume["id"], vm="")
            raise

    async def unmount(self, view: VmView, volume_id: str) -> None:
        """Detach a volume; a guest that runs has to let it go. The volume is free then."""
        attached = await self.find(view, volume_id)
        if attached.volume is None:
            raise Refusal("系统盘不能卸载 (what the VM boots from can't be unmounted)")
        await devices.detach(self._machines, view, attached.disk.xml, "a disk")
        self._storage.change_volume(volume_id, vm="")

    async def delete(self, view: VmView, volume_id: str) -> None:
        """Detach a volume and remove it."""
        await self.unmount(view, volume_id)
        self._storage.delete_volume(volume_id)

    async def expand(self, view: VmView, volume_id: str, gib: int) -> None:
        """Make it larger by `gib` GiB. A guest that runs sees it at once."""
        attached = await self.find(view, volume_id)
        path = Path(attached.disk.file or "")
        if attached.volume is None and view.row.freeze:
            raise Refusal("虚机有还原点 (give up the VM's restore point first: its next start would undo it)")
        now = await self._machines.files(f"The size of VM '{view.row.name}'s disk", files.size, path)
        size = now + gib * files.GIB
        if view.status is VmStatus.SHUT_OFF:
            await self._machines.files(f"The disk of VM '{view.row.name}'", files.enlarge, path, size)
        else:
            await self._machines.change(
                view.row, "enlarge its disk", libvirt_calls.resize_live, attached.disk.target, size
            )
        if attached.volume is not None:
            self._storage.change_volume(volume_id, size=attached.volume["size"] + gib)

    async def limit(self, view: VmView, volume_id: str, limits: dict[str, str]) -> None:
        """Set limits by the vendor's names, a number each, "" or "0" for none; those left out stay."""
        attached = await self.find(view, volume_id)
        wanted = attached.disk.limits | {name: int(value or 0) for name, value in limits.items()}
        named = {domain_xml.LIMITS[name]: value for name, value in wanted.items()}
        await self._machines.change(view.row, "limit its disk", libvirt_calls.limit, attached.disk.target, named)


def boot_id(vm_id: str) -> str:
    """The id of what a VM boots from: it is no volume of its own, but the vendor's operations name it by one."""
    return str(uuid.uuid5(uuid.NAMESPACE_URL, f"boot:{vm_id}"))
