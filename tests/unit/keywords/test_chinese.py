"""Every keyword has a Chinese name, and a call by it is the English keyword's call: the same method, the same arguments."""

from __future__ import annotations

import enum
import importlib
import pkgutil
import re
from collections.abc import Callable
from datetime import timedelta
from pathlib import Path
from typing import Any, Literal, get_args, get_origin, get_type_hints

import pytest
from robot.api.types import Secret
from robot.utils import html_format

from ATPLibrary.errors import ATPError, InputError
from ATPLibrary.keywords.chinese import tables as topics
from ATPLibrary.keywords.chinese.alias import Alias
from ATPLibrary.keywords.chinese.tables import key, tables
from ATPLibrary.keywords.chinese.words import LATIN, PROPER_NAMES, TERMS, is_same_in_chinese
from ATPLibrary.keywords.libraries import ATPLibrary
from ATPLibrary.keywords.platform.fields import compared, word
from ATPLibrary.transport import VmState
from ATPLibrary.vdi import Vm, shapes
from ATPLibrary.vdi.shapes import base, people, sessions, storage, templates, vm_devices, vm_orders, vms
from ATPLibrary.vdi.shapes.base import Request, VendorModel

pytestmark = pytest.mark.unit

ROOT = Path(__file__).parents[3]
HERE = "src/ATPLibrary/keywords/chinese/tables/"
LIBRARY = ATPLibrary()
ENGLISH = {key(name): name for name in LIBRARY.keywords if name not in LIBRARY.chinese}
ALIASES = sorted(LIBRARY.chinese.values(), key=lambda alias: alias.said.name)
CHINESE = "Language: zh-CN\n\n*** 设置 ***\n程序库    ATPLibrary\n\n*** 用例 ***\n"

# What the client works with and no getter returns: envelopes, sessions, tickets, the ids of what was made.
NO_THINGS = (
    *(base.Outcome, base.ClientOutcome, base.Page, base.Timestamp, base.EventTicket, base.Refusal, base.BatchAnswer),
    *(sessions.LoginAnswer, people.UserLogin, people.ZzdUser, people.ImportedUsers, templates.Upgrade),
    *(storage.CreatedVolume, vm_devices.FreePort, vm_devices.ServerPorts),
    *(vm_orders.NotBound, vm_orders.CreatedVm, vm_orders.CloneAnswer, vms.MonitorAnswer),
)

each_alias = pytest.mark.parametrize("alias", ALIASES, ids=lambda alias: alias.said.name)


def latin_in(text: str) -> set[str]:
    return set(re.findall(r"[A-Za-z]+", text)) - LATIN


def alias_of(english: str) -> Alias:
    return next(alias for alias in ALIASES if alias.said.english == english)


def test_every_keyword_has_a_chinese_name() -> None:
    without = sorted(name for name in ENGLISH.values() if key(name) not in tables().keywords)
    assert without == [], f"Say them in Chinese: a line each in KEYWORDS of their topic's module in {HERE}"


def test_the_tables_say_no_keyword_that_is_not_there(documentation: dict[str, Any]) -> None:
    named = {keyword.name for keyword in documentation["ATPLibrary"].keywords}
    gone = sorted(said.english for said in tables().keywords.values() if said.english not in named)
    assert gone == [], f"{HERE} names keywords that no library has (or not as libdoc writes them)"


def test_no_chinese_name_is_used_twice(documentation: dict[str, Any]) -> None:
    names = [said.name.replace(" ", "") for said in tables().keywords.values()]
    assert sorted({name for name in names if names.count(name) > 1}) == []
    written = {keyword.name for keyword in documentation["ATPLibrary"].keywords}
    assert {alias.said.name for alias in ALIASES} <= written, (
        "libdoc writes some otherwise: put blanks around Latin letters"
    )


@each_alias
def test_a_chinese_name_is_made_of_the_words_for_its_english_terms(alias: Alias) -> None:
    assert not latin_in(alias.said.name)
    rest = alias.said.english
    for term in sorted(TERMS, key=len, reverse=True):
        if re.search(rf"\b{term}\b", rest):
            assert TERMS[term] in alias.said.name, f"'{term}' is '{TERMS[term]}' in Chinese (chinese/words.py)"
            rest = re.sub(rf"\b{term}\b", "", rest)


