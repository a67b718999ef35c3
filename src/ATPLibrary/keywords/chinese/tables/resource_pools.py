"""Resource pools 资源池."""

from __future__ import annotations

from ATPLibrary.keywords.chinese.said import said

ARGUMENTS = """
arch         架构        主机的架构，平台自己的写法
cpu_over     处理器超配  处理器可以分配到多少倍
data_centre  数据中心    所在数据中心的编号；默认为其它资源池所在的
memory_over  内存超配    内存可以分配到多少倍
name         名称        资源池的名称，可用任何语言
resource_pool  资源池    资源池的名称或编号
"""

TAGS = {"Resource Pool": "资源池"}

KEYWORDS = {
    "Create Resource Pool": said("创建资源池", "创建没有主机的资源池，返回其编号。"),
    "Update Resource Pool": said("修改资源池", "修改资源池，没有写出的保持不变。", name="名称：从此叫什么"),
    "Put Resource Pool Into Maintenance": said(
        "资源池进入维护", "使资源池进入维护：在 `资源池恢复服务` 之前，其主机上不启动桌面；运行中的桌面照常运行。"
    ),
    "Return Resource Pool To Service": said("资源池恢复服务", "结束资源池的维护：其主机上又可以启动桌面。"),
    "Delete Resource Pool": said("删除资源池", "删除资源池；它必须在维护中，并且没有主机和存储。"),
    "Get Resource Pools": said("获取资源池列表", "返回全部资源池的名称。"),
    "Get Resource Pool": said(
        "获取资源池", "返回平台关于一个资源池的信息，或其中一个字段；有期望时加以断言，有超时则等到如此。"
    ),
    "Resource Pool Should Exist": said("资源池应存在", "平台没有列出这个资源池时失败；有超时则等到它出现。"),
    "Resource Pool Should Not Exist": said("资源池不应存在", "平台还列出这个资源池时失败；有超时则等到它消失。"),
    "Get Resource Pool Disk Buses": said("获取资源池磁盘总线", "返回资源池的主机能给磁盘的总线。"),
    "Get Idle Desktops": said("获取空闲桌面", "返回资源池中没有在运行的桌面的名称。"),
}
