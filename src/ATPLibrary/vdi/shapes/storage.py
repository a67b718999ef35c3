"""Storage pools, their volumes, and the images that lie in them."""

from __future__ import annotations

from pydantic import Field

from ATPLibrary.vdi.shapes.base import Request, VendorModel


class StoragePool(VendorModel):
    """`StoragePoolVO`: where disks or images lie.

    `pool_type` is the kind ("dir", "nfs", "lvm", "gluster", "gfs"). `is_iso` 1 holds images, `is_share` 1 is seen by several
    hosts. `nfs_ip` and `nfs_path`, or `source_host_name` and `source_name`, are where it comes from; `path` where it is mounted.
    """

    id: str
    name: str
    pool_type: str | None = None
    status: int | None = None
    path: str | None = None
    is_iso: int | None = None
    is_share: int | None = None
    nfs_ip: str | None = None
    nfs_path: str | None = None
    source_host_name: str | None = None
    source_name: str | None = None
    host_id: str | None = None
    host_name: str | None = None
    host_status: int | None = None
    ip: str | None = None
    pool_id: str | None = None
    pool_name: str | None = None
    vmc_id: str | None = None
    remark: str | None = None


class StoragePoolDetail(StoragePool):
    """`StoragePoolDetailVO`: with what is used: `allocation` really (text), `volumes_used` by its volumes."""

    allocation: str | None = None
    volumes_used: int | None = Field(default=None, alias="volumeUsed")


class StoragePoolFilter(Request):
    """The filters of `GET /storage-pool`. `is_iso` is 0 or 1; `not_bound` 1 asks for those of no resource pool."""

    keyword: str | None = None
    is_iso: int | None = None
    pool_id: str | None = None
    not_bound: int | None = Field(default=None, serialization_alias="unbindPoolFlag")
    vmc_id: str | None = None


class AllStoragePoolsFilter(Request):
    """The filters of `GET /storage-pool/all`. With `is_iso` 1 the platform leaves out what it can't reach itself."""

    keyword: str | None = None
    is_iso: int | None = None
    pool_id: str | None = None
    vmc_id: str | None = None


class Space(VendorModel):
    """`StoragePoolSpaceVO`: how much there is, is taken and is left; the vendor's document names no unit."""

    capacity: int | None = None
    allocation: int | None = None
    available: int | None = None


class Gluster(VendorModel):
    """`StoragePoolGlusterVO`: libvirt's description of the pool, and its state."""

    xml: str | None = Field(default=None, alias="pool")
    status: int | None = None


class NewStoragePool(Request):
    """What every kind of new storage pool needs: a name and a data centre."""

    name: str
    vmc_id: str


class NewDirPool(NewStoragePool):
    """`DirStoragePoolCreateDto`: a folder of one host; `is_iso` 1 is for images."""

    host_id: str
    path: str
    is_iso: int = 0


class NewNfsPool(NewStoragePool):
    """`StoragePoolNfsCreateDto`: `nfs_path` of the server at `nfs_ip`, mounted at `path` of every host."""

    nfs_ip: str
    nfs_path: str
    path: str
    is_iso: int = 0


class NewGfsPool(NewStoragePool):
    """`StoragePoolGfsCreateDto`: a GFS that is mounted at `path`."""

    path: str
    is_iso: int = 0


class NewGlusterPool(NewStoragePool):
    """`StoragePoolGlusterCreateDto`: the volume `source_name` of the server `source_host_name`, mounted at `path`."""

    source_host_name: str
    source_name: str
    path: str
    is_iso: int = 0


class NewLvmPool(NewStoragePool):
    """`StoragePoolLvmCreateDto`: the volume group `source_name` of one host. The vendor wants an `nfs_path` here too."""

    host_id: str
    source_name: str
    nfs_path: str


class VolumeGroupQuery(Request):
    """The query of `GET /storage-pool/lvm-vg`."""

    host_id: str


class RenamePool(Request):
    """`StoragePoolRenameDto`."""

    new_name: str


class BindPool(Request):
    """`StoragePoolBindPoolDto`: the resource pool that the storage pool is for."""

    pool_id: str


class Iso(VendorModel):
    """`IsoStoragePoolVolumeVO`: an image in a storage pool; `capacity` is its size, as text."""

    name: str
    path: str | None = None
    capacity: str | None = None


class DeleteIsoFile(Request):
    """`StoragePoolDeleteIsoDto`: the image at `path` of that pool."""

    path: str
    storage_pool_id: str


class MountIso(Request):
    """`InstallIsoDto`: the image goes into the drives of these VMs."""

    vm_ids: list[str] = Field(serialization_alias="domainIdList")
    iso_path: str
    storage_pool_id: str


class UnmountIso(MountIso):
    """`UninstallIsoDto`: it is taken out; `del_tag` 1 takes the drives away too."""

    del_tag: int = 0


class IsoVmsFilter(Request):
    """The query of `GET /iso/mount-domain`: VMs that the image may go into (`type` 1), or be taken out of (0)."""

    storage_pool_id: str
    type: int
    iso_path: str | None = None
    os_type: str | None = None


class Volume(VendorModel):
    """`PoolVolumeVO`: a storage volume; `size` is its capacity (GB). `is_start_disk` and `is_model` are 0 or 1."""

    id: str
    name: str | None = None
    size: int | None = None
    bus_type: str | None = None
    is_start_disk: int | None = None
    is_model: int | None = None
    vm_id: str | None = Field(default=None, alias="domainId")
    vm_name: str | None = Field(default=None, alias="domainName")
    domains: str | None = None
    pool_path: str | None = None
    storage_pool_id: str | None = None


class VolumeFilter(Request):
    """The filters of `GET /storage-volume`. `is_free` 1: of no VM; `snapshot_free` 1: of no snapshot."""

    keyword: str | None = None
    storage_pool_id: str | None = None
    pool_id: str | None = None
    is_start_disk: int | None = None
    is_free: int | None = None
    snapshot_free: int | None = None


class NewVolume(Request):
    """`StorageVolumeCreateDto`: `size` in GB; `bus_type` is what a VM will see it on."""

    name: str
    size: int
    storage_pool_id: str
    bus_type: str


class CreatedVolume(VendorModel):
    """`StorageVolumeCreateVO`."""

    id: str
