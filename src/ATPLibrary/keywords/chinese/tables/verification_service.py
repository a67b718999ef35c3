"""Agents that dial in: the verification service 验证服务 and its tokens 令牌."""

from __future__ import annotations

from ATPLibrary.keywords.chinese.said import said

_FILE = "文件：同时写入本机的这个文件，只有您能读"

KEYWORDS = {
    "Start Verification Service": said(
        "启动验证服务",
        "监听主动连接的代理：用于没有 virtio-serial 端口的虚拟机，或配置为 ``agent: {via: service}`` 时。返回各监听地址。"
        "只有持有其虚拟机令牌的代理才能接入；一直运行到 `停止验证服务` 或运行结束。没有给出的取自配置。",
        host="地址：监听本机的哪个地址；默认 ``127.0.0.1``，只有本机能连接",
        websocket_port="网页端口：WebSocket，默认 8765；``0`` 为任意空闲端口",
        tcp_port="流端口：TCP，默认 8766；``0`` 为任意空闲端口",
        unix_socket="本机套接字：UNIX 套接字的路径，最多 107 字节；默认没有",
    ),
    "Stop Verification Service": said(
        "停止验证服务", "结束验证服务和所有代理的连接；令牌在再次启动后仍然有效。没有运行时什么也不做。"
    ),
    "Create Agent Token": said(
        "创建代理令牌",
        "为虚拟机的代理创建接入验证服务的令牌，作为保密值返回。原有令牌立即失效，用它建立的连接随之结束；"
        "不想中断请用 `轮换代理令牌`。令牌保持到运行结束。",
        token="令牌：客户机中已有的令牌；默认创建新的",
        vm_id="代理标识：代理对虚拟机的称呼，仅当它不是名称、UUID 或 SMBIOS 序列号时需要",
        file=_FILE,
    ),
    "Rotate Agent Token": said(
        "轮换代理令牌",
        "为虚拟机的代理创建新令牌，作为保密值返回。在代理用过新令牌之前，旧令牌仍然有效；已有的连接保持不变。",
        file=_FILE,
    ),
    "Get Web Verifier Address": said(
        "获取网页验证器地址",
        "返回虚拟机的网页验证器的地址，作为保密值，其中 ``#`` 之后是令牌。在客户机的浏览器中打开，网页便像代理一样报告浏览器看到的"
        "键盘、鼠标、滚轮和触摸。没有令牌的虚拟机会得到一个。",
        host="地址：客户机的浏览器怎样到达本机；默认为服务监听的地址",
        file=_FILE,
    ),
    "Get Connected Agents": said("获取已连接代理", "返回其代理已接入验证服务的各虚拟机的名称，按接入的先后。"),
}
