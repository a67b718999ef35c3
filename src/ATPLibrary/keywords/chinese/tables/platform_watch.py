"""What the platform tells of itself: events 事件, alarms 告警, its dashboard 看板, terminals 终端, USB devices, logs 日志."""

from __future__ import annotations

from ATPLibrary.keywords.chinese.said import said

ARGUMENTS = """
action          方式            登录的方式，如 ``pwd``
alarm           告警            告警的编号
begin           开始            从何时起，如 ``2025-01-31 08:00:00``
check_times     连续次数        要连续超过多少次
class_room      教室方式        ``是`` 则按教室的方式询问，平台不要求登录
content         内容            其中要有的文本
counts          计数            按字段名给出应有的数量；没有给出的不检查
delay           延迟            从现在起多久之后，取整秒
device          设备            设备的名称
end             结束            到何时为止；默认为现在
event           事件            事件的编号
events          事件            一个或多个事件的编号
path            文件            写到哪个文件；相对路径以输出目录为准
from_ip         来源地址        只列出从此地址来的
group           分组            分组的名称或编号
groups          分组            一个或多个分组的名称或编号
host            主机            主机的名称或编号
host_ip         主机地址        主机的地址
hosts           主机            一台或多台主机的名称或编号
keyword         关键字          其中要有的文本
kind            种类            平台自己的编号
level           级别            平台自己的写法
module          模块            平台的哪个部分
name            名称            名称中要有的文本
online          在线            ``是`` 为在线的，``否`` 为离线的
operation       操作编号        平台的操作类型编号
outcome         结果            只列出处于此结果的
push_method     推送方式        ``none``、``qywx``（企业微信）或 ``email``
reason          原因            平台给出的原因中要有的文本
rule            规则            规则的代码或编号
settings        设置            JSON 文本
terminal        终端            终端的编号，即 MAC 地址
terminals       终端            一个或多个终端的编号，即 MAC 地址
threshold       阈值            从多少起
threshold_type  阈值类型        ``per``（百分比）或 ``times``（次数）
username        用户名          只列出此用户的
what            对象            统计什么
"""

VALUES = (
    {"pending": "进行中", "succeeded": "成功", "failed": "失败"},
    {
        "desktops": "桌面",
        "hosts": "主机",
        "resource_pools": "资源池",
        "storage_pools": "存储池",
        "terminals": "终端",
        "alarms": "告警",
    },
)

TAGS = {
    "Platform Event": "平台事件",
    "Alarm": "告警",
    "Dashboard": "看板",
    "Terminal": "终端",
    "Platform Log": "平台日志",
}

_WAITS = {"timeout": "超时：最多等待多久；没有给出时只检查一次"}

