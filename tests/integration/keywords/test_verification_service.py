"""The service's keywords, in both languages, in a real run of Robot Framework: what they return, and no token in its output."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

pytestmark = pytest.mark.integration

SUITE = """\
*** Settings ***
Library    ATPLibrary
*** Test Cases ***
Service
    &{at} =    Start Verification Service    websocket_port=0    tcp_port=0    unix_socket=DIRECTORY/agents
    Should Match    ${at}[tcp]    127.0.0.1:*
    Should Match    ${at}[websocket]    ws://127.0.0.1:*
    Should Be Equal    ${at}[unix]    DIRECTORY/agents
    Connect To VM    test
    ${first} =    Create Agent Token    file=DIRECTORY/first
    Log    ${first}
    ${second} =    轮换代理令牌    文件=DIRECTORY/second
    @{none} =    Get Connected Agents
    Should Be Empty    ${none}
    Create Agent Token    token=${first}
    停止验证服务
    Stop Verification Service
    Run Keyword And Expect Error    *should run but was stopped*    获取已连接代理
    Run Keyword And Expect Error    *tcp_port*    Start Verification Service    tcp_port=70000
    Run Keyword And Expect Error    *can't be: No such file or directory*    Create Agent Token    file=DIRECTORY/no/such
"""


def test_the_keywords_do_what_they_say_and_no_token_is_in_the_output(tmp_path: Path) -> None:
    (tmp_path / "atp.yaml").write_text("hosts: {simulated: {uri: 'test:///default'}}\n")
    (tmp_path / "service.robot").write_text(SUITE.replace("DIRECTORY", str(tmp_path)))
    ran = subprocess.run(
        [sys.executable, "-m", "robot", "--loglevel", "TRACE", "--outputdir", "out", "service.robot"],
        cwd=tmp_path, env={**os.environ, "ATP_CONFIG": "atp.yaml"}, capture_output=True, text=True, timeout=60, check=False,
    )  # fmt: skip
    assert ran.returncode == 0, ran.stdout
    output = "".join(file.read_text(encoding="utf-8") for file in (tmp_path / "out").glob("*.*ml"))
    for name in ("first", "second"):
        token = (tmp_path / name).read_text()
        assert len(token) == 43
        assert (tmp_path / name).stat().st_mode & 0o777 == 0o600
        assert token not in output + ran.stdout + ran.stderr
    assert not (tmp_path / "agents").exists()
