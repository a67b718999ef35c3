"""What the platform says of desktops 桌面: one of them, lists of them, what is in them."""

from __future__ import annotations

from ATPLibrary.keywords.chinese.said import said

ARGUMENTS = """
agent_version  代理版本  平台自己的写法；多个用逗号分隔
bound        已绑定    ``是`` 只取有用户的，``否`` 只取其它的
in_use       使用中    ``是`` 只取有人正在使用的，``否`` 只取其它的
keyword      关键字    名称中包含什么
os_type      系统类型  平台自己的写法；多个用逗号分隔
resource_pool  资源池  资源池的名称或编号
restore_point  还原点  ``无``，或何时还原：每次 ``启动``，每 ``天``、``周`` 或 ``月``
by_phone     用手机    ``是`` 只取用手机的，``否`` 只取用电脑的
field        字段      字段的名称；写错时失败，并列出相近的
from_inside  来自内网  ``是`` 只取来自平台内网的，``否`` 只取其它的
names        名称      一个或多个桌面的名称或编号
file         文件      写到哪个文件，已有的会被替换；相对路径以输出目录为准
status       状态      ``已关机``、``运行中``、``已挂起``、``操作中`` 或 ``升级中``
"""

VALUES = (
    {
        "running": "运行中",
        "shut_off": "已关机",
        "suspended": "已挂起",
        "busy": "操作中",
        "upgrading": "升级中",
    },
    {"none": "无", "start": "启动", "day": "天", "week": "周", "month": "月"},
)

KEYWORDS = {
    "Get Platform VMs": said(
        "获取平台虚拟机列表",
        "返回平台所管理的虚拟机的名称：全部，或只是符合条件的。",
        host="主机：只取这台主机上的，名称或编号",
        model="模板：只取由这个模板克隆的，名称或编号",
    ),
    "Get Desktop": said(
        "获取桌面",
        "返回平台关于一个桌面的信息，或其中一个字段的值；写出比较和期望则断言，再写出超时则等到成立。",
    ),
    "Desktop Should Be": said("桌面状态应为", "平台所说的桌面状态与期望不符时失败；写出超时则等到相符。"),
    "Desktop Should Exist": said("桌面应存在", "平台没有列出这个桌面时失败。"),
    "Desktop Should Not Exist": said("桌面不应存在", "平台列出这个桌面时失败；在回收站中的不算列出。"),
    "Get Desktop Clones": said(
        "获取桌面的克隆列表",
        "返回由一个桌面或模板克隆出来的虚拟机的名称。",
        desktop="桌面：桌面或模板的名称或编号",
    ),
    "Get Desktops In Use": said(
        "获取使用中的桌面", "返回有人正在使用的桌面的名称。", user="用户：只取这个用户的；账户的名称"
    ),
    "Get User Counts": said("获取用户在线数", "返回来自内网、外网的在线用户数和不在线的用户数，或其中一个字段。"),
    "Get Desktop Agent Versions": said("获取桌面代理版本列表", "返回桌面的客户机中平台自己的代理的版本。"),
    "Get Common Storage Pools": said("获取公共存储池", "返回这些桌面都能放磁盘的存储池的名称。"),
    "Save Dormant Desktops": said("保存长期未用的桌面", "把平台所列的长期无人使用的桌面写入表格文件，返回它的路径。"),
    "Refresh Desktop Status": said("刷新桌面状态", "让平台重新查看桌面的状态。"),
    "Get Desktop XML": said("获取桌面 XML", "返回平台给出的桌面的 libvirt 定义；写出比较和期望则断言。"),
    "Get Desktop Processes": said("获取桌面进程", "返回平台所列的桌面客户机中进程的名称；写出比较和期望则断言。"),
}
