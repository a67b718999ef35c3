"""The components with which a library speaks to a VDI platform."""

from __future__ import annotations

from ATPLibrary.keywords.component import Component
from ATPLibrary.keywords.platform.agreement import AgreementKeywords
from ATPLibrary.keywords.platform.alarms import AlarmKeywords
from ATPLibrary.keywords.platform.class_rooms import ClassRoomKeywords
from ATPLibrary.keywords.platform.connecting import ConnectingKeywords
from ATPLibrary.keywords.platform.created_things import CreatedThingKeywords
from ATPLibrary.keywords.platform.desk_pool_changes import DeskPoolChangeKeywords
from ATPLibrary.keywords.platform.desk_pool_checks import DeskPoolCheckKeywords
from ATPLibrary.keywords.platform.desk_pools import DeskPoolKeywords
from ATPLibrary.keywords.platform.desktop_changing import DesktopChangingKeywords
from ATPLibrary.keywords.platform.desktop_consoles import DesktopConsoleKeywords
from ATPLibrary.keywords.platform.desktop_disk_getters import DesktopDiskGetterKeywords
from ATPLibrary.keywords.platform.desktop_disks import DesktopDiskKeywords
from ATPLibrary.keywords.platform.desktop_drives import DesktopDriveKeywords
from ATPLibrary.keywords.platform.desktop_from_disks import DesktopFromDisksKeywords
from ATPLibrary.keywords.platform.desktop_inside import DesktopInsideKeywords
from ATPLibrary.keywords.platform.desktop_lists import DesktopListKeywords
from ATPLibrary.keywords.platform.desktop_making import DesktopMakingKeywords
from ATPLibrary.keywords.platform.desktop_networks import DesktopNetworkKeywords
from ATPLibrary.keywords.platform.desktop_power import DesktopPowerKeywords
from ATPLibrary.keywords.platform.desktop_recycling import DesktopRecyclingKeywords
from ATPLibrary.keywords.platform.desktop_serial_ports import DesktopSerialPortKeywords
from ATPLibrary.keywords.platform.desktop_snapshots import DesktopSnapshotKeywords
from ATPLibrary.keywords.platform.desktops import DesktopKeywords
from ATPLibrary.keywords.platform.events import PlatformEventKeywords
from ATPLibrary.keywords.platform.free_calls import FreeCallKeywords
from ATPLibrary.keywords.platform.host_closing import PlatformHostClosingKeywords
from ATPLibrary.keywords.platform.host_orders import PlatformHostOrderKeywords
from ATPLibrary.keywords.platform.hosts import PlatformHostKeywords
from ATPLibrary.keywords.platform.iso_files import IsoFileKeywords
from ATPLibrary.keywords.platform.logs import PlatformLogKeywords
from ATPLibrary.keywords.platform.model_upgrades import ModelUpgradeKeywords
from ATPLibrary.keywords.platform.models import ModelKeywords
from ATPLibrary.keywords.platform.panel import PanelKeywords
from ATPLibrary.keywords.platform.pool_desktops import PoolDesktopKeywords
from ATPLibrary.keywords.platform.resource_pools import ResourcePoolKeywords
from ATPLibrary.keywords.platform.session import PlatformKeywords
from ATPLibrary.keywords.platform.storage_making import StorageMakingKeywords
from ATPLibrary.keywords.platform.storage_pools import StoragePoolKeywords
from ATPLibrary.keywords.platform.storage_volumes import StorageVolumeKeywords
from ATPLibrary.keywords.platform.terminal_groups import TerminalGroupKeywords
from ATPLibrary.keywords.platform.terminals import TerminalKeywords
from ATPLibrary.keywords.platform.usb import UsbKeywords
from ATPLibrary.keywords.platform.user_desktops import UserDesktopKeywords
from ATPLibrary.keywords.platform.user_groups import UserGroupKeywords
from ATPLibrary.keywords.platform.user_policies import UserPolicyKeywords
from ATPLibrary.keywords.platform.user_sheets import UserSheetKeywords
from ATPLibrary.keywords.platform.users import UserKeywords

PLATFORM_COMPONENTS: tuple[type[Component], ...] = (
    PlatformKeywords,
    DeskPoolKeywords,
    DeskPoolChangeKeywords,
    DeskPoolCheckKeywords,
    PoolDesktopKeywords,
    ClassRoomKeywords,
    ModelKeywords,
    ModelUpgradeKeywords,
    ResourcePoolKeywords,
    DesktopKeywords,
    DesktopListKeywords,
    DesktopMakingKeywords,
    DesktopFromDisksKeywords,
    DesktopPowerKeywords,
    DesktopChangingKeywords,
    DesktopRecyclingKeywords,
    DesktopInsideKeywords,
    CreatedThingKeywords,
    FreeCallKeywords,
    ConnectingKeywords,
    AgreementKeywords,
    DesktopConsoleKeywords,
    DesktopDiskKeywords,
    DesktopDiskGetterKeywords,
    DesktopDriveKeywords,
    DesktopNetworkKeywords,
    DesktopSerialPortKeywords,
    DesktopSnapshotKeywords,
    UserDesktopKeywords,
    UserGroupKeywords,
    UserPolicyKeywords,
    UserSheetKeywords,
    UserKeywords,
    PlatformHostKeywords,
    PlatformHostOrderKeywords,
    PlatformHostClosingKeywords,
    StoragePoolKeywords,
    StorageMakingKeywords,
    StorageVolumeKeywords,
    IsoFileKeywords,
    PlatformEventKeywords,
    AlarmKeywords,
    PanelKeywords,
    TerminalKeywords,
    TerminalGroupKeywords,
    UsbKeywords,
    PlatformLogKeywords,
)
