"""Inside the guest 客户机: commands, files, what the system is, freezing; channels and protocols."""

from __future__ import annotations

from ATPLibrary.keywords.chinese.said import said

_SHELL = "命令：shell 命令"
_RUN = "命令：shell 命令（``ls /tmp | wc -l``）；给出 ``参数`` 时为不经 shell 运行的程序"
_ARGUMENTS = "参数：程序的参数"
_INTERPRETER = "解释器：``sh``、``cmd`` 或 ``powershell``"
_TO_END = "超时：命令最多运行多久；默认取配置中的 ``timeouts.command``"
_USER = "用户：客户机中用户的名称"

KEYWORDS = {
    "Run Command": said(
        "运行命令",
        "在客户机内运行命令并返回结果，不论退出码是多少。超时的命令在客户机内被结束。",
        command=_RUN,
        arguments=_ARGUMENTS,
        shell=_INTERPRETER,
        timeout=_TO_END,
    ),
    "Command Should Succeed": said(
        "命令应成功",
        "在客户机内运行命令，退出码不是 0 时失败，返回结果。",
        command=_RUN,
        arguments=_ARGUMENTS,
        shell=_INTERPRETER,
        timeout=_TO_END,
    ),
    "Command Should Succeed In Guest": said(
        "命令应在客户机内成功",
        "用命令证明客户机的情况：退出码不是 0 或输出不符合期望时失败，并写明退出码、标准错误和下一步；返回标准输出。",
        command=_RUN,
        arguments=_ARGUMENTS,
        output="输出：与输出比较的内容；没有则只看退出码",
        operator="比较：默认 ``包含``",
        shell=_INTERPRETER,
        timeout=_TO_END,
    ),
    "Command Output Should Be": said(
        "命令输出应为",
        "在客户机内运行 shell 命令，命令失败或输出不符合期望时失败。返回输出。",
        command=_SHELL,
        expected="期望：标准输出应当是什么",
        operator="比较：比较的方式，默认 ``==``；也可以是 ``包含``、``匹配`` 等",
        timeout=_TO_END,
    ),
    "Output Should Contain": said(
        "输出应包含",
        "本用例（或所在用例集的准备阶段）最后一次运行的命令，其输出不包含某段文本时失败。",
        expected="期望：文本，区分大小写",
    ),
    "Wait Until Command Succeeds": said(
        "等待命令成功",
        "反复在客户机内运行 shell 命令，直到退出码为 0，返回最后的结果。",
        command=_SHELL,
        timeout="超时：最多尝试多久",
    ),
    "Guest Agent Should Be Ready": said("客户机代理应就绪", "虚拟机内 QEMU 的客户机代理不应答时失败。"),
    "Wait Until Guest Agent Is Ready": said(
        "等待客户机代理就绪", "等到虚拟机内 QEMU 的客户机代理应答，此后可以 `运行命令`。"
    ),
    "Get Guest Info": said("获取客户机代理信息", "返回客户机代理的版本和它支持的命令。"),
    "Guest Agent Should Support": said(
        "客户机代理应支持",
        "客户机代理不认识或不允许某些命令时失败。",
        commands="命令：代理协议中的名称，如 ``guest-exec``",
    ),
    "Push File To Guest": said(
        "上传文件到客户机", "把本机的文件复制到客户机，并用两端各自计算的 SHA-256 证明完整到达。"
    ),
    "Pull File From Guest": said(
        "从客户机下载文件",
        "把客户机的文件复制到本机，并用两端各自计算的 SHA-256 证明完整到达。",
        local="本机路径：存到哪里；是目录则保留原名",
    ),
    "Read Guest File": said("读取客户机文件", "返回客户机中文件的内容，最多 64 MiB。"),
    "Write Guest File": said("写入客户机文件", "写入客户机中的文件；所在目录必须存在。"),
    "Get Guest File Checksum": said("获取客户机文件校验和", "返回客户机中文件的 SHA-256（十六进制）。"),
    "Get Guest OS": said("获取客户机操作系统", "返回客户机自己报告的操作系统：名称、版本、内核、主机名等。"),
    "Get Guest Interfaces": said("获取客户机网络接口", "返回客户机的网络接口：名称、MAC 和地址。"),
    "Get Guest Users": said("获取客户机登录用户", "返回谁登录在客户机中。"),
    "Get Guest Filesystems": said("获取客户机文件系统", "返回客户机挂载的文件系统：挂载点、类型、大小和已用（字节）。"),
    "Get Guest Disks": said("获取客户机磁盘", "返回客户机的磁盘和分区。"),
    "Get Guest CPUs": said("获取客户机 CPU", "返回客户机看到的处理器，以及各自是否在工作。"),
    "Set Guest CPU": said(
        "设置客户机 CPU", "让客户机的一个处理器工作，或使其离线。", number="编号：哪一个，见 `获取客户机 CPU`"
    ),
    "Get Guest Time": said("获取客户机时间", "返回客户机的时钟（UTC 日期和时间）。"),
    "Set Guest Time": said("设置客户机时间", "设置客户机的时钟，以及它启动时用的硬件时钟。"),
    "Set Guest Password": said("设置客户机密码", "设置客户机中一个用户的密码；密码不会写入日志。", user=_USER),
    "Shut Down Guest": said("关闭客户机", "通过客户机代理关闭客户机，等到虚拟机已关机。"),
    "Reboot Guest": said("重启客户机", "通过客户机代理重启客户机，等到它真的重新开始。"),
    "Freeze Guest Filesystems": said(
        "冻结客户机文件系统",
        "写出并冻结客户机的文件系统，使此时的快照是完整的。返回冻结了多少个；用例结束时一定会解冻。",
    ),
    "Thaw Guest Filesystems": said("解冻客户机文件系统", "解冻客户机的文件系统，不论是谁冻结的。返回解冻了多少个。"),
    "Get Channels": said("获取通道列表", "返回虚拟机定义中 virtio-serial 通道的名称。"),
    "Open Channel": said(
        "打开通道", "打开虚拟机的一个 virtio-serial 通道。", options="选项：编解码器自己的选项，按名称给出"
    ),
    "Close Channel": said("关闭通道", "关闭 `打开通道` 打开的通道。"),
    "Send To Channel": said("向通道发送", "通过通道向客户机发送一条消息。"),
    "Receive From Channel": said(
        "从通道接收",
        "返回客户机通过通道发来的下一条消息；编解码器为 ``raw`` 时，返回已到的内容。",
        until="直到：一直收到出现这段文本为止",
        form="格式：以 ``文本``（UTF-8）还是 ``字节`` 返回",
    ),
    "Send Request To Channel": said(
        "向通道发送请求",
        "通过通道发送一条消息，返回客户机的应答。",
        form="格式：以 ``文本``（UTF-8）还是 ``字节`` 返回",
    ),
    "List Protocols": said("列出协议", "返回现在可以用 `打开协议` 打开的协议的名称。"),
    "Open Protocol": said(
        "打开协议",
        "用指定的协议连接虚拟机。",
        name="名称：协议的名称，见 `列出协议`",
        options="选项：协议自己的选项，按名称给出",
    ),
    "Close Protocol": said("关闭协议", "断开 `打开协议` 打开的协议。"),
    "Send To Protocol": said("向协议发送", "通过已打开的协议发送一条消息。"),
    "Receive From Protocol": said(
        "从协议接收", "返回已打开的协议的下一条消息。", form="格式：以 ``文本``（UTF-8）还是 ``字节`` 返回"
    ),
    "Register Protocol": said("注册协议", "在本次运行中让 `打开协议` 认识您自己的协议。", name="名称：协议叫什么"),
    "Unregister Protocol": said("注销协议", "撤销 `注册协议`：名称恢复原来的含义。", name="名称：协议的名称"),
    "Register Codec": said(
        "注册编解码器", "在本次运行中让 `打开通道` 认识您自己的编解码器。", name="名称：编解码器叫什么"
    ),
    "Unregister Codec": said(
        "注销编解码器", "撤销 `注册编解码器`；已经打开的通道不受影响。", name="名称：编解码器的名称"
    ),
}
