"""SPICE video, sound and films SPICE 视频、声音、录像: streams 视频流, codecs 编解码器."""

from __future__ import annotations

from ATPLibrary.keywords.chinese.said import said

_DISPLAY = "通道：``display``，或带编号的 ``display:1``；必须已打开"
_MODE = "模式：``raw`` 发送原始采样，``opus`` 像查看器那样压缩（需要 PyAV）；默认 ``raw``"
_RATE = "每秒帧数：每秒至多多少幅画面，默认 10"

FIELDS = {
    "observed": "实际",
    "announced": "已声明",
    "preferred": "已请求",
    "decoded": "已解码",
}

VALUES = ({"raw": "原始采样"},)

KEYWORDS = {
    "Get SPICE Streams": said(
        "获取 SPICE 视频流",
        "返回一个 SPICE 显示通道现有的视频流，或通道打开以来所有流合计的一项：帧、字节、已绘制、丢失、迟到。"
        "QEMU 把屏幕按 32 像素宽的列来传。一帧也没有到来时，对 ``lost`` 和 ``late`` 的断言失败；"
        "有意的故障损坏过通道的消息后，对 ``lost`` 、``count`` 、``codecs`` 和整个列表的断言也失败；"
        "没有流时，对 ``codecs`` 的断言失败。",
        field="字段：``count``、``codecs``、``frames``、``bytes``、``drawn``、``lost`` 或 ``late``；不写则返回全部",
        channel=_DISPLAY,
    ),
    "Codec Should Be Streamed": said(
        "应以编解码器传送",
        "请服务器使用某个视频编解码器，并等到它的帧到来且已解码。屏幕上必须有内容在动。"
        "服务器不能编码时说明它实际传送的是什么。通道打开后的第一秒内不发出请求，因为这会使服务器崩溃。",
        codec="编解码器：``MJPEG``、``VP8``、``VP9``、``H264`` 或 ``H265``",
        within="时限：等待多久，默认 10 秒",
        channel=_DISPLAY,
    ),
    "Get Codec Matrix": said(
        "获取编解码器矩阵",
        "逐个请求视频编解码器，返回每个的结果：是否已声明、能否请求、实际传送什么、解码多少帧。服务器或本机做不到的，用一句话说明原因。",
        codecs="编解码器：哪些；默认全部",
        within="时限：每个最多等待多久，默认 5 秒",
        channel=_DISPLAY,
    ),
    "Get SPICE Sound": said(
        "获取 SPICE 声音",
        "返回播放通道所说的声音状态：是否在播放、声道数、频率、音量、静音、延迟、数据包。通道 ``playback`` 必须已打开。",
    ),
    "Tone Should Be Heard": said(
        "应听到音调",
        "等到客户机播放某个频率的音调，返回测得的频率（Hz）。关键字开始之前播放的不算；听不到时说明最后听到什么。",
        frequency="频率：以 Hz 计，20 到 24000",
        within="时限：等待多久，默认 5 秒",
        tolerance="容差：频率允许相差多少 Hz，默认 10",
    ),
    "Silence Should Be Heard": said(
        "应听不到声音",
        "听一段时间，客户机一播放声音就失败，并说明听到什么；收到而不能解码的声音不算安静；"
        "有意的故障影响了通道的消息、虚拟机不在运行或其间停过、QEMU 不应答时也失败。",
        duration="时长：必须安静多久，默认 1 秒",
        below="低于：多少分贝以下算安静，默认 -60",
    ),
    "Start Audio Recording": said(
        "启动录音",
        "把客户机播放的声音录成 WAV 文件，直到 `停止录音`。返回文件路径。从第一个声音开始，声音之间的停顿保留。",
        file="文件：写到哪里；默认在日志旁边，以虚拟机命名",
    ),
    "Stop Audio Recording": said("停止录音", "结束 `启动录音` 所开始的录音，在日志中链接文件，返回其路径。"),
    "Send Tone": said(
        "发送音调",
        "把一个音调送进客户机的麦克风。先等到客户机中有程序在录音；客户机是否听到，由客户机来说。",
        frequency="频率：以 Hz 计，20 到 24000",
        duration="时长：多久，默认 1 秒",
        volume="音量：0 到 1，默认 0.5",
        mode=_MODE,
    ),
    "Play Audio Into Guest": said(
        "向客户机播放声音",
        "把一个 WAV 文件送进客户机的麦克风。先等到客户机中有程序在录音；客户机是否听到，由客户机来说。",
        file="文件：16 位采样的 WAV 文件",
        mode=_MODE,
    ),
    "Start Screen Recording": said(
        "启动屏幕录制",
        "录下 SPICE 显示通道的画面，直到 `停止屏幕录制`。返回文件路径。画面不变时不耗费什么；声音另用 `启动录音`。",
        file="文件：``.mp4`` 或 ``.webm``；默认在日志旁边，以虚拟机命名",
        frames_per_second=_RATE,
        channel=_DISPLAY,
    ),
    "Stop Screen Recording": said("停止屏幕录制", "结束 `启动屏幕录制` 所开始的录像，在日志中显示，返回其路径。"),
    "Start Live View": said(
        "启动直播",
        "以 HLS 直播 SPICE 显示通道的画面，供播放器在测试进行时观看。返回播放列表的地址或路径。",
        folder="文件夹：写到哪里；每个虚拟机用自己的",
        frames_per_second=_RATE,
        serve="提供网址：本机能否通过 HTTP 取得文件夹中的文件",
        channel=_DISPLAY,
    ),
    "Stop Live View": said("停止直播", "结束 `启动直播` 所开始的直播；最后的片段留在文件夹中。"),
    "Start RTSP Stream": said(
        "启动 RTSP 流",
        "用 GStreamer 的 RTSP 服务器以 H264 直播 SPICE 显示通道的画面，返回地址。没有人观看时不编码；新来的观看者立即得到画面。"
        "缺少 Debian 软件包时说明要安装哪些。",
        port="端口：在哪个端口监听，默认任一空闲端口",
        frames_per_second=_RATE,
        address="地址：在哪个 IP 地址监听，默认 ``127.0.0.1``，即仅本机；没有密码",
        channel=_DISPLAY,
    ),
    "Stop RTSP Stream": said("停止 RTSP 流", "结束 `启动 RTSP 流` 所开始的流：观看者的连接关闭，服务器进程结束。"),
}