@each_alias
def test_every_argument_has_a_chinese_name_and_is_explained(alias: Alias) -> None:
    missing = [name for name, chinese in alias.chinese.items() if latin_in(chinese) or not alias.explanations[name]]
    assert missing == [], f"{alias.said.name}: say them in ARGUMENTS of its module in {HERE}, or of common.py there"
    assert len(alias.english) == len(alias.chinese), f"{alias.said.name}: two arguments are called the same"


@each_alias
def test_every_word_that_an_argument_may_be_is_there_in_chinese(alias: Alias) -> None:
    for name, kind in LIBRARY.get_keyword_types(alias.keyword).items():
        if isinstance(kind, type) and issubclass(kind, enum.Enum):
            english = {str(member.value) for member in kind}
        elif get_origin(kind) is Literal:
            english = {word for word in get_args(kind) if isinstance(word, str)}
        else:
            continue
        said = alias.values.get(name, {})
        wanted = {word for word in english if not is_same_in_chinese(word)}
        assert {str(getattr(member, "value", member)) for member in said.values()} == wanted, (
            f"{alias.said.name}: the words of '{name}' ({', '.join(sorted(english))}) stand in no VALUES in {HERE}"
        )
        assert len(said) == len(wanted)
        assert not [word for word in said if latin_in(word) - PROPER_NAMES]


def test_every_tag_and_field_has_a_chinese_word_of_its_own() -> None:
    tags = {tag for name in ENGLISH.values() for tag in LIBRARY.get_keyword_tags(name)}
    assert sorted(tag for tag in tags if tag not in tables().tags and tag not in LATIN) == [], f"TAGS in {HERE}"
    assert not [name for name in [*tables().english_fields, *tables().tags.values()] if latin_in(name)]
    modules = [
        importlib.import_module(f"{topics.__name__}.{each.name}") for each in pkgutil.iter_modules(topics.__path__)
    ]
    for module in modules:
        for english, chinese in getattr(module, "FIELDS", {}).items():
            assert tables().english_fields[chinese] == english, f"{chinese} means two fields ({module.__name__})"
        for codes in getattr(module, "CODES", {}).values():
            for english, chinese in codes.items():
                means = tables().english_codes[chinese]
                assert means == english.replace("_", " "), f"{chinese} means two codes ({module.__name__})"


def answers() -> list[type[VendorModel]]:
    """The shapes of what the platform tells about a thing, which getters return."""
    modules = [
        importlib.import_module(f"{shapes.__name__}.{each.name}") for each in pkgutil.iter_modules(shapes.__path__)
    ]
    kinds = {kind for module in modules for kind in vars(module).values() if isinstance(kind, type)}
    return [kind for kind in kinds if issubclass(kind, VendorModel) and not issubclass(kind, (Request, *NO_THINGS))]


def enums_in(kind: Any) -> set[type[enum.Enum]]:
    own = {kind} if isinstance(kind, type) and issubclass(kind, enum.Enum) else set()
    return own.union(*(enums_in(each) for each in get_args(kind)))


def test_every_field_of_what_the_platform_tells_has_a_chinese_name_and_every_code_a_word() -> None:
    fields, codes = set(), set()
    for kind in answers():
        properties = {name for name, value in vars(kind).items() if isinstance(value, property) and name[0] != "_"}
        fields |= {*kind.model_fields, *properties}
        hints = [get_type_hints(vars(kind)[name].fget).get("return") for name in properties]
        hints += [field.annotation for field in kind.model_fields.values()]
        codes |= {word(code) for hint in hints for found in enums_in(hint) for code in found}
    assert {"status", "is_enabled"} <= fields
    assert {"shut off", "running"} <= codes
    assert sorted(fields - tables().fields.keys()) == [], f"FIELDS in {HERE}"
    assert sorted(codes - tables().codes.keys()) == [], f"CODES in {HERE}"


@pytest.mark.parametrize(
    ("field", "operator", "expected", "compared_with"),
    [
        ("状态", "==", "运行中", ("running", "running")),
        ("状态", "!=", "已关机", ("running", "shut off")),
        ("是模板", "==", "否", (False, False)),
        ("处理器", "==", "2", (2, 2)),
        ("名称", "==", "运行中", ("运行中", "运行中")),
        ("备注", "包含", "是", ("是", "是")),
    ],
)
def test_a_field_is_asserted_in_chinese(
    field: str, operator: Any, expected: str, compared_with: tuple[Any, Any]
) -> None:
    vm = Vm.model_validate({"id": "1", "name": "运行中", "status": 1, "remark": "是", "cpu": 2, "isModel": False})
    positional, _ = called(alias_of("Get Desktop"), "一", field, operator, expected)
    assert compared("桌面", vm, *positional[1:]) == compared_with


