"""The platform's hosts 主机 and their storage 存储: storage pools, volumes, ISO files."""

from __future__ import annotations

from ATPLibrary.keywords.chinese.said import said

ARGUMENTS = """
addresses       地址设置        按平台自己的名称给出的设置
bus_type        总线类型        桌面在哪种总线上看到磁盘，如 ``virtio``、``ide``
data_centre     数据中心        数据中心的编号；默认为主机的，或平台第一台主机的
desktops        桌面            一个或多个桌面的名称或编号
export          共享目录        NFS 服务器共享出来的目录
file            文件            ISO 文件的名称或路径
free            空闲            ``是`` 则只列出没有桌面使用的
host            主机            主机的名称或编号
images          存放镜像        ``是`` 为 ISO 文件的存储池，``否`` 为磁盘的存储池
ip              地址            IPv4 地址
ip_v6           第六版地址      IPv6 地址
mounted         已挂载          ``否`` 则列出可以挂载它的桌面
outside_pools   不在资源池      ``是`` 则只列出不在任何资源池中的
path            目录            目录的路径
resource_pool   资源池          资源池的名称或编号
server          服务器          服务器的名称或地址
size            大小            以 GB 计
status          状态            主机的状态
virtual         虚拟            ``是`` 为由实体显卡切分出来的虚拟显卡
volume          卷              名称或编号
volume_group    卷组            LVM 卷组的名称
with_drive      连同光驱        ``是`` 则连光驱一起移除，桌面须已关机
"""

VALUES = ({"maintenance": "维护中", "enabled": "启用中", "closed": "已关闭", "offline": "离线"},)

TAGS = {"Platform Host": "平台主机", "Storage": "存储"}

_NEW = {"name": "名称：新存储池的名称", "images": "存放镜像：``是`` 则存放 ISO 文件"}
_WAITS = {"timeout": "超时：最多等待多久；没有给出时只检查一次"}

