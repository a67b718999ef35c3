"""Desk pools 桌面池, and their desktops all together."""

from __future__ import annotations

from ATPLibrary.keywords.chinese.said import said

ARGUMENTS = """
bound      已绑定数  有多少个桌面绑定了用户
busy       操作中数  有多少个桌面正在操作中
shut_off   关机数    有多少个桌面是关机或休眠的
suspended  挂起数    有多少个桌面是挂起的
"""

KEYWORDS = {
    "Create Desk Pool": said(
        "创建桌面池",
        "由模板创建桌面池（链接克隆），等到平台建好其中的全部虚拟机。此时它是禁用的，见 `启用桌面池`。返回事件编号。",
        name="名称：新桌面池的名称，可用任何语言",
        model="模板：模板的名称或编号，见 `获取模板列表`",
        amount="数量：桌面的数量",
        type="类型：``非共享``：用户固定使用一个桌面；``共享``：用户得到任意空闲的；``教学``：电子教室",
        class_number="频道号：教学池的频道号，见 `切换教室模板`",
        restore_point="还原点：是否每次启动都回到创建时的样子",
    ),
    "Enable Desk Pool": said("启用桌面池", "启用桌面池，使其中的桌面可以使用。"),
    "Disable Desk Pool": said("禁用桌面池", "禁用桌面池：其中的桌面不再分给用户。"),
    "Delete Desk Pool": said(
        "删除桌面池", "删除桌面池及其虚拟机，等到平台不再列出其中任何一台。与这些虚拟机的连接会先关闭。"
    ),
    "Get Desk Pools": said("获取桌面池列表", "返回全部桌面池的名称。"),
    "Get Desk Pool": said(
        "获取桌面池", "返回平台关于一个桌面池的信息，或其中一个字段；有期望时加以断言，有超时则等到如此。"
    ),
    "Desk Pool Should Have": said(
        "桌面池应有",
        "平台所说的桌面池与期望不符时失败；没有写出的不检查。有超时则等到全部如此。",
        model="模板：桌面现在的模板，名称或编号",
    ),
    "Get Desk Pool Graphics Cards": said(
        "获取桌面池显卡数", "返回桌面池中有多少个桌面有虚拟显卡；有期望时加以断言，有超时则等到如此。"
    ),
    "Desk Pool Should Exist": said("桌面池应存在", "平台没有列出这个桌面池时失败；有超时则等到它出现。"),
    "Desk Pool Should Not Exist": said("桌面池不应存在", "平台还列出这个桌面池时失败。", pool="桌面池：桌面池的名称"),
    "Get Desktops": said("获取池中桌面", "返回平台所列的桌面池中虚拟机的名称。"),
    "Start Desktops": said("启动池中桌面", "通过平台启动桌面池的全部桌面，等到平台说都已启动。已经在运行的不受影响。"),
    "Close Desktops": said(
        "关闭池中桌面", "通过平台关闭桌面池的全部桌面，等到都已关机。", force="强制：``是`` 则断电，而不是请客户机关机"
    ),
    "Connect To Desk Pool": said(
        "连接桌面池",
        "连接桌面池的全部桌面，把第一台设为当前虚拟机，返回它们的名称。平台与主机所说的必须一致。",
    ),
    "Suspend Desktops": said(
        "挂起池中桌面", "让桌面池中运行的桌面的处理器都停下，直到 `恢复池中桌面`。返回事件编号。没有在运行的则失败。"
    ),
    "Resume Desktops": said("恢复池中桌面", "让桌面池中挂起的桌面都从原处继续，返回事件编号。"),
    "Put Desktops To Sleep": said(
        "休眠池中桌面", "让桌面池中运行的桌面都休眠，直到 `唤醒池中桌面`。返回事件编号。没有在运行的则失败。"
    ),
    "Wake Up Desktops": said(
        "唤醒池中桌面", "唤醒桌面池中休眠的桌面，从休眠处继续，返回事件编号。只是关机的会被拒绝并列出。"
    ),
    "Reboot Desktops": said(
        "重启池中桌面", "请桌面池中运行的桌面的客户机都重启，等到都已重启，返回事件编号。没有在运行的则失败。"
    ),
}