def test_a_wrong_chinese_word_for_a_code_is_answered_with_the_chinese_ones() -> None:
    vm = Vm.model_validate({"id": "1", "name": "一", "status": 1})
    with pytest.raises(InputError, match=r"one of 已关机, 运行中, .*'跑着' is none of them"):
        compared("桌面", vm, "status", "==", "跑着")


@each_alias
def test_a_chinese_keyword_is_documented_in_chinese_and_leads_to_the_english_one_and_back(
    alias: Alias, documentation: dict[str, Any]
) -> None:
    assert re.search(r"[\u4e00-\u9fff]{4,}.*[。：]$", alias.said.documentation, re.DOTALL)
    doc = LIBRARY.get_keyword_documentation(alias.said.name)
    assert doc.startswith(alias.said.documentation.split("``")[0])
    assert "``" not in html_format(doc), "Robot Framework shows a pair of `` as it is: code needs blanks around it"
    for chinese in alias.chinese.values():
        assert f"- ``{chinese}``" in doc
    assert re.search(rf"^\| .*{alias.said.name}", doc, re.MULTILINE)
    assert f"`{alias.said.english}`" in doc
    assert f"`{alias.said.name}`" in LIBRARY.get_keyword_documentation(alias.keyword)
    mentioned = set(re.findall(r"(?<!`)`([^`\n]+)`(?!`)", doc))
    assert mentioned <= {keyword.name for keyword in documentation["ATPLibrary"].keywords}


def test_every_chinese_example_passes_a_dry_run_in_a_chinese_suite(run_robot: Callable[..., Any]) -> None:
    tests = []
    for alias in ALIASES:
        lines = [
            line[2:] for line in LIBRARY.get_keyword_documentation(alias.said.name).splitlines() if line.startswith("|")
        ]
        tests.append("\n    ".join([alias.said.name, *lines]))
        cells = {cell for line in lines for cell in re.split(r"\s{2,}", line)}
        ours = cells & {said.english for said in tables().keywords.values()}
        assert not ours, f"{alias.said.name}: its example calls {ours} in English"
    result = run_robot(CHINESE + "\n".join(tests) + "\n", dryrun=True, language="zh-CN")
    assert {test.name: test.message for test in result.suite.tests if not test.passed} == {}
    assert len(result.suite.tests) == len(ALIASES)


@each_alias
def test_a_chinese_keyword_is_the_same_method_with_the_same_arguments(
    alias: Alias, documentation: dict[str, Any]
) -> None:
    """So whatever holds of the English one holds of it: deadlines, `[Timeout]`, Ctrl-C, proof."""
    assert LIBRARY.keywords[alias.said.name] == LIBRARY.keywords[alias.keyword]
    by_name = {keyword.name: keyword for keyword in documentation["ATPLibrary"].keywords}
    chinese, english = by_name[alias.said.name].args, by_name[alias.said.english].args
    assert [each.kind for each in chinese] == [each.kind for each in english]
    assert [each.required for each in chinese] == [each.required for each in english]
    assert [alias.english.get(each.name, each.name) for each in chinese] == [each.name for each in english]


def called(alias: Alias, *positional: Any, **named: Any) -> tuple[tuple[Any, ...], dict[str, Any]]:
    """What the English keyword's method is given."""
    seen: list[Any] = []
    with pytest.MonkeyPatch.context() as patch:
        patch.setitem(LIBRARY.keywords, alias.keyword, lambda *args, **kwargs: seen.append((args, kwargs)))
        LIBRARY.run_keyword(alias.said.name, positional, named)
    return seen[0]  # type: ignore[no-any-return]


@each_alias
def test_what_is_given_in_chinese_reaches_the_english_argument(alias: Alias) -> None:
    """By place and by name, whatever it is; what the words mean is tried below."""
    specification = LIBRARY.get_keyword_arguments(alias.said.name)
    given = {
        chinese: object()
        for chinese in alias.english
        if f"*{chinese}" not in specification and f"**{chinese}" not in specification
    }
    positional, named = called(alias, **given)
    assert positional == ()
    assert named == {alias.english[chinese]: value for chinese, value in given.items()}
    rest = [
        each for each in specification if isinstance(each, str) and each.startswith("*") and not each.startswith("**")
    ]
    places = [object() for each in specification[: specification.index(rest[0]) if rest else None] if each[:2] != "**"]
    assert called(alias, *places) == (tuple(places), {})


