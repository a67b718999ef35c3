"""What changes desk pools 桌面池: their models, desktops, groups 组织单位 and graphics cards 显卡; and class rooms 电子教室."""

from __future__ import annotations

from ATPLibrary.keywords.chinese.said import said

ARGUMENTS = """
amount         数量    要有多少个桌面；多出的由当前模板创建
cards          显卡    可用的显卡，各写作 PCI 地址和主机的名称或编号：``0000:81:00.0@lab-a``
class_number   频道号  电子教室的频道号
desktops       桌面    一个或多个桌面的名称或编号
groups         组织单位  组织单位的名称，或其完整路径：``ou=销售部,ou=办公室``
models         模板    模板的名称或编号
name           名称    从此叫什么；其中的桌面不改名
"""

VALUES = ({"not shared": "非共享", "shared": "共享", "teaching": "教学"},)

TAGS = {"Class Room": "电子教室", "Graphics": "显卡", "User": "用户"}

KEYWORDS = {
    "Update Desk Pool": said(
        "修改桌面池", "修改桌面池的名称、桌面数量或备注，等到平台完成；没有写出的保持不变。返回事件编号。"
    ),
    "Set Desk Pool Models": said("设置桌面池模板", "设置桌面池可以切换到哪些模板，当前模板必须在其中。返回事件编号。"),
    "Switch Desk Pool Model": said(
        "切换桌面池模板",
        "用另一个模板重做桌面池的全部桌面，等到完成，返回事件编号。桌面必须都已关机，系统盘上原有的内容全部丢失。",
    ),
    "Archive Desk Pool": said("归档桌面池", "归档桌面池：它被禁用，其中的桌面在 `激活桌面池` 之前不能启动。"),
    "Activate Desk Pool": said("激活桌面池", "把桌面池从归档中取回；此后它是禁用的，见 `启用桌面池`。"),
    "Add Desktops To Desk Pool": said(
        "添加桌面到桌面池", "把不属于任何桌面池的桌面放入桌面池；平台没有放入的逐个列出并失败。"
    ),
    "Remove Desktops From Desk Pool": said("从桌面池移除桌面", "把桌面移出桌面池，它们照常存在。"),
    "Give Desk Pool To Groups": said(
        "关联桌面池与组织单位", "让组织单位的用户可以使用桌面池；平台没有关联的逐个列出并失败。"
    ),
    "Take Desk Pool From Groups": said("解除桌面池与组织单位的关联", "组织单位的用户从此不能使用桌面池。"),
    "Give Graphics Cards To Desk Pool": said(
        "为桌面池透传显卡",
        "给桌面池的桌面各透传一张所在主机的显卡，返回此时有显卡的桌面数。",
        desktops="桌面数：给多少个桌面；默认与显卡一样多",
    ),
    "Get Class Room Models": said("获取教室模板列表", "返回电子教室的教师可以选择的模板的名称，当前的在最前。"),
    "Switch Class Room Model": said(
        "切换教室模板",
        "像教师那样把电子教室切换到另一个模板，等到全部桌面完成，返回事件编号。桌面必须都已关机。",
    ),
}
