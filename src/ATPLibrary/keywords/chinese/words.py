"""The words that Chinese names are made of, and what is written the same in both languages.

One meaning has one word. The terms are the vendor's where the vendor has one.
"""

from __future__ import annotations

# English terms in keywords' names, and the Chinese that must then be in the name. A test holds the tables to it.
TERMS: dict[str, str] = {
    "Desk Pool": "桌面池",
    "Desktop": "桌面",
    "Desktops": "桌面",
    "VM": "虚拟机",
    "VMs": "虚拟机",
    "Model": "模板",
    "Models": "模板",
    "Host": "主机",
    "Hosts": "主机",
    "Platform": "平台",
    "Snapshot": "快照",
    "Snapshots": "快照",
    "Guest Agent": "客户机代理",
    "Guest": "客户机",
    "Verifier": "验证器",
    "Screen": "屏幕",
    "Channel": "通道",
    "Channels": "通道",
    "Protocol": "协议",
    "Protocols": "协议",
    "Codec": "编解码器",
    "Storage Pool": "存储池",
    "Storage Pools": "存储池",
    "Resource Pool": "资源池",
    "Resource Pools": "资源池",
    "Terminal": "终端",
    "Terminals": "终端",
    "Restore Point": "还原点",
    "Terminal Group": "终端分组",
    "Terminal Groups": "终端分组",
    "Network Cards": "网卡",
    "Recycle Bin": "回收站",
    "User Group": "组织单位",
    "User Groups": "组织单位",
    "User": "用户",
    "Users": "用户",
    "Network Card": "网卡",
    "Disk": "磁盘",
    "Disks": "磁盘",
    "Serial Port": "串口",
    "Alarm": "告警",
    "Alarms": "告警",
    "Event": "事件",
    "Events": "事件",
    "File": "文件",
    "Command": "命令",
    "Should": "应",
    "Wait Until": "等待",
    "Wait For": "等待",
    "Get": "获取",
    "Create": "创建",
    "Delete": "删除",
    "Start": "启动",
    "Enable": "启用",
    "Disable": "禁用",
    "Reboot": "重启",
    "Suspend": "挂起",
    "Resume": "恢复",
    "Mouse": "鼠标",
}

# What Chinese engineers write in Latin letters.
LATIN = frozenset(
    {"QMP", "SPICE", "XML", "CPU", "USB", "ISO", "IP", "MAC", "VNC", "URI", "UUID", "GPU", "VLAN", "DNS", "RTSP"}
)

# Proper names among values.
PROPER_NAMES = frozenset({"qmp", "sh", "cmd", "powershell", "spice", "vnc", "lz", "lz4", "glz", "quic", "opus"})

# As Robot Framework's Chinese has them.
TRUTH: dict[str, bool] = {"是": True, "真": True, "开": True, "否": False, "假": False, "关": False}


def truth(value: bool) -> str:
    return "是" if value else "否"


def is_same_in_chinese(word: str) -> bool:
    return word in PROPER_NAMES or not any(character.isalpha() for character in word)