@pytest.mark.parametrize(
    ("english", "positional", "named", "as_positional", "as_named"),
    [
        ("Get VM State", ["win11", "==", "运行中"], {"超时": 3}, ["win11", "==", VmState.RUNNING], {"timeout": 3}),
        ("Get VM State", ["运行中", "!=", VmState.CRASHED], {}, ["运行中", "!=", VmState.CRASHED], {}),
        ("Click", [0.5, 0.5], {"鼠标键": "右键", "验证": "否"}, [0.5, 0.5], {"button": "right", "verify": False}),
        ("Scroll", ["下", 3], {}, ["down", 3], {}),
        ("Get Screen Text", ["win11", "不包含", "右键"], {}, ["win11", "not contains", "右键"], {}),
        ("Get VM Stats", ["win11", "处理器占用率", "<", 9.0], {}, ["win11", "cpu_percent", "<", 9.0], {}),
        ("Execute QMP", ["stop"], {"虚拟机": "a", "device": "x"}, ["stop"], {"vm": "a", "device": "x"}),
        ("Start Desktop", ["一", "二"], {"等待": True, "主机": "否"}, ["一", "二"], {"wait": True, "host": "否"}),
        ("Set Restore Point", ["一"], {"周期": "天"}, ["一"], {"every": "day"}),
        ("Set Device Policy", ["一"], {"启用摄像头": "0", "名称": "x"}, ["一"], {"enable_camera": "0", "name": "x"}),
        ("Platform Counts Should Be", [], {"运行数": 2, "shutdown": 0}, [], {"running": 2, "shutdown": 0}),
    ],
)
def test_chinese_words_mean_the_english_ones_where_they_are_words(
    english: str, positional: list[Any], named: dict[str, Any], as_positional: list[Any], as_named: dict[str, Any]
) -> None:
    assert called(alias_of(english), *positional, **named) == (tuple(as_positional), as_named)


def test_what_is_neither_yes_nor_no_is_refused_also_where_robot_framework_takes_it_for_true() -> None:
    with pytest.raises(InputError, match=r"'强制' should be True or False \(是 or 否\) but is '也许'"):
        LIBRARY.run_keyword("关闭虚拟机", ["win11"], {"强制": "也许"})


@pytest.mark.parametrize(
    ("call", "complaint"),
    [
        ("Shut Down VM    win11    maybe", "'force' should be True or False (是 or 否) but is 'maybe'."),
        ("Shut Down VM    win11    force=maybe", "'force' should be True or False (是 or 否) but is 'maybe'."),
        ("Reload Configuration    watch=oui", "'watch' should be True or False (是 or 否) but is 'oui'."),
        ("Start Desktop    a    b    wait=fasle", "'wait' should be True or False (是 or 否) but is 'fasle'."),
        ("关闭虚拟机    win11    强制=也许", "'强制' should be True or False (是 or 否) but is '也许'."),
    ],
)
def test_a_typing_mistake_is_not_taken_for_true(run_robot: Callable[..., Any], call: str, complaint: str) -> None:
    (test,) = run_robot(f"*** Settings ***\nLibrary    ATPLibrary\n*** Test Cases ***\nT\n    {call}\n").suite.tests
    assert test.message == complaint


def test_yes_and_no_arrive_as_truths_by_place_and_by_name(monkeypatch: pytest.MonkeyPatch) -> None:
    seen: list[Any] = []
    LIBRARY.get_keyword_types("Shut Down VM")  # which are read from the method
    monkeypatch.setitem(LIBRARY.keywords, "Shut Down VM", lambda *args, **kwargs: seen.append((args, kwargs)))
    LIBRARY.run_keyword("Shut Down VM", ["否", "否"])
    LIBRARY.run_keyword("Shut Down VM", ["是"], {"force": "是"})
    LIBRARY.run_keyword("Shut Down VM", ["win11", None], {})
    assert seen == [(("否", False), {}), (("是",), {"force": True}), (("win11", None), {})]


@pytest.mark.parametrize(
    ("step", "complaint"),
    [
        ("虚拟机状态应为    跳跃中", "'跳跃中'"),
        ("点击    0.5    0.5    鼠标键=下键", "'下键'"),
        ("创建桌面池    销售部    模板=m    数量=两个", "'两个'"),
        ("登录平台    密码=明文", "密码"),
        ("启动虚拟机    win11    超时=马上", "'马上'"),
    ],
)
def test_a_dry_run_finds_a_wrong_chinese_argument(run_robot: Callable[..., Any], step: str, complaint: str) -> None:
    (test,) = run_robot(CHINESE + f"错误\n    {step}\n", dryrun=True, language="zh-CN").suite.tests
    assert not test.passed
    assert complaint in test.message


