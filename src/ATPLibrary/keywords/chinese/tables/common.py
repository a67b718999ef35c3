"""What keywords of every topic are made of: arguments, words for values, tags, fields. One meaning has one word."""

from __future__ import annotations

# Arguments of every topic: English name, Chinese name, what it is. A topic, and a keyword, may call or explain one differently.
ARGUMENTS = """
alias           别名            其它关键字怎样称呼它；默认为其名称
amount          数量            多少个
append          追加            是否保留原有内容，接在其后
arguments       参数            参数
at_once         同时数          同时进行多少个；默认全部
button          鼠标键          哪个鼠标键
channel         通道            通道的名称
children        包含子快照      是否连同其后的快照一起删除
closing         清理            何时清理：``用例``、``用例集``、``手动`` 或 ``保留``；默认取导入库时的级别
codec           编解码器        编解码器的名称
combinations    组合键          每个是一个键（``enter``）或用 ``+`` 连起来的组合键（``ctrl+alt+delete``）
command         命令            要执行的命令
commands        命令            命令的名称
content         内容            文本或字节
cpu             处理器数        多少个处理器
crypted         已加密          密码是否已经用 ``crypt`` 加密
data            数据            要发送的内容
description     描述            任意说明文字
desktop         桌面            桌面的名称或编号
desktops        桌面数          有多少个桌面
direction       方向            往哪个方向
directory       工作目录        命令在客户机的哪个目录中执行
duration        时长            按住多久，如 ``2 s``
dx              横向位移        向右的计数，负数向左
dy              纵向位移        向下的计数，负数向上
enabled         启用            是否已启用
encoding        编码            文本的编码，如 ``utf-8``、``gbk``
environment     环境变量        额外的环境变量（字典）
event           事件            事件的名称
expected        期望            与 ``比较`` 一起使用：期望的值
field           字段            哪个字段；不写则返回全部
fields          字段            按名称给出的字段
file            文件            文件的路径
force           强制            是否强制
form            格式            以什么形式返回
from_x          起点横坐标      占屏幕宽度的比例，从 ``0`` 到 ``1``
from_y          起点纵坐标      占屏幕高度的比例，从 ``0`` 到 ``1``
golden          基准图          PNG 文件；相对路径以套件所在目录为准
host            主机            主机的名称
inactive        下次启动        是否取下次启动时的定义
input           标准输入        送给命令标准输入的文本
key             键              一个键，如 ``shift``、``a``
limit           上限            最多多少条
lines           行数            末尾的多少行
live            在线            迁移时是否继续运行
local           本机路径        本机上的文件
longest         最长时长        最多冻结多久
masks           遮罩            不参与比较的区域，用 ``;`` 分隔
memory          内存            以 MiB 计
migratable      可迁移          是否取迁移用的定义
mode            权限            文件权限，如 ``755``
model           模板            模板的名称或编号
name            名称            名称
names           名称            一个或多个名称或编号
notches         格数            滚动多少格
number          编号            编号
online          在线            是否工作
operator        比较            比较的方式，如 ``==``、``包含``；与 ``期望`` 一起使用
options         选项            按名称给出的选项
over            采样时长        测量多久
password        密码            秘密变量，例如 ``VAR    ${密码: secret}    %{环境变量}``；明文会被拒绝
path            路径            文件的路径
peer_to_peer    点对点          是否由两台主机直接对话
percentile      百分位          ``50`` 为中位数，``99`` 为百分之九十九的按键不超过的值
places          位置            每个为 ``x,y``，占屏幕宽和高的比例
platform        平台            平台在配置中的名称；默认为配置所指定的
pool            桌面池          桌面池的名称或编号
prefix          前缀            虚拟机名称的前缀；默认由平台决定
protocol        协议            协议的名称或别名
quiet           静止时长        要静止多久，如 ``2 s``
recent          含已发生        此前已经发生的是否也算
region          区域            屏幕的一部分：``左,上,宽,高``，以像素计
remark          备注            平台在旁边显示的说明
remote          客户机路径      客户机中的路径
replace         替换            是否替换同名的
running         运行数          有多少个在运行
share           差异比例        允许多大比例的像素不同，从 ``0`` 到 ``1``，须小于 ``1``
shell           解释器          用哪个命令解释器
since           起始截图        与哪张截图比较；默认为现在的屏幕
smallest        最小差异        放得进这么大方框的差异不算，如 ``12x24``
state           状态            状态
storage         存储            磁盘怎样迁移
storage_pool    存储池          存储池的名称或编号
strategy        策略            按什么策略选择
stream          实时输出        是否边运行边把输出写入日志
tag             标签            只取配置中带此标签的主机
tags            标签            主机的标签
target          类              写作 ``包.模块:类``
text            文本            文本
time            时间            如 ``2026-12-31 23:59:50``；默认为现在
timeout         超时            最多等待多久，如 ``30 s``、``2 min``；默认取配置中的 ``timeouts``
to_x            终点横坐标      占屏幕宽度的比例，从 ``0`` 到 ``1``
to_y            终点纵坐标      占屏幕高度的比例，从 ``0`` 到 ``1``
tolerance       容差            每种颜色最多相差多少（共 255 级），须小于 255
unreachable     不可达时        有主机不可达时怎么办
unsafe          忽略检查        是否跳过 libvirt 对共享存储的检查
until           直到            一直到何时
update          更新基准图      是否用现在的屏幕写入基准图，而不是比较
uri             连接地址        libvirt 的连接地址，如 ``qemu+tls://192.0.2.10/system``
user            用户            用户的名称
username        用户名          登录所用的用户名；默认取配置中的
verify          验证            是否由客户机内的代理验证每次输入；``否`` 时日志写明未经验证
via             途径            ``qmp`` 询问 QEMU； ``spice`` 取 SPICE 客户端在 ``display:0`` 上画出的内容
vm              虚拟机          虚拟机的名称或 UUID；默认为当前虚拟机
wait            等待            是否等到操作结束；``否`` 时只是开始
watch           持续监视        是否从此跟随文件的变化
x               横坐标          占屏幕宽度的比例，从 ``0``（左）到 ``1``（右）
xml             定义            虚拟机在目标主机上的 XML 定义
y               纵坐标          占屏幕高度的比例，从 ``0``（上）到 ``1``（下）
"""

