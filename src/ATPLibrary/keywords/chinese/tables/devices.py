"""What a desktop 桌面 is made of: disks, images, network cards, serial ports, displays; and its snapshots on the platform."""

from __future__ import annotations

from ATPLibrary.keywords.chinese.said import said

ARGUMENTS = """
by                增加            增加多少 GB
bus_type          总线类型        桌面在哪种总线上看到磁盘；``ide`` 通常要求桌面已关机
card              网卡            网卡的 MAC 地址
disk              磁盘            磁盘的编号、名称或文件名；``start`` 是系统盘
display           显示            哪种显示：``spice`` 或 ``vnc``
dns1              首选域名服务器  首选的域名服务器
dns2              备用域名服务器  备用的域名服务器
field             字段            要取的字段；不写则返回全部
gateway           网关            网关的地址
in_average        流入平均        到桌面的平均带宽，KiB 每秒
in_burst          流入突发        到桌面的突发量，KiB
in_floor          流入保证        到桌面的保证带宽，KiB 每秒
in_peak           流入峰值        到桌面的峰值带宽，KiB 每秒
ip                地址            IP 地址
iso               镜像            镜像的文件名或路径
joined_to         连接到          另一个桌面的名称或编号，另一端用它的空闲串口；不写则不连接
mask              掩码            子网掩码
network           网络            端口组的名称或编号；默认为平台仅有的那一个
old               原镜像          被换下的镜像的文件名
out_average       流出平均        从桌面出来的平均带宽，KiB 每秒
out_burst         流出突发        从桌面出来的突发量，KiB
out_peak          流出峰值        从桌面出来的峰值带宽，KiB 每秒
port              端口            那个桌面的哪个空闲串口，见 `获取空闲串口`；默认为第一个
read_bytes        每秒读取字节    每秒最多读多少字节，0 为不限
read_operations   每秒读取次数    每秒最多读多少次，0 为不限
request           请求            `请求监控桌面` 返回的编号
serial_port       串口            客户机中的名称，如 ``COM2``
share_password    分享密码        分享链接的密码，放在秘密变量中
size              大小            以 GB 计
snapshot          快照            快照的名称或编号
storage_pool      存储池          存储池的名称或编号；默认为桌面所在主机能用的
volume            存储卷          存储卷的名称或编号
with_drive        连同光驱        ``是`` 则光驱也去掉，通常要求桌面已关机
write_bytes       每秒写入字节    每秒最多写多少字节，0 为不限
write_operations  每秒写入次数    每秒最多写多少次，0 为不限
"""

TAGS = {"Disk": "磁盘", "Display": "显示", "Network": "网络", "Serial Port": "串口"}

FIELDS = {
    "size": "大小",
    "bus_type": "总线类型",
    "is_start_disk": "是否系统盘",
    "filename": "文件名",
    "pool_name": "存储池名称",
    "read_bytes_sec": "每秒读取字节",
    "write_bytes_sec": "每秒写入字节",
    "read_iops_sec": "每秒读取次数",
    "write_iops_sec": "每秒写入次数",
    "mac": "网卡地址",
    "actual_ip": "实际地址",
    "assigned_ip": "分配地址",
    "vlan_name": "端口组名称",
    "ovs_name": "交换机名称",
    "vm_status": "桌面状态",
    "create_time": "创建时间",
}

CODES = {
    "vm_status": {
        "running": "运行中",
        "shut_off": "已关机",
        "suspended": "已挂起",
        "busy": "操作中",
        "upgrading": "升级中",
    },
}