def test_english_and_chinese_stand_in_one_suite_and_given_when_then_too(run_robot: Callable[..., Any]) -> None:
    result = run_robot(
        CHINESE
        + "两种\n    Connect To VM    win11\n    假定 连接虚拟机    win12    超时=3 s\n    当 输入文本    你好    验证=否\n"
        "    那么 虚拟机状态应为    running    虚拟机=win12\n    并且 执行QMP命令    query-status\n",
        dryrun=True,
        language="zh-CN",
    )
    assert [test.message for test in result.suite.tests if not test.passed] == []


@pytest.mark.parametrize("page", ["README.zh-CN.md", "docs/zh/README.md"])
def test_every_suite_in_the_chinese_pages_passes_a_dry_run(run_robot: Callable[..., Any], page: str) -> None:
    suites = re.findall(
        r"^```robotframework\n(.*?)^```", (ROOT / page).read_text(encoding="utf-8"), re.DOTALL | re.MULTILINE
    )
    assert suites
    for suite in suites:
        assert not {cell for cell in re.split(r"\s{2,}", suite) if key(cell) in ENGLISH}
        assert [test.message for test in run_robot(suite, dryrun=True).suite.tests if not test.passed] == []


def test_a_failure_keeps_its_sentence_and_says_what_its_words_are_in_chinese(monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(*arguments: Any, **named: Any) -> None:
        raise ATPError.about("VM 'win11'", wanted="be running", got="is shutoff", next_step="平台：虚拟机不存在")

    monkeypatch.setitem(LIBRARY.keywords, "VM Should Be", fail)
    with pytest.raises(ATPError) as caught:
        LIBRARY.run_keyword("虚拟机状态应为", ["运行中"], {})
    assert str(caught.value) == (
        "VM 'win11' should be running but is shutoff. 平台：虚拟机不存在.（running = 运行中，shutoff = 已关机）"
    )
    with pytest.raises(ATPError) as caught:
        LIBRARY.run_keyword("VM Should Be", ["running"], {})
    assert "运行中" not in str(caught.value)


def test_a_failed_assertion_about_a_field_says_its_codes_in_chinese(monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(*arguments: Any, **named: Any) -> None:
        raise ATPError.about("Desktop 'sales': status", wanted="be 'running'", got="is 'shut off'")

    monkeypatch.setitem(LIBRARY.keywords, alias_of("Get Desktop").keyword, fail)
    with pytest.raises(ATPError, match=r"is 'shut off'\.（running = 运行中，shut off = 已关机）$"):
        LIBRARY.run_keyword("获取桌面", ["sales", "状态", "==", "运行中"], {})


def test_a_failed_assertion_about_a_status_says_its_words_in_chinese(monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(*arguments: Any, **named: Any) -> None:
        raise ATPError.about("Desktop 'sales': status", wanted="be 'running'", got="is 'shut off'")

    monkeypatch.setitem(LIBRARY.keywords, alias_of("Desktop Should Be").keyword, fail)
    with pytest.raises(ATPError, match=r"is 'shut off'\.（.*running = 运行中.*）$") as caught:
        LIBRARY.run_keyword("桌面状态应为", ["sales", "运行中"], {})
    assert "shut off = 已关机" in str(caught.value)


def test_a_field_that_is_not_there_and_the_near_ones_are_said_in_chinese(monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(*arguments: Any, **named: Any) -> None:
        raise ATPError.about(
            "Disk 'a'", wanted="have a field 'capacity'", got="has none", next_step="Near it are: path, size"
        )

    monkeypatch.setitem(LIBRARY.keywords, alias_of("Get Desktop Disk").keyword, fail)
    with pytest.raises(ATPError) as caught:
        LIBRARY.run_keyword("获取桌面磁盘", ["sales", "start", "容量"], {})
    told = re.search(r"（(.*)）$", str(caught.value))
    assert told is not None
    assert [each.split(" = ")[0] for each in told[1].split("，")] == ["capacity", "path", "size"]


def test_types_stay_what_robot_framework_converts_to() -> None:
    types = LIBRARY.get_keyword_types("登录平台")
    assert types["密码"] is Secret
    assert types["超时"] is timedelta
