"""The platform 平台: sessions, and what it has."""

from __future__ import annotations

from ATPLibrary.keywords.chinese.said import said

_COMPARED = {
    "desktops": "桌面：只比较这些桌面（名称或编号）及其所在的主机",
    "pool": "桌面池：只比较这个桌面池的桌面及其所在的主机",
    "devices": "设备：是否比较磁盘和 MAC 地址；默认在虚拟机不超过 200 台时比较",
    "grace": "宽限：正在进行的变化最多再看多久",
}

KEYWORDS = {
    "Log In To Platform": said(
        "登录平台",
        "登录一个 VDI 平台，此后的平台关键字都指它。被拒绝的登录不改变任何东西。",
        password="密码：默认取配置中的；否则为秘密变量，例如 ``VAR    ${密码: secret}    %{环境变量}``，明文会被拒绝",
    ),
    "Log Out Of Platform": said("退出平台", "结束与最后登录的平台的会话；没有登录时什么也不做。"),
    "Get Platform Hosts": said("获取平台主机列表", "返回平台所管理的主机的名称。"),
    "Get Models": said("获取模板列表", "返回可以用来创建桌面池的模板的名称。"),
    "Get Platform Differences": said(
        "获取平台差异", "返回平台与各主机上 libvirt 所说的不同之处；一致时为空列表。", **_COMPARED
    ),
    "Platform And Hypervisor Should Agree": said(
        "平台与虚拟化层应一致", "平台与各主机上 libvirt 所说的不一致时失败，并列出每一处不同。", **_COMPARED
    ),
}