# Values that are one of a few words; what is written the same in Chinese (==, sh) has no entry.
VALUES: tuple[dict[str, str], ...] = (
    {"contains": "包含", "not contains": "不包含", "matches": "匹配"},
    {
        "unknown": "未知",
        "running": "运行中",
        "blocked": "阻塞",
        "paused": "已暂停",
        "shutdown": "正在关机",
        "shutoff": "已关机",
        "crashed": "已崩溃",
        "suspended": "已挂起",
    },
    {
        "new": "未连接",
        "connecting": "连接中",
        "connected": "已连接",
        "failed": "连接失败",
        "broken": "屡次失败",
        "closed": "已断开",
    },
    {"round_robin": "轮询", "least_connections": "最少连接", "random": "随机"},
    {"left": "左键", "middle": "中键", "right": "右键", "side": "侧键", "extra": "附加键"},
    {"up": "上", "down": "下", "left": "左", "right": "右"},
    {"text": "文本", "bytes": "字节"},
    {"fail": "失败", "skip": "跳过"},
    {"test": "用例", "suite": "用例集", "run": "运行"},
    {"shared": "共享", "copy": "复制", "copy top layer": "复制顶层"},
)

TAGS: dict[str, str] = {
    "Assertion": "断言",
    "Channel": "通道",
    "Command": "命令",
    "Configuration": "配置",
    "Console": "控制台",
    "Desk Pool": "桌面池",
    "Desktop": "桌面",
    "File": "文件",
    "Getter": "取值",
    "Guest": "客户机",
    "Host": "主机",
    "Input": "输入",
    "Keyboard": "键盘",
    "Lease": "租用",
    "Mouse": "鼠标",
    "Platform": "平台",
    "Protocol": "协议",
    "Screen": "屏幕",
    "Snapshot": "快照",
    "VM": "虚拟机",
    "Verification": "验证",
}

# Fields of what a getter returns, by our names: the Chinese name of each. One name has one meaning.
FIELDS: dict[str, str] = {
    # Get VM Stats
    "cpu_percent": "处理器占用率",
    "cpu_seconds": "处理器时间",
    "processors": "处理器数",
    "memory_mib": "内存大小",
    "resident_mib": "占用主机内存",
    "disk_read_bytes": "磁盘读取字节",
    "disk_written_bytes": "磁盘写入字节",
    "disk_reads": "磁盘读取次数",
    "disk_writes": "磁盘写入次数",
    "net_received_bytes": "网络接收字节",
    "net_sent_bytes": "网络发送字节",
    "net_received_packets": "网络接收包数",
    "net_sent_packets": "网络发送包数",
    "devices": "设备",
    # Get Host Statistics
    "state": "连接状态",
    "drained": "已排空",
    "connections": "连接数",
    "in_flight": "进行中调用数",
    "requests": "请求数",
    "requests_per_second": "每秒请求数",
    "errors": "错误数",
    "mean_ms": "平均毫秒",
    "p99_ms": "百分之九十九毫秒",
    "counts": "计数",
    "operations": "操作",
}