KEYWORDS = {
    "Get Platform Events": said(
        "获取平台事件列表",
        "返回平台的操作，最新的在前。",
        desktop="桌面：只列出名称中有此文本的桌面的操作",
        host_ip="主机地址：只列出在此地址的主机上的操作",
    ),
    "Get Platform Event": said("获取平台事件", "返回平台的一个操作进行得如何，或其中一个字段。"),
    "Platform Event Should Have Succeeded": said(
        "平台事件应成功", "操作没有成功时失败，并说明平台的原因；给出超时则等到它结束。", **_WAITS
    ),
    "Platform Event Should Have Failed": said("平台事件应失败", "操作没有失败时失败；给出超时则等到它结束。", **_WAITS),
    "Get Platform Alarms": said("获取平台告警列表", "返回现在的告警，最新的在前。"),
    "Get Past Platform Alarms": said("获取平台历史告警列表", "返回过去的告警。"),
    "Alarm Should Be Raised": said("告警应出现", "没有符合全部条件的告警时失败；给出超时则等待。", **_WAITS),
    "No Alarm Should Be Raised": said("应无告警", "有符合全部条件的告警时失败；给出超时则等到没有为止。", **_WAITS),
    "Delete Platform Alarm": said("删除平台告警", "从列表中去掉一条告警。"),
    "Get Alarm Rules": said("获取告警规则列表", "返回平台据以告警的规则的代码。"),
    "Get Alarm Rule": said("获取告警规则", "返回平台何时告警，或其中一个字段。"),
    "Set Alarm Rule": said("设置告警规则", "修改平台何时告警，没有给出的不变。到清理时恢复原来的规则。"),
    "Get Platform Counts": said("获取平台计数", "返回各种状态各有多少，或其中一个数字。"),
    "Platform Counts Should Be": said("平台计数应为", "各数字没有同时都如所期望时失败；给出超时则等待。", **_WAITS),
    "Get Platform Performance": said("获取平台性能", "返回运行中的主机现在合计有多忙，或其中一个数字。"),
    "Get Platform Host Performance": said(
        "获取平台主机性能",
        "返回平台在一段时间内对主机负载的各次测量。",
        host="主机：主机的名称或编号；默认为全部主机",
        begin="开始：从何时起，如 ``2025-01-31 08:00:00``；默认为一小时前",
    ),
    "Get Platform Storage Usage": said("获取平台存储用量", "返回平台看板上的存储用量，或其中一个数字。"),
    "Get Platform Carbon Savings": said("获取平台节碳量", "返回看板上桌面相对实体机器所节省的碳排放，或其中一个数字。"),
    "Get Terminals": said(
        "获取终端列表",
        "返回平台所知道的终端的编号，即 MAC 地址。",
        keyword="关键字：只列出用户、类型、版本或地址中有此文本的",
        group="分组：只列出此终端分组中的",
    ),
    "Get Terminal": said("获取终端", "返回平台关于一个终端所说的全部内容，或其中一个字段。"),
    "Get Terminal Settings": said("获取终端设置", "返回平台向终端询问到的设置，或其中一个字段。"),
    "Set Terminal Settings": said(
        "设置终端设置", "修改终端的设置。", settings="设置：JSON 文本，如 `获取终端设置` 所返回的"
    ),
    "Disconnect Terminals": said("断开终端", "让终端离开各自的桌面，桌面继续运行。"),
    "Restart Terminals": said("重新启动终端", "重新启动终端。平台对此没有事件。"),
    "Shut Down Terminals": said("关闭终端", "关闭终端。平台对此没有事件。"),
    "Wake Up Terminals": said("唤醒终端", "打开终端。平台对此没有事件。"),
    "Delete Terminals": said("删除终端", "让平台忘记终端；再次连接的终端会重新出现。"),
    "Get Terminal Groups": said("获取终端分组列表", "返回终端分组的名称。", name="名称：只列出名称中有此文本的分组"),
    "Get Terminal Group": said("获取终端分组", "返回平台关于一个终端分组所说的全部内容，或其中一个字段。"),
    "Create Terminal Group": said(
        "创建终端分组", "创建一个终端分组。到清理时删除。", name="名称：新分组的名称", remark="备注：任意说明文字"
    ),
    "Change Terminal Group": said(
        "修改终端分组", "给终端分组另起名称或备注，没有给出的不变。", name="名称：新的名称", remark="备注：新的备注"
    ),
    "Delete Terminal Group": said("删除终端分组", "删除终端分组，其中的终端保留。"),
    "Put Terminals Into Group": said("终端加入分组", "把终端加入分组；平台没有加入的会逐个列出并失败。"),
    "Take Terminals Out Of Group": said("终端移出分组", "把终端移出分组。"),
    "Terminal Group Should Exist": said("终端分组应存在", "平台没有该终端分组时失败；给出超时则等待。", **_WAITS),
    "Terminal Group Should Not Exist": said(
        "终端分组不应存在", "平台仍有该终端分组时失败；给出超时则等到它消失。", **_WAITS
    ),
    "Get USB Devices": said(
        "获取 USB 设备列表", "返回插在主机上的设备，以及各由哪个桌面使用。", host="主机：只列出此主机上的，名称或编号"
    ),
    "Get USB Device": said("获取 USB 设备", "返回平台关于一个设备所说的全部内容，或其中一个字段。"),
    "Pass USB Device To Desktop": said("USB 设备直通给桌面", "把设备本身交给同一主机上的桌面。到清理时收回。"),
    "Take USB Device Back": said("收回 USB 设备", "从正在使用它的桌面收回直通的设备。"),
    "Redirect USB Device To Desktop": said(
        "USB 设备重定向到桌面", "通过网络把主机上的设备交给任意主机上的桌面。到清理时释放。"
    ),
    "Release USB Device From Desktop": said("桌面释放 USB 设备", "结束设备通过网络的重定向。"),
    "Get Operation Log": said(
        "获取操作日志",
        "返回管理员做过的事，最新的在前。",
        username="用户名：只列出此管理员做的",
        end="结束：到何时为止",
    ),
    "Get Login Log": said("获取登录日志", "返回用户在终端上的登录，包括被拒绝的。", end="结束：到何时为止"),
    "Get Session Log": said("获取会话日志", "返回用户使用桌面的各次会话。"),
    "Get Past User Counts": said(
        "获取历史用户数",
        "返回每天有多少用户在线。",
        begin="开始：从哪一天起，如 ``2025-01-31``；默认为结束前一周",
        end="结束：到哪一天为止；默认为今天",
    ),
    "Get Hosts With Logs": said("获取有日志的主机列表", "返回可以取得自身日志的主机的名称。"),
    "Export Operation Log": said(
        "导出操作日志",
        "把管理员做过的事写入文件，格式由平台决定，返回文件的路径。",
        begin="开始：从何时起，如 ``2025-01-31 08:00:00``；默认为结束前一天",
    ),
    "Export Login Log": said(
        "导出登录日志", "把用户的登录写入文件，格式由平台决定，返回文件的路径。", end="结束：到何时为止"
    ),
    "Export Session Log": said("导出会话日志", "把用户使用桌面的会话写入文件，格式由平台决定，返回文件的路径。"),
    "Export Host Logs": said("导出主机日志", "把主机自身的日志写成一个压缩文件，返回文件的路径。"),
}
