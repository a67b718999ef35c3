"""Hosts 主机: connecting, choosing, what became of them; the configuration."""

from __future__ import annotations

from ATPLibrary.keywords.chinese.said import said

_KNOWN = "主机：主机的名称"

KEYWORDS = {
    "Add Host": said(
        "添加主机",
        "让本次运行认识一台虚拟化主机；用到时才连接。配置里已有的主机不用添加。",
        host="主机：任意未被占用的名称",
    ),
    "Remove Host": said(
        "移除主机", "本次运行不再使用一台主机；已经连接的虚拟机继续可用，断开之后才关闭连接。", host=_KNOWN
    ),
    "Connect To Host": said(
        "连接主机",
        "立即连接一台虚拟化主机，连不上就失败；已经连接的主机也必须应答。其它关键字用到主机时会自行连接。",
        host="主机：配置中主机的名称；或与 ``连接地址`` 一起给出的任意名称",
        uri="连接地址：libvirt 的连接地址，用于不在配置中的主机",
    ),
    "Disconnect From Host": said("断开主机", "关闭与一台主机及其虚拟机的连接；再用到时会重新连接。", host=_KNOWN),
    "Choose Host": said(
        "选择主机",
        "为新的工作选择一台健康的主机，返回其名称。已排空的、连不上的和不应答的主机会被跳过。",
        tags="标签：主机必须带有全部这些标签",
        strategy="策略：``轮询``、``最少连接`` 或 ``随机``；默认取配置中的 ``pool.selection_strategy``",
    ),
    "Drain Host": said("排空主机", "不再给一台主机派新的工作；上面的虚拟机照常运行，照常可用。", host=_KNOWN),
    "Return Host To Service": said("恢复主机服务", "让排空的主机重新接受新的工作。", host=_KNOWN),
    "Get Hosts": said(
        "获取主机列表", "返回已知主机的名称：配置中的，以及本次运行添加的。", tags="标签：只取带有全部这些标签的主机"
    ),
    "Get Host State": said(
        "获取主机连接状态",
        "返回与一台主机的连接状态，可以同时断言。不会因此去连接。",
        host=_KNOWN,
        expected="期望：``未连接``、``连接中``、``已连接``、``连接失败``、``屡次失败`` 或 ``已断开``",
        timeout="超时：不写则只检查一次；写了则最多等待这么久，直到断言成立",
    ),
    "Get Host Events": said(
        "获取主机事件", "返回一台主机最近发生的事，从旧到新，每件是一个字典：例如何时失联、何时恢复。", host=_KNOWN
    ),
    "Get Host Metrics": said("获取主机指标", "以 Prometheus 文本返回所有主机的统计。"),
    "Get Host Statistics": said(
        "获取主机统计",
        "返回与一台主机的连接到目前为止的统计：全部是一个字典，给出 ``名称`` 则只返回其中一项，可以同时断言。",
        host=_KNOWN,
        name="名称：要哪一项，如 ``请求数``、``百分之九十九毫秒``",
    ),
    "Reload Configuration": said(
        "重新加载配置",
        "运行中重新读取配置，返回有哪些变化（字典）。有错误的配置整个被拒绝，原来的继续有效。",
        path="路径：要读的文件；默认与启动时同样查找",
    ),
}
