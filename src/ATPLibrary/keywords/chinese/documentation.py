"""The documentation of a Chinese keyword: its own sentence, its arguments from the words, and the English example in Chinese."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping

from ATPLibrary.keywords.chinese import fields
from ATPLibrary.keywords.chinese.alias import Alias
from ATPLibrary.keywords.chinese.tables import key

# What the English examples call things.
_NAMES: dict[str, str] = {
    "sales": "销售部",
    "sales-*": "销售部-*",
    "deleted-pool": "已删除的池",
    "deleted-vm": "已删除的虚拟机",
    "clean": "干净状态",
    "tester": "测试员",
    "production": "生产",
    "just installed": "刚装好",
}
_VARIABLES: dict[str, str] = {
    "address": "地址",
    "answer": "应答",
    "before": "之前",
    "bytes": "字节",
    "changes": "变化",
    "channels": "通道",
    "copied": "结果",
    "cpus": "处理器",
    "devices": "设备",
    "disks": "磁盘",
    "errors": "错误",
    "event": "事件",
    "events": "事件列表",
    "filesystems": "文件系统",
    "host": "主机",
    "hosts": "主机列表",
    "how": "方式",
    "info": "信息",
    "interfaces": "网络接口",
    "lease": "租用",
    "leases": "租用列表",
    "line": "行",
    "median": "中位数",
    "models": "模板",
    "now": "现在",
    "os": "操作系统",
    "password": "密码",
    "path": "路径",
    "pool": "桌面池",
    "pools": "桌面池列表",
    "desktops": "桌面",
    "protocols": "协议",
    "result": "结果",
    "sha256": "校验和",
    "snapshot": "快照",
    "snapshots": "快照列表",
    "state": "状态",
    "statistics": "统计",
    "stats": "统计",
    "status": "状态",
    "tags": "标签",
    "text": "文本",
    "users": "用户",
    "variables": "变量",
    "version": "版本",
    "vms": "虚拟机列表",
    "with gpu": "带显卡的主机",
    "xml": "定义",
}
_CODE = re.compile(r"(``[^`]+``)")
_MARKS = {"、": ", ", "，": ", ", "。": ".", "；": "; ", "：": ": ", "）": ") "}
_VARIABLE = re.compile(r"(?<=[$@&]\{)[\w ]+(?=[}.\[:])")


def documentation(alias: Alias, english: str, find: Callable[[str], Alias | None]) -> str:
    """`english` is the English keyword's documentation; `find` looks a keyword of the same library up by its English name."""
    arguments = [
        f"- ``{chinese}`` (``{name}``): {_sentence(alias.explanations[name])}"
        for name, chinese in alias.chinese.items()
    ]
    parts = [
        _readable(alias.said.documentation),
        _readable("\n".join(arguments)),
        _example(english, find),
        f"英文关键字：`{alias.said.english}`。",
    ]
    return "\n\n".join(part for part in parts if part)


def _sentence(text: str) -> str:
    return text if text.endswith("…") else f"{text}。"


def _readable(text: str) -> str:
    """Robot Framework takes ``code`` for code only between blanks, brackets and its own punctuation marks."""
    around = _CODE.split(text)
    for number in range(1, len(around), 2):
        before, after = around[number - 1], around[number + 1]
        if before.endswith("（"):
            before = before[:-1] + " ("
        elif before and before[-1] not in " \n(":
            before += " "
        if after[:1] in _MARKS:
            after = _MARKS[after[0]] + after[1:]
        elif after and after[0] not in " \n).,:;":
            after = " " + after
        around[number - 1], around[number + 1] = before, after
    return "".join(around)


def _example(english: str, find: Callable[[str], Alias | None]) -> str:
    rows = [line[2:] for line in english.splitlines() if line.startswith("| ")]
    return "\n".join(["示例：", *(f"| {_row(row, find)}" for row in rows)]) if rows else ""


def _row(row: str, find: Callable[[str], Alias | None]) -> str:
    """One row of an example: keyword, arguments' names, words, and what things are called."""
    cells = re.split(r"(\s{2,})", row)
    said: Alias | None = None
    told: Mapping[str, str] = {}
    for number, cell in enumerate(cells):
        if not cell or cell.isspace():
            continue
        if said is None and (alias := find(cell)) is not None:
            said, cells[number], names = alias, alias.said.name, alias.names()
        elif said is None:
            cells[number] = _named(cell)
        else:
            name, separator, value = cell.partition("=")
            if separator and name in said.chinese:
                cells[number] = f"{said.chinese[name]}={_word(said, name, value, told)}"
            elif separator and said.takes_fields and fields.chinese(name) != name:
                cells[number] = f"{fields.chinese(name)}={fields.chinese_value(value)}"
            else:
                name = next(names)
                cells[number] = _word(said, name, cell, told)
                if fields.is_field_argument(key(said.keyword), name):
                    told = {"field": cell}
    return "".join(cells)


def _word(alias: Alias, argument: str, text: str, told: Mapping[str, str]) -> str:
    if argument in alias.truths:
        return {"True": "是", "False": "否"}.get(text, text)
    for chinese, member in alias.values.get(argument, {}).items():
        if str(getattr(member, "value", member)) == text:
            return chinese
    if fields.is_field_argument(key(alias.keyword), argument):
        return fields.chinese(text)
    if argument == "expected" and "field" in told:
        return fields.chinese_value(text)
    return _named(text)


def _named(text: str) -> str:
    text = _NAMES.get(text) or re.sub(r"^sales-(?=\d+$)", "销售部-", text)
    return _VARIABLE.sub(lambda found: _VARIABLES.get(found[0], found[0]), text)
