"""SPICE ports SPICE 端口, shared folders 共享文件夹, smartcards 智能卡."""

from __future__ import annotations

from ATPLibrary.keywords.chinese.said import said

_PORT = "端口：端口的名称；只打开了一个时可以不写"

TAGS = {"Smartcard": "智能卡"}

VALUES = ({"opened": "已打开", "closed": "已关闭"},)

KEYWORDS = {
    "Open SPICE Port": said(
        "打开 SPICE 端口",
        "按名称打开虚拟机 SPICE 服务器的一个端口，没有会话时先开始会话；返回其名称。"
        "另一端是客户机中打开同名 virtio-serial 端口的程序。",
        port="端口：端口的名称；虚拟机只有一个时可以不写",
    ),
    "Close SPICE Port": said("关闭 SPICE 端口", "关闭一个 SPICE 端口；客户机写来而未取走的内容会丢失。", port=_PORT),
    "Write To SPICE Port": said(
        "写入 SPICE 端口",
        "把文本以 UTF-8 写入已打开的 SPICE 端口，由客户机中的程序读取；先等到客户机中有程序打开它，等不到便失败，什么也没有写。",
        text="文本：要写的文本，可以是秘密变量；换行写 ``\\n``",
        port=_PORT,
    ),
    "Expect On SPICE Port": said(
        "期待 SPICE 端口",
        "等到客户机在 SPICE 端口上写出某段文本；返回到其末尾为止的全部内容，并把它取走。",
        text="文本：必须出现的文本，不能为空",
        port=_PORT,
    ),
    "SPICE Port Should Be": said(
        "SPICE 端口应为",
        "等到客户机中有程序打开了这个 SPICE 端口，或没有程序打开它；此端须已打开。"
        "服务器最近一次告知此事的消息被有意的故障损坏时失败：无从得知。",
        state="状态：在客户机中 ``已打开`` 或 ``已关闭``",
        port=_PORT,
    ),
    "Share Folder": said(
        "共享文件夹",
        "经 SPICE 会话以 WebDAV 把本机的一个文件夹共享给虚拟机，取代之前共享的文件夹。客户机中由 ``spice-webdavd`` 提供，"
        "地址为 http://localhost:9843/ 。需要附加组件 ``webdav`` 。本机上的其他人不能由此访问该文件夹。",
        directory="文件夹：本机的文件夹；其中的一切客户机都可以读取和写入",
        read_only="只读：客户机不能写入",
    ),
    "Stop Sharing Folder": said("停止共享文件夹", "不再把文件夹共享给虚拟机；没有共享时什么也不做。"),
    "Get Shared Folder Requests": said(
        "获取共享文件夹请求", "返回客户机向共享文件夹提出的请求及回答的状态，如 ``GET /a.txt 200``；可以同时断言。"
    ),
    "Insert Smartcard": said(
        "插入智能卡",
        "经 SPICE 会话把一张模拟的智能卡插入虚拟机的读卡器，并等到 QEMU 把它呈现给客户机。第一张卡会带来读卡器：客户机 USB"
        " 总线上的 CCID 设备。",
        answers="应答：字典，十六进制文本：命令的开头，及包括状态字的完整应答，如 ``00A40400=9000``；取最长的匹配，"
        "没有匹配的命令以 ``6D00`` 拒绝",
        atr="复位应答：卡的 ATR，十六进制；默认为一张普通的 T=1 卡",
    ),
    "Remove Smartcard": said("取出智能卡", "从虚拟机的读卡器中取出智能卡，读卡器保留；没有卡时什么也不做。"),
    "Get Smartcard Commands": said(
        "获取智能卡命令", "返回客户机向读卡器中的卡发出的命令及得到的应答，如 ``00A40400 -> 9000``；可以同时断言。"
    ),
}
