"""USB through SPICE 经 SPICE 的 USB 设备: keyboard 键盘, storage 磁盘, serial 串口."""

from __future__ import annotations

from ATPLibrary.keywords.chinese.said import said

_NAME = "名称：`连接 USB 设备` 返回的名称"

KEYWORDS = {
    "Attach USB Device": said(
        "连接 USB 设备",
        "经 SPICE 会话给虚拟机插上一个 USB 设备，并等到客户机的驱动与它通信；返回设备的名称。设备由本库模拟，本机上不需要任何硬件。"
        "没有 USB 通道、通道都已占用、被 QEMU 的过滤规则拒绝、客户机没有枚举或没有驱动时，错误会分别说明。",
        device="设备：``keyboard`` 键盘、``storage`` 磁盘、``serial`` 串口，或您自己的类（继承 ``UsbDevice``）的对象",
        image="镜像：磁盘的内容，即由 512 字节的块组成的原始镜像文件；客户机写入的内容写进该文件",
        name="名称：怎样称呼它；默认为种类，有多个时加编号，如 ``storage-2``",
        read_only="只读：客户机不能写入的磁盘",
        echo="回显：串口把客户机写入的内容发回去",
    ),
    "Detach USB Device": said("断开 USB 设备", "拔下一个 USB 设备，并等到 QEMU 把它从客户机取走。", name=_NAME),
    "USB Device Should Be Attached": said(
        "USB 设备应已连接",
        "等到客户机内核中有这个 USB 设备，且它的每个接口都有驱动；经 QEMU 客户机代理在客户机内查看 sysfs，只适用于 Linux。"
        "返回客户机对它的描述：路径、编号、速度、驱动、``/dev`` 中的节点。",
        name=_NAME,
        node="节点：它在 ``/dev`` 中的某个名称应以此开头，如磁盘的 ``sd``；客户机会先检查磁盘一秒钟",
    ),
    "Type On USB Keyboard": said(
        "用 USB 键盘输入",
        "在已插上的 USB 键盘上按虚拟机的键盘布局输入，每秒 125 次按下或松开。是否到达由 ``启动输入观察`` 等关键字证明。",
        text="文本：要输入的文本，可以是秘密变量",
        name="名称：哪个键盘",
    ),
    "Write To USB Serial Line": said(
        "写入 USB 串口",
        "把文本以 UTF-8 写入已插上的 USB 串口，由客户机读取。",
        text="文本：要写的文本，可以是秘密变量；换行写 ``\\n``",
        name="名称：哪个串口",
    ),
    "Expect On USB Serial Line": said(
        "期待 USB 串口",
        "等到客户机在 USB 串口上写出某段文本；返回到其末尾为止的全部内容，并把它取走。",
        text="文本：必须出现的文本，不能为空",
        name="名称：哪个串口",
    ),
}
