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
        username="用户名：平台的管理员；默认取配置中的。普通用户登录后看到什么，用 `用户应看到桌面`",
        password="密码：默认取配置中的；否则为秘密变量，例如 ``VAR    ${密码: secret}    %{环境变量}``，明文会被拒绝",
    ),
    "Log Out Of Platform": said(
        "退出平台",
        "结束与平台的一个会话；不写别名则为当前会话，没有登录时什么也不做。当前会话结束后，其余会话中最后登录的成为当前会话。",
        alias="别名：哪个会话；默认为当前会话",
    ),
    "Switch Platform Session": said(
        "切换平台会话",
        "把另一个已登录的会话设为当前会话，此后的平台关键字都指它。返回原来的别名。",
        alias="别名：登录时给会话起的别名；默认为平台的名称",
    ),
    "Get Platform Sessions": said("获取平台会话列表", "返回与平台的全部会话：字典的列表，按登录的先后。"),
    "Call Platform": said(
        "调用平台接口",
        "执行平台文档中的任意一个接口，返回回答中 ``data`` 的内容。用于没有关键字的操作：它创建的不会自动清理，它开始的不会等待。",
        operation="接口：方法和路径，如 ``GET /ocloud/v1/vlan/{id}/ip``",
        body="请求体：JSON 文本，或列表、字典",
        parameters="参数：路径中的按其名称；其余的放在文档所说的地方",
    ),
    "Wait For Platform Events": said(
        "等待平台事件",
        "等到已经开始的操作都结束；有失败的，全部列出，并附平台给出的原因。",
        events="事件：事件的编号",
    ),
    "Get Platform Findings": said(
        "获取平台接口偏差",
        "返回平台（或发给它的内容）与厂商文档的不同之处，每处一次。配置中没有 ``api_document`` 时失败。",
    ),
    "Platform Findings Should Be Empty": said(
        "平台接口应无偏差", "平台（或发给它的内容）与厂商文档有不同之处时失败，见 `获取平台接口偏差`。"
    ),
    "Get Models": said("获取模板列表", "返回可以用来创建桌面池的模板的名称。"),
    "Get Platform Differences": said(
        "获取平台差异", "返回平台与各主机上 libvirt 所说的不同之处；一致时为空列表。", **_COMPARED
    ),
    "Platform And Hypervisor Should Agree": said(
        "平台与虚拟化层应一致", "平台与各主机上 libvirt 所说的不一致时失败，并列出每一处不同。", **_COMPARED
    ),
}
