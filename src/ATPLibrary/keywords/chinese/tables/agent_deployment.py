"""The verifier's agent 代理 in a guest 客户机: deployed 部署 and removed 移除."""

from __future__ import annotations

from ATPLibrary.keywords.chinese.said import said

KEYWORDS = {
    "Deploy Agent": said(
        "部署代理",
        "通过 QEMU 客户机代理把验证代理放入客户机并启动，等到它应答，返回运行的版本。客户机需要以 root 运行的 qemu-ga 和 "
        "Python 3.8 或更高版本，不需要网络。文件先放在旁边，核对 SHA-256 并试运行，然后取代旧版本；不应答或出错时客户机恢复原样。"
        "有 systemd 时随客户机启动。已运行同一代理的客户机保持不变。",
        channel="通道：代理使用的 virtio-serial 端口，或客户机中的路径；默认取自配置 ``agent: channel``",
        connect="连接地址：没有该端口时用：客户机所见的验证服务地址，如 ``tcp://192.0.2.7:8766``，可为 ``ws://``、``wss://``、"
        "``tcp://``、``tcp+tls://`` 或 ``unix:///路径``，其余在发送任何内容之前就被拒绝；"
        "须先 `启动验证服务`，令牌自动创建",
        token="令牌：代理出示的令牌；默认取自配置 ``agent: token``，否则代理从 SMBIOS 读取。写入只有 root 能读的文件",
        force="强制：``True`` 时较旧的版本也取代较新的，相同的也重新放入",
        pyz="代理文件：``atp agent build`` 写出的另一版本；默认是本库的代理",
        python="解释器：客户机中 Python 的路径，仅当不在通常位置时需要",
    ),
    "Remove Agent": said(
        "移除代理",
        "结束 `部署代理` 放入客户机的代理，删除它的文件、令牌和服务。没有时什么也不做；镜像自带的或手工启动的代理不受影响。",
    ),
    "Get Agent Version": said("获取代理版本", "返回客户机中应答的代理的版本，例如 ``0.1.0``；没有代理应答时失败。"),
}