KEYWORDS = {
    "Create Desktop Snapshot": said(
        "创建桌面快照",
        "让平台给桌面做快照：磁盘，运行中的还有内存。返回事件编号。",
        snapshot="快照：快照的名称，可用任何语言，不能与这个桌面已有的重名",
    ),
    "Restore Desktop Snapshot": said(
        "恢复桌面快照", "让平台把桌面恢复到做快照时的样子，此后的改动全部丢失。当时在运行的从那里继续运行。"
    ),
    "Delete Desktop Snapshot": said("删除桌面快照", "让平台删除桌面的快照，桌面本身不变。"),
    "Get Desktop Snapshot": said("获取桌面快照", "返回平台关于桌面的一个快照的信息，或其中一个字段。"),
    "Get Desktop Snapshots": said("获取桌面快照列表", "返回平台所列的桌面的快照的名称。"),
    "Desktop Snapshot Should Exist": said("桌面快照应存在", "平台没有列出桌面的这个快照时失败。"),
    "Desktop Snapshot Should Not Exist": said("桌面快照不应存在", "平台还列出桌面的这个快照时失败。"),
    "Add Disk To Desktop": said(
        "添加桌面磁盘", "给桌面一块新的空磁盘（独立磁盘，不受还原点影响），返回磁盘的编号。运行中的桌面立即看到它。"
    ),
    "Attach Volume To Desktop": said(
        "挂载存储卷到桌面", "把没有桌面使用的存储卷作为桌面的磁盘。用 `卸载桌面磁盘` 取下。"
    ),
    "Expand Desktop Disk": said(
        "扩容桌面磁盘", "把桌面的磁盘扩大，等到平台显示出来，返回新的大小（GB）。客户机中的文件系统不变。"
    ),
    "Limit Desktop Disk": said("限制桌面磁盘速度", "限制桌面每秒对磁盘的读写。没有写出的保持不变。"),
    "Unmount Desktop Disk": said(
        "卸载桌面磁盘", "从桌面取下磁盘，内容留在存储卷中。返回事件编号。运行中的客户机须先放开它。"
    ),
    "Delete Desktop Disk": said("删除桌面磁盘", "从桌面取下磁盘，并连同内容一起删除。"),
    "Get Desktop Disk": said("获取桌面磁盘", "返回平台关于桌面的一块磁盘的信息，或其中一个字段。"),
    "Get Desktop Disks": said("获取桌面磁盘列表", "返回桌面的磁盘，各有 `获取桌面磁盘` 的字段。"),
    "Insert ISO": said("挂载 ISO", "把镜像放进桌面空闲的光驱，或新的光驱；新的光驱通常要求桌面已关机。"),
    "Change ISO": said("更换 ISO", "把桌面光驱中的镜像换成另一个，桌面运行时也可以。"),
    "Eject ISO": said("弹出 ISO", "把镜像从桌面的光驱中取出。", iso="镜像：镜像的文件名；默认为桌面仅有的那一个"),
    "Get Desktop ISOs": said("获取桌面 ISO 列表", "返回桌面光驱中镜像的文件名。"),
    "Desktop Should Have ISO": said(
        "桌面应有 ISO", "平台没有说桌面的光驱中有这个镜像时失败；有超时则等到它出现。", iso="镜像：镜像的文件名"
    ),
    "Add Network Card To Desktop": said("添加桌面网卡", "给桌面一块网卡，返回它的 MAC 地址。运行中的桌面立即看到它。"),
    "Move Network Card Of Desktop": said(
        "移动桌面网卡", "把桌面的网卡接到另一个网络。", network="网络：端口组的名称或编号"
    ),
    "Remove Network Card From Desktop": said("移除桌面网卡", "从桌面取下网卡，等到平台不再列出它。"),
    "Set Network Card Address": said("设置网卡地址", "规定桌面的网卡得到哪个 IP 地址。"),
    "Limit Network Card": said("限制网卡速度", "限制通过桌面网卡的流量。没有写出的保持不变。"),
    "Get Network Card Of Desktop": said("获取桌面网卡", "返回平台关于桌面的一块网卡的信息，或其中一个字段。"),
    "Get Network Cards Of Desktop": said("获取桌面网卡列表", "返回桌面的网卡的 MAC 地址。"),
    "Add Serial Port To Desktop": said("添加桌面串口", "给桌面一个串口，返回客户机中的名称，如 ``COM2`` 。"),
    "Change Serial Port Of Desktop": said("修改桌面串口", "把桌面的串口连接到另一个桌面的串口，或不连接。"),
    "Remove Serial Port From Desktop": said("移除桌面串口", "去掉桌面的串口。"),
    "Get Serial Ports Of Desktop": said("获取桌面串口列表", "返回桌面的串口：客户机中的名称、编号、另一端等。"),
    "Get Free Serial Ports": said("获取空闲串口", "返回其它桌面可供连接的串口：按桌面的名称各有一个列表。"),
    "Get Desktop Port": said("获取桌面端口", "返回桌面的显示在主机上的 TCP 端口。已关机的桌面没有，因而失败。"),
    "Get Desktop SPICE Key": said("获取桌面 SPICE 密钥", "返回打开桌面的 SPICE 显示的密钥，作为秘密。"),
    "Get Desktop VNC Password": said("获取桌面 VNC 密码", "返回打开桌面的 VNC 显示的密码，作为秘密。"),
    "Ask To Watch Desktop": said(
        "请求监控桌面", "询问桌面的用户是否允许管理员监控，返回请求的编号，供 `获取监控答复` 使用。"
    ),
    "Get Watch Answer": said(
        "获取监控答复",
        "返回桌面的用户对监控的答复：``asked`` （还没有）、``accepted`` （同意）或 ``refused`` （拒绝）。",
    ),
}
