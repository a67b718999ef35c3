"""Storage pools, which are directories on the hosts, and the volumes (disks that are made apart from VMs) and ISO files in them."""

from __future__ import annotations

import os
import uuid
from pathlib import Path

from ATPLibrary.lab.platform import files
from ATPLibrary.lab.platform.codes import Refusal
from ATPLibrary.lab.platform.hosts import DATA_CENTRE, Hosts
from ATPLibrary.lab.platform.machines import Machines
from ATPLibrary.lab.platform.records import Record
from ATPLibrary.lab.platform.shapes.storage import IsoStoragePoolVolumeVO, StoragePoolVO
from ATPLibrary.lab.platform.store import Store

# What a disk can be attached to. Only the first two can come and go while the VM runs.
BUSES = ("virtio", "usb", "ide")
RUNNING, STOPPED = 1, 0


class Storage:
    def __init__(self, store: Store, machines: Machines, hosts: Hosts) -> None:
        self._store = store
        self._records = store.records
        self._machines = machines
        self._hosts = hosts

    def prepare(self) -> None:
        """What a new database has: on each host a pool for disks and one for ISO files."""
        for host in self._machines.hosts:
            for name, iso in (("data", False), ("iso", True)):
                id, path = str(uuid.uuid5(uuid.UUID(host.id), name)), host.directory / name
                if self._records.get("storage", id) is None:
                    pool = self._hosts.settings(host.id).get("pool", "")
                    title = f"{host.name}-{name}"
                    self._records.add("storage", id, name=title, host=host.id, path=str(path), iso=iso, pool=pool)
                files.make_directory(path)

    # -- pools

    def all(self) -> list[Record]:
        return self._records.all("storage")

    def get(self, pool_id: str) -> Record:
        pool = self._records.get("storage", pool_id)
        if pool is None:
            raise Refusal(f"存储池不存在: {pool_id} (no such storage pool)")
        return pool

    def add(self, name: str, host_id: str, path: str, iso: bool) -> None:
        """A directory below the host's own: the lab writes nowhere else."""
        host = self._hosts.get(host_id)
        self.check_name(name)
        directory = Path(os.path.normpath(path))
        if "\0" in path or directory == host.directory / "vm" or host.directory not in directory.parents:
            raise Refusal(
                f"路径必须在主机目录下: {host.directory}/<名称> (the path must be in the host's directory: {host.directory})"
            )
        if len(bytes(directory)) > 200 or any(pool["path"] == str(directory) for pool in self.all()):
            raise Refusal("路径过长或已被使用 (the path is too long, or another pool's)")
        files.make_directory(directory)
        pool = self._hosts.settings(host_id).get("pool", "")
        self._records.add(
            "storage", str(uuid.uuid4()), name=name, host=host_id, path=str(directory), iso=iso, pool=pool
        )

    def remove(self, pool_id: str) -> None:
        pool = self.get(pool_id)
        if any(volume["storage"] == pool_id for volume in self.volumes()) or self.isos(pool_id):
            raise Refusal(f"存储池不为空: {pool['name']} (the storage pool isn't empty: delete what is in it first)")
        self._records.remove("storage", pool_id)
        directory = Path(pool["path"])
        if directory.is_dir():
            directory.rmdir()

    def change(self, pool_id: str, **values: object) -> None:
        self._records.change("storage", self.get(pool_id)["id"], **values)

    def check_name(self, name: str) -> None:
        if any(pool["name"] == name for pool in self.all()):
            raise Refusal(f"存储池名称已存在: {name} (a storage pool of this name exists)")

    def shown(self, pool: Record) -> StoragePoolVO:
        host = self._machines.host(pool["host"])
        resource = self._records.get("pool", pool["pool"])
        return {
            "id": pool["id"],
            "name": pool["name"],
            "hostId": host.id,
            "hostName": host.name,
            "hostStatus": int(self._hosts.settings(host.id).get("status", 1)),
            "ip": host.ip,
            "isIso": int(pool["iso"]),
            "isShare": 0,
            "path": pool["path"],
            "poolId": pool["pool"],
            "poolName": resource["name"] if resource else "",
            "poolType": "dir",
            "status": RUNNING if Path(pool["path"]).is_dir() else STOPPED,
            "vmcId": DATA_CENTRE,
        }

    def space(self, pool: Record) -> dict[str, int]:
        """Of the file system that it is in, in bytes."""
        try:
            known = os.statvfs(pool["path"])
        except OSError as error:
            raise Refusal(f"存储池不可用: {pool['name']} (its directory can't be read: {error.strerror})") from error
        capacity, available = known.f_blocks * known.f_frsize, known.f_bavail * known.f_frsize
        return {"capacity": capacity, "available": available, "allocation": capacity - available}

    # -- volumes

    def volumes(self) -> list[Record]:
        return self._records.all("volume")

    def volume(self, volume_id: str) -> Record:
        volume = self._records.get("volume", volume_id)
        if volume is None:
            raise Refusal(f"存储卷不存在: {volume_id} (no such volume)")
        return volume

    async def create(self, pool_id: str, name: str, gib: int, bus: str) -> str:
        """Make an empty disk that no VM has yet; returns its id."""
        pool = self.get(pool_id)
        self._check_new_volume(pool, name, bus)
        id = str(uuid.uuid4())
        path = Path(pool["path"]) / f"{id}.qcow2"
        self._records.add(
            "volume", id, name=name, storage=pool_id, host=pool["host"], path=str(path), size=gib, bus=bus, vm=""
        )
        try:
            await self._machines.files(f"Volume '{name}'", files.blank, path, gib)
        except BaseException:
            self._records.remove("volume", id)
            raise
        return id

    async def adopt(self, pool_id: str, name: str, filename: str, bus: str) -> str:
        """Make a volume of a qcow2 file that lies in the pool; returns its id."""
        pool = self.get(pool_id)
        path = Path(pool["path"]) / filename
        self._check_new_volume(pool, name, bus)
        if filename in ("", ".", "..") or "\0" in filename or path.name != filename:
            raise Refusal(f"文件名错误: {filename} (the name of a file in the storage pool, without a path)")
        if any(volume["path"] == str(path) for volume in self.volumes()):
            raise Refusal(f"文件已是存储卷: {filename} (a volume has this file already)")
        gib = await self._machines.files(f"File '{filename}'", files.adopt, path)
        self._check_new_volume(pool, name, bus)  # since then another may have come
        id = str(uuid.uuid4())
        self._records.add(
            "volume", id, name=name, storage=pool_id, host=pool["host"], path=str(path), size=gib, bus=bus, vm=""
        )
        return id

    def _check_new_volume(self, pool: Record, name: str, bus: str) -> None:
        if pool["iso"]:
            raise Refusal(f"镜像存储池不能创建存储卷: {pool['name']} (this pool is for ISO files)")
        if bus not in BUSES:
            raise Refusal(f"不支持的总线类型: {bus} (the lab's buses are {', '.join(BUSES)})")
        if any(volume["name"] == name and volume["storage"] == pool["id"] for volume in self.volumes()):
            raise Refusal(f"存储卷名称已存在: {name} (the pool has a volume of this name)")

    def forget_volume(self, volume_id: str) -> None:
        """Its file is the tester's own again."""
        self._records.remove("volume", volume_id)

    def change_volume(self, volume_id: str, **values: object) -> None:
        self._records.change("volume", volume_id, **values)

    def delete_volume(self, volume_id: str) -> None:
        volume = self.volume(volume_id)
        if volume["vm"]:
            raise Refusal(f"存储卷正在使用: {volume['name']} (a VM has the volume: unmount it first)")
        Path(volume["path"]).unlink(missing_ok=True)
        self._records.remove("volume", volume_id)

    # -- ISO files: what lies in the directory

    def isos(self, pool_id: str) -> list[IsoStoragePoolVolumeVO]:
        pool = self.get(pool_id)
        directory = Path(pool["path"])
        if not pool["iso"] or not directory.is_dir():
            return []
        found = sorted(path for path in directory.iterdir() if path.suffix.lower() == ".iso" and path.is_file())
        return [{"name": path.name, "path": str(path), "capacity": str(path.stat().st_size)} for path in found]

    def iso(self, pool_id: str, path: str) -> Path:
        """An ISO file of the pool, by its path or its name."""
        for iso in self.isos(pool_id):
            if path in (iso["path"], iso["name"]):
                return Path(iso["path"])
        raise Refusal(f"镜像不存在: {path} (the storage pool has no such ISO file)")
