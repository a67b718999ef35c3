"""Users 用户 and their groups 组织单位: accounts, whose a desktop is, what is shown at login, what terminals may do."""

from __future__ import annotations

from ATPLibrary.keywords.chinese.said import said

ARGUMENTS = """
containing     包含            只取账号中含有这段文字的
desktop        桌面            桌面的名称或编号
desktops       桌面            一个或多个桌面的名称或编号
field          字段            要取的字段；不写则返回全部
fingerprint    指纹            指纹特征码，放在秘密变量中
given_name     名              名字
group          组织单位        组织单位的名称或路径
id_number      身份证号        身份证号码
inside         上级            上级组织单位的名称或路径；默认为最上层的那一个
mail           邮箱            电子邮件
mobile         手机            手机号码
name           名称            用户的账号，或组织单位的名称或路径
of             对象            ``名称`` 是 ``用户`` 还是 ``组织单位``
path           路径            本机上的文件
policy_fields  策略字段        `获取设备策略` 的字段及其新值
source         来源            ``目录服务`` 为域控（LDAP），或 ``浙政钉``
surname        姓              姓氏
user           用户            用户的账号
users          用户            一个或多个用户的账号
"""

VALUES = (
    {"user": "用户", "group": "组织单位"},
    {"directory": "目录服务", "zhezhengding": "浙政钉"},
)

TAGS = {"User": "用户", "User Group": "组织单位"}

FIELDS = {
    "account": "账号",
    "display_name": "显示名称",
    "given_name": "名",
    "surname": "姓",
    "mail": "邮箱",
    "mobile": "手机",
    "id_number": "身份证号",
    "group": "组织单位",
    "last_login_time": "最后登录时间",
    "distinguished_name": "可分辨名称",
    "ou": "组织单位名称",
    "clipboard_access": "剪贴板权限",
    "disk_access": "磁盘权限",
    "disk_redirect": "磁盘重定向",
    "enable_disk": "启用磁盘",
    "enable_camera": "启用摄像头",
    "enable_redirection": "启用重定向",
    "allow_internet": "允许上网",
}

_LOGIN_PASSWORD = "密码：秘密变量；默认为 `创建用户` 或 `设置用户密码` 给这个用户的密码"

KEYWORDS = {
    "Create User": said(
        "创建用户",
        "创建可以登录、可以分到桌面的用户。",
        user="用户：账号，用户以它登录",
        group="组织单位：组织单位的名称或路径；默认为最上层的那一个",
        password="密码：秘密变量，例如 ``VAR    ${密码: secret}    %{环境变量}``；不写则为平台的初始密码",
    ),
    "Create Users": said(
        "批量创建用户",
        "一次创建多个用户，返回它们的账号：平台用前缀加序号作为账号。",
        prefix="前缀：账号如何开头",
        group="组织单位：组织单位的名称或路径；默认为最上层的那一个",
    ),
    "Change User": said("修改用户", "修改用户的信息。没有写出的保持不变；空文本表示去掉。"),
    "Set User Password": said("设置用户密码", "给用户另一个密码。"),
    "Move Users To Group": said("移动用户到组织单位", "把用户移到另一个组织单位。"),
    "Delete User": said("删除用户", "删除用户。原来属于这个用户的桌面不再属于任何人。"),
    "Get User": said("获取用户", "返回平台关于一个用户的信息，或其中一个字段。"),
    "Get Users": said("获取用户列表", "返回全部用户的账号，或一个组织单位中用户的账号。"),
    "Save User Sheet": said(
        "保存用户模板文件",
        "保存空白的表格文件，填好后由 `导入用户` 使用，返回它的路径。",
        file="文件：写到哪个文件，已有的会被替换；相对路径以输出目录为准",
    ),
    "Import Users": said(
        "导入用户",
        "按表格文件创建用户，返回新的账号。一个用户也没有创建时失败，并附平台的说明。",
        path="路径：填好的表格文件，来自 `保存用户模板文件`",
    ),
    "Synchronize Users": said("同步用户", "让平台从用户的来源处重新读取组织单位和用户。"),
    "User Should Exist": said("用户应存在", "平台没有这个账号的用户时失败。"),
    "User Should Not Exist": said("用户不应存在", "平台有这个账号的用户时失败。"),
    "Create User Group": said(
        "创建组织单位",
        "创建组织单位，返回它的路径，如 ``ou=sales,ou=users`` 。",
        group="组织单位：名称，可用任何语言",
    ),
    "Rename User Group": said(
        "重命名组织单位",
        "给组织单位另一个名称，返回新的路径。其中的用户和下级组织单位保持不变。",
        name="名称：新的名称",
    ),
    "Delete User Group": said("删除组织单位", "删除组织单位。其中还有人时平台通常会拒绝。"),
    "Get User Group": said("获取组织单位", "返回平台关于一个组织单位的信息，或其中一个字段。"),
    "Get User Groups": said("获取组织单位列表", "返回全部组织单位的路径，上级在下级之前。"),
    "User Group Should Exist": said("组织单位应存在", "平台没有这个组织单位时失败。"),
    "User Group Should Not Exist": said("组织单位不应存在", "平台有这个组织单位时失败。"),
    "Bind User To Desktop": said("绑定用户到桌面", "让桌面归一个用户所有。桌面已属于别的用户时失败：要先解绑。"),
    "Unbind User From Desktop": said(
        "解除用户与桌面的绑定", "收回用户的桌面，用户登录后不再看到它。桌面不属于这个用户时失败。"
    ),
    "Get User Desktops": said(
        "获取用户桌面", "返回归一个用户所有的桌面的名称。用户登录后看到什么，见 `获取登录后桌面` 。"
    ),
    "Close User Desktops": said("关闭用户桌面", "关闭这些用户的全部桌面，等到都已关机。"),
    "Get Desktops At Login": said(
        "获取登录后桌面",
        "像用户自己的客户端那样登录，返回用户看到的桌面的名称。不影响 `登录平台` 的会话。",
        password=_LOGIN_PASSWORD,
    ),
    "User Should See Desktop": said(
        "用户应看到桌面", "像用户自己的客户端那样登录，用户看不到这个桌面时失败。", password=_LOGIN_PASSWORD
    ),
    "User Should Not See Desktop": said(
        "用户不应看到桌面", "像用户自己的客户端那样登录，用户看到这个桌面时失败。", password=_LOGIN_PASSWORD
    ),
    "User Should Not Be Able To Log In": said(
        "用户应无法登录",
        "像用户自己的客户端那样登录，平台没有拒绝时失败。平台没有答复也是失败：那说明不了什么。",
        password=_LOGIN_PASSWORD,
    ),
    "Get Device Policy": said("获取设备策略", "返回用户或组织单位的设备重定向策略，或其中一个字段。"),
    "Set Device Policy": said(
        "设置设备策略",
        "修改用户或组织单位的设备重定向策略。没有写出的保持不变；以前没有设置过的，要写出平台所要的全部字段。",
    ),
    "Get User Applications": said("获取用户应用", "返回用户不经桌面就能使用的应用的名称。"),
    "Set User Fingerprint": said("设置用户指纹", "设置终端用来识别用户的指纹。"),
    "Get Users With Fingerprint": said("获取有指纹的用户", "返回有指纹的用户的账号。指纹本身保密。"),
}
