"""Desktops 桌面 by their names: making, changing, power, restore points, the recycle bin."""

from __future__ import annotations

from ATPLibrary.keywords.chinese.said import said

ARGUMENTS = """
auto_join_domain     自动加域        Windows 是否自动加入域
bootloader           引导方式        ``bios`` 或 ``uefi``
bus_type             总线类型        客户机在哪种总线上看到磁盘：``virtio``、``sata``、``ide`` 等
command              命令            平台自己的写法
connect              连接            是否连接它并作为当前虚拟机，如同 `连接桌面`
disable_alpha        禁用透明指针    鼠标指针是否不带透明度显示
domain_fake          伪装            是否让客户机看不出自己是虚拟机
every                周期            何时还原：每次 ``启动``，或每 ``天``、``周``、``月`` 的第一次启动
filename             文件名          存储池中的文件
full                 完全克隆        是否复制模板的整个磁盘，而不是链接克隆
gpu_type             显卡类型        平台自己的写法
graphics_card_count  屏幕数          多少个屏幕
host_bios            显示主机固件    是否让客户机看到主机的 BIOS
host_model           显示主机处理器  是否让客户机看到主机的处理器型号
mouse                鼠标            显示 ``客户端`` 还是 ``服务端`` 的鼠标
name                 名称            桌面的名称，可用任何语言
names                名称            一个或多个桌面的名称或编号
nested_virtual       嵌套虚拟化      客户机内能否再运行虚拟机
new_name             新名称          从此叫什么
os_type              系统类型        平台自己的写法
recycle              放入回收站      ``是`` 则移入回收站，可用 `从回收站还原` 取回
soundcard_type       声卡类型        平台自己的写法
vgpu_type            虚拟显卡类型    平台自己的写法
volumes              存储卷          存储卷的名称或编号；从第一个启动
start                启动            是否启动它；否则它是关机的
"""

VALUES = (
    {"start": "启动", "day": "天", "week": "周", "month": "月"},
    {"client": "客户端", "server": "服务端"},
)

KEYWORDS = {
    "Start Desktop": said(
        "启动桌面",
        "通过平台启动桌面，等到平台说都已启动，返回事件编号。没有启动的逐个列出，并附平台的原因。",
        host="主机：在哪台主机上启动，名称或编号；默认由平台决定",
    ),
    "Close Desktop": said(
        "关闭桌面", "通过平台关闭桌面，等到都已关机，返回事件编号。", force="强制：``是`` 则断电，而不是请客户机关机"
    ),
    "Reboot Desktop": said("重启桌面", "请运行中的桌面的客户机重启，等到都已重启，返回事件编号。"),
    "Suspend Desktop": said("挂起桌面", "让运行中的桌面的处理器停下，内容留在内存，直到 `恢复桌面`。返回事件编号。"),
    "Resume Desktop": said("恢复桌面", "让挂起的桌面从原处继续，返回事件编号。"),
    "Put Desktop To Sleep": said("休眠桌面", "让运行中的桌面休眠，不占处理器和内存，直到 `唤醒桌面`。返回事件编号。"),
    "Wake Up Desktop": said("唤醒桌面", "唤醒休眠的桌面，从休眠处继续，返回事件编号。"),
    "Connect To Desktop": said(
        "连接桌面",
        "连接平台上的一个桌面并设为当前虚拟机，返回虚拟化主机给它的名称。平台与主机说的不是同一台时失败。",
    ),
    "Create Desktop": said(
        "创建桌面",
        "由模板创建一个不属于任何桌面池的桌面，等到建好，返回其编号。",
        storage_pool="存储池：完全克隆的磁盘放在哪里，名称或编号；默认在模板旁边",
    ),
    "Create Desktop From Volumes": said(
        "由存储卷创建桌面",
        "用没有虚拟机使用的存储卷创建桌面，返回其编号。",
        iso="镜像：放入驱动器的镜像的文件名或路径；默认没有驱动器",
        network="网络：网卡所在的端口组，名称或编号；默认没有网卡",
    ),
    "Import Desktop": said("导入桌面", "用存储池中的磁盘文件创建桌面。", name="名称：存储卷及桌面的名称"),
    "Clone Desktop": said(
        "克隆桌面", "连同整个磁盘复制一个关机的桌面，等到复制完成，返回事件编号。", name="名称：新桌面的名称"
    ),
    "Convert Desktop To Model": said("桌面转为模板", "把关机的桌面转为模板，供其它桌面克隆；此后它不再是桌面。"),
    "Change Desktop": said("修改桌面", "修改桌面的资料，没有写出的保持不变；改名要求桌面关机。"),
    "Configure Desktop": said("配置桌面", "修改虚拟化层向客户机显示什么，没有写出的保持不变。"),
    "Get Possible Hosts": said("获取可用主机", "返回可以启动这个桌面的主机的名称。"),
    "Migrate Desktop": said(
        "迁移桌面",
        "把桌面迁移到另一台主机，等到完成，返回事件编号。",
        host="主机：迁移到哪台主机，名称或编号",
        storage_pool="存储池：磁盘移到哪里，名称或编号；默认不移动",
    ),
    "Set Desktop Size": said("设置桌面配置", "修改关机的桌面的处理器数和内存，没有写出的保持不变。"),
    "Delete Desktop": said("删除桌面", "删除桌面，不论是否在运行，等到平台不再列出。与它们的连接会先关闭。"),
    "Get Recycle Bin": said("获取回收站列表", "返回回收站中桌面的名称。"),
    "Purge From Recycle Bin": said("从回收站删除", "彻底删除回收站中的桌面。", names="名称：它们原来的名称或编号"),
    "Restore From Recycle Bin": said(
        "从回收站还原", "把桌面从回收站还原成原样；还原后是关机的。", names="名称：它们原来的名称或编号"
    ),
    "Set Restore Point": said(
        "设置还原点",
        "为关机的桌面设置还原点：此后写入的内容，到期启动时都会丢弃。返回平台说原来已有快照或还原点的桌面。",
    ),
    "Remove Restore Point": said("取消还原点", "取消关机的桌面的还原点：磁盘现有的内容保留，以后写入的也保留。"),
    "Reset Desktop To Model": said(
        "重置桌面到模板", "把关机的链接克隆桌面恢复成模板现在的样子，原来写入的内容全部丢失。"
    ),
}