KEYWORDS = {
    "Get Platform Hosts": said(
        "获取平台主机列表",
        "返回平台所管理的主机的名称。",
        name="名称：只列出名称中有此文本的主机",
        status="状态：只列出处于此状态的主机",
    ),
    "Get Platform Host": said("获取平台主机", "返回平台关于一台主机所说的全部内容，或其中一个字段。"),
    "Get Platform Host Hardware": said("获取平台主机硬件", "返回平台一台主机的处理器，或其中一个字段。"),
    "Get Platform Host Uptime": said(
        "获取平台主机运行时间", "返回平台一台主机已经运行多久，单位由平台决定，实验平台为秒。"
    ),
    "Get Platform Host Versions": said("获取平台主机版本", "返回主机上平台各部分的版本，或其中一个。"),
    "Get Platform Host Addresses": said("获取平台主机地址", "按平台自己的名称返回主机内部网络的设置，或其中一个。"),
    "Get Platform Host Network Cards": said("获取平台主机空闲网卡", "返回主机上没有被使用的每块网卡的 libvirt 定义。"),
    "Get Platform Host Graphics Cards": said("获取平台主机显卡列表", "返回主机的显卡，以及各由哪个桌面使用。"),
    "Platform Host Should Be": said(
        "平台主机应为", "主机不处于该状态时失败；给出超时则等待。", status="状态：应处于的状态", **_WAITS
    ),
    "Put Platform Host Into Maintenance": said(
        "平台主机进入维护", "让主机退出服务：平台不再在它上面创建和启动桌面，正在运行的不受影响。到清理时恢复服务。"
    ),
    "Return Platform Host To Service": said("平台主机恢复服务", "让维护中或已关闭的主机重新投入服务。"),
    "Refresh Platform Host": said("刷新平台主机", "让平台重新查看一台主机，更新它的状态。"),
    "Limit Platform Host": said(
        "限制平台主机",
        "限制主机上同时运行的桌面数。到清理时恢复原来的上限。",
        desktops="桌面数：最多同时运行多少个桌面",
    ),
    "Set Platform Host Outer Address": said(
        "设置平台主机外网地址", "告诉平台从外部用什么地址访问主机。到清理时恢复原来的地址。"
    ),
    "Set Platform Host Addresses": said(
        "设置平台主机地址", "修改主机内部网络的设置。平台可能因此失去该主机，且不会自动恢复。"
    ),
    "Put Platform Host Into Resource Pool": said(
        "平台主机加入资源池", "把不在任何资源池中的主机加入资源池。到清理时移出。"
    ),
    "Take Platform Host Out Of Resource Pool": said("平台主机移出资源池", "把主机移出它的资源池。到清理时放回。"),
    "Close Platform Host": said(
        "关闭平台主机",
        "关闭主机上的桌面，然后关机，不询问任何人；等到主机已关闭或离线，且没有桌面在其上运行。",
        wait="等待：``否`` 则只下达命令",
    ),
    "Close Class Room Hosts": said("关闭教室主机", "按教室的方式关闭主机：由平台自己决定是哪些主机。"),
    "Delete Platform Host": said("删除平台主机", "让平台忘记一台主机；机器和其上的虚拟机保持原样。"),
    "Get Storage Pools": said("获取存储池列表", "返回平台的存储池的名称。", name="名称：只列出名称中有此文本的存储池"),
    "Get Storage Pool": said("获取存储池", "返回平台关于一个存储池所说的全部内容，或其中一个字段。"),
    "Get Storage Pool Space": said(
        "获取存储池空间", "返回存储池的容量、已用和可用空间，或其中一个；实验平台以字节计。"
    ),
    "Get Gluster Storage Pool": said(
        "获取分布式存储池", "返回 libvirt 关于一个 Gluster 存储池所说的内容，或其中一个字段。"
    ),
    "Get Volume Groups": said("获取卷组列表", "返回主机上可以用来创建存储池的 LVM 卷组的名称。"),
    "Storage Pool Should Exist": said("存储池应存在", "平台没有该存储池时失败；给出超时则等待。", **_WAITS),
    "Storage Pool Should Not Exist": said("存储池不应存在", "平台仍有该存储池时失败；给出超时则等到它消失。", **_WAITS),
    "Rename Storage Pool": said("重命名存储池", "给存储池另起名称。", name="名称：新的名称"),
    "Bind Storage Pool": said("绑定存储池", "把存储池交给一个资源池使用。"),
    "Unbind Storage Pool": said("解绑存储池", "把存储池从它的资源池收回。"),
    "Delete Storage Pool": said("删除存储池", "删除一个存储池；其中的内容应已删除，否则实验平台会拒绝。"),
    "Create Directory Storage Pool": said(
        "创建目录存储池", "把一台主机上的目录作为存储池。到清理时删除。", path="目录：主机上的目录", **_NEW
    ),
    "Create NFS Storage Pool": said(
        "创建网络存储池",
        "把一台 NFS 服务器的目录作为每台主机都挂载的存储池。到清理时删除。",
        path="目录：挂载到哪里",
        **_NEW,
    ),
    "Create GFS Storage Pool": said(
        "创建集群存储池", "把各主机已经挂载的 GFS 作为存储池。到清理时删除。", path="目录：挂载在哪里", **_NEW
    ),
    "Create Gluster Storage Pool": said(
        "创建分布式存储池",
        "把 Gluster 服务器的一个卷作为存储池。到清理时删除。",
        path="目录：挂载到哪里",
        volume="卷：Gluster 卷的名称",
        **_NEW,
    ),
    "Create LVM Storage Pool": said(
        "创建卷组存储池",
        "把一台主机的 LVM 卷组作为存储池。到清理时删除。",
        name="名称：新存储池的名称",
        path="目录：平台的接口也要求一个路径，原样传给平台",
    ),
    "Get Storage Volumes": said(
        "获取存储卷列表", "返回存储卷的名称：独立于桌面创建的磁盘。", name="名称：只列出名称中有此文本的存储卷"
    ),
    "Get Storage Volume": said("获取存储卷", "返回平台关于一个存储卷所说的全部内容，或其中一个字段。"),
    "Create Storage Volume": said(
        "创建存储卷", "创建一个还没有桌面使用的空磁盘，返回它的编号。到清理时删除。", name="名称：新存储卷的名称"
    ),
    "Delete Storage Volume": said("删除存储卷", "删除一个存储卷及其内容；仍有桌面使用时平台会拒绝。"),
    "Storage Volume Should Exist": said("存储卷应存在", "平台没有该存储卷时失败；给出超时则等待。", **_WAITS),
    "Storage Volume Should Not Exist": said(
        "存储卷不应存在", "平台仍有该存储卷时失败；给出超时则等到它消失。", **_WAITS
    ),
    "Get ISO Files": said("获取 ISO 文件列表", "返回一个存储池中的 ISO 文件的名称。"),
    "Get ISO File": said("获取 ISO 文件", "返回平台关于一个 ISO 文件所说的全部内容，或其中一个字段。"),
    "Get Desktops For ISO File": said("获取 ISO 文件的桌面列表", "返回光驱中有该 ISO 文件的桌面，或可以挂载它的桌面。"),
    "Insert ISO File Into Desktops": said("向桌面插入 ISO 文件", "把 ISO 文件放入各桌面的光驱。到清理时取出。"),
    "Eject ISO File From Desktops": said("从桌面弹出 ISO 文件", "从各桌面的光驱中取出 ISO 文件。"),
    "Delete ISO File": said("删除 ISO 文件", "从存储池中删除一个 ISO 文件。"),
    "ISO File Should Exist": said("ISO 文件应存在", "存储池中没有该 ISO 文件时失败；给出超时则等待。", **_WAITS),
    "ISO File Should Not Exist": said(
        "ISO 文件不应存在", "存储池中仍有该 ISO 文件时失败；给出超时则等到它消失。", **_WAITS
    ),
}
