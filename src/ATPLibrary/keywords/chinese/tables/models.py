"""Models 模板: clones, copies, versions, and links to upgrade them by."""

from __future__ import annotations

from ATPLibrary.keywords.chinese.said import said

ARGUMENTS = """
hosts          主机      一台或多台主机的名称或编号；默认为平台给出的全部
link           链接      `创建模板升级链接` 返回的链接
prefix         名称前缀  新桌面的名称以什么开头，后接 ``-001`` 等
storage_pools  存储池    每个磁盘放在哪个存储池；空文本则留在模板旁边
url_prefix     地址前缀  链接的地址以什么开头；默认由平台决定
valid_days     有效天数  链接在多少天内有效
"""

TAGS = {"Model": "模板"}

KEYWORDS = {
    "Get Model": said("获取模板", "返回平台关于一个模板的信息，或其中一个字段；有期望时加以断言，有超时则等到如此。"),
    "Model Should Exist": said("模板应存在", "平台没有列出这个模板时失败；有超时则等到它出现。"),
    "Model Should Not Exist": said("模板不应存在", "平台还列出这个模板时失败；有超时则等到它消失。"),
    "Clone Model": said(
        "克隆模板",
        "由模板创建链接克隆的桌面，不属于任何桌面池，等到建好，返回事件编号。",
        amount="数量：创建多少个桌面",
    ),
    "Get Model Disks": said("获取模板磁盘", "返回模板的磁盘；模板在几台主机上，磁盘就在每台主机上各列一次。"),
    "Get Model Copies": said("获取模板同步列表", "返回平台所列的模板在其它主机上的位置。"),
    "Copy Model To Hosts": said(
        "同步模板到主机", "把模板复制到其它主机，使那里也能由它克隆桌面，等到完成，返回事件编号。"
    ),
    "Reset Desktops Of Model": said(
        "重置模板的桌面", "把由模板克隆的全部桌面恢复成模板现在的样子，等到完成，返回事件编号。桌面必须都已关机。"
    ),
    "Convert Model To Desktop": said("模板转为桌面", "把模板变回同名的普通桌面；不能还有由它克隆的桌面。"),
    "Begin Model Upgrade": said(
        "开始模板升级",
        "开始制作模板的下一版本：平台创建一个带有模板磁盘的桌面供修改，返回它的名称。改好并关机后 `完成模板升级`。",
    ),
    "Complete Model Upgrade": said(
        "完成模板升级", "把改好并已关机的桌面作为模板；已有的桌面用 `重置模板的桌面` 得到新版本。"
    ),
    "Cancel Model Upgrade": said("取消模板升级", "模板保持原样，并删除为升级创建的桌面。"),
    "Create Model Upgrade Link": said(
        "创建模板升级链接",
        "创建并返回一个链接，没有帐号的人可以用它升级模板。",
        password="密码：打开链接时要输入的，秘密变量；默认由平台生成",
    ),
    "Get Model Upgrade Link": said("获取模板升级链接", "返回模板的升级链接；没有时失败。"),
    "Model Upgrade Link Should Be Valid": said(
        "模板升级链接应有效", "平台不再接受这个链接和密码时失败。", password="密码：打开链接时要输入的，秘密变量"
    ),
}
