"""Stages the guest's file tree: picked files of Debian packages, our scripts, compiled Python, kernel modules."""

from __future__ import annotations

import os
import shutil
import subprocess
from collections.abc import Mapping
from pathlib import Path

from ATPLibrary.errors import LabError
from ATPLibrary.lab.image import modules as kernel_modules
from ATPLibrary.lab.image.kernel import Linux
from ATPLibrary.lab.image.packages import matcher, members
from ATPLibrary.lab.image.recipe import BOOT_MODULES, Recipe

AGENT_DIRECTORY = "usr/lib/atp-agent"

_EMPTY_DIRECTORIES = (
    "dev",
    "proc",
    "sys",
    "run",
    "tmp",
    "root",
    "mnt",
    "etc",
    "var/log",
    "usr/lib/python3.11/lib-dynload",
    "usr/sbin",
    "usr/lib64",
)
_MERGED = ("bin", "sbin", "lib", "lib64")

# Compiles with the guest's own Python: a .pyc of the host's Python may be of another version.
_COMPILE = """
import compileall, os, sys
for top in sys.argv[1:]:
    if not compileall.compile_dir(top, quiet=1, legacy=True, stripdir=top, prependdir=top[top.index('/usr/'):], optimize=0):
        raise SystemExit('it can not be compiled: ' + top)
    for directory, _, files in os.walk(top):
        for name in files:
            if name.endswith('.py'):
                os.unlink(os.path.join(directory, name))
"""

# Python runs a directory or a .pyz by way of runpy, whose import takes longer than the agent's own.
_START = f"""import sys
sys.path.insert(0, "/{AGENT_DIRECTORY}")
from atp_guest_agent.__main__ import main
sys.exit(main())
"""


def stage(tree: Path, debs: Mapping[str, Path], linux: Linux, recipe: Recipe, agent_source: Path | None) -> None:
    """Fill the empty directory `tree` with the whole root file system.

    `agent_source` is the agent's package directory (None: a guest without the agent). Raises LabError.
    """
    for name in _EMPTY_DIRECTORIES:
        (tree / name).mkdir(parents=True)
    for name in _MERGED:
        (tree / "usr" / name).mkdir(exist_ok=True)
        (tree / name).symlink_to(f"usr/{name}")
    for package, patterns in recipe.files.items():
        _pick(debs[package], patterns, tree)
    for directory in recipe.own_files:
        _own_files(directory, tree)
    (tree / "etc/passwd").write_text("root:x:0:0:root:/root:/bin/sh\n")
    (tree / "etc/group").write_text("root:x:0:\ntty:x:5:\n")
    _applets(tree)
    _modules(tree, linux.modules, linux.release, recipe)
    _python(tree, agent_source)


def _pick(deb: Path, patterns: tuple[str, ...], tree: Path) -> None:
    picked = 0
    for member, archive in members(deb, matcher(patterns)):
        target = tree / merged(member.name)
        target.parent.mkdir(parents=True, exist_ok=True)
        if member.issym():
            target.symlink_to(member.linkname)
        elif member.isfile():
            file = archive.extractfile(member)
            assert file is not None
            target.write_bytes(file.read())
            target.chmod(member.mode & 0o755)
        else:
            continue
        picked += 1
    if not picked:
        raise LabError(f"{deb.name} has none of {', '.join(patterns)}: the recipe is for Debian 12's packages.")


def merged(name: str) -> str:
    """Where a package's path is in a tree with merged /usr."""
    return f"usr/{name}" if name.split("/", 1)[0] in _MERGED else name


def _own_files(directory: Path, tree: Path) -> None:
    for file in sorted(directory.rglob("*")):
        name = file.relative_to(directory)
        if file.is_file() and not name.name.startswith("initramfs-"):
            target = tree / name
            target.parent.mkdir(parents=True, exist_ok=True)
            shutil.copyfile(file, target)
            # An installed wheel may have lost the executable bit: all of ours are scripts but those in /etc itself.
            target.chmod(0o644 if target.parent == tree / "etc" else 0o755)


def _applets(tree: Path) -> None:
    """One symlink an applet, but where a real program is."""
    busybox = tree / "usr/bin/busybox"
    for path in _output([str(busybox), "--list-full"]).split():
        target = tree / merged(path)
        if not target.exists() and not target.is_symlink():
            target.parent.mkdir(parents=True, exist_ok=True)
            target.symlink_to("/usr/bin/busybox")


def _modules(tree: Path, modules: Mapping[str, bytes], release: str, recipe: Recipe) -> None:
    directory = tree / "usr/lib/modules" / release
    directory.mkdir(parents=True)
    order = kernel_modules.load_order([*BOOT_MODULES, *recipe.disk_modules], modules)
    for name in order:
        (directory / f"{name}.ko").write_bytes(kernel_modules.slim(modules[name]))
    (directory / "modules.dep").write_bytes(kernel_modules.modules_dep(order, modules, "{name}.ko"))


def _python(tree: Path, agent_source: Path | None) -> None:
    library = tree / "usr/lib/python3.11"
    tops = [library]
    if agent_source is not None:
        agent = tree / AGENT_DIRECTORY
        package = agent / "atp_guest_agent"
        shutil.copytree(agent_source, package, ignore=shutil.ignore_patterns("__pycache__", "windows"))
        (agent / "start.py").write_text(_START, encoding="utf-8")
        tops.append(agent)
    interpreter = guest_interpreter(tree)
    environment = {"PYTHONHOME": str(tree / "usr"), "PYTHONHASHSEED": "0", "PATH": os.environ.get("PATH", "")}
    _output([*interpreter, "-S", "-B", "-c", _COMPILE, *map(str, tops)], environment)


def guest_interpreter(tree: Path) -> list[str]:
    """The command that runs the guest's Python on this machine, with the guest's own C library."""
    libraries = f"{tree}/usr/lib/x86_64-linux-gnu"
    loader = f"{libraries}/ld-linux-x86-64.so.2"
    return [loader, "--library-path", libraries, f"{tree}/usr/bin/python3.11"]


def _output(argv: list[str], environment: dict[str, str] | None = None) -> str:
    done = subprocess.run(
        argv, env=environment, check=False, capture_output=True, text=True, timeout=120, stdin=subprocess.DEVNULL
    )
    if done.returncode != 0:
        tail = " / ".join((done.stderr or done.stdout).strip().splitlines()[-3:])
        raise LabError(f"The guest's own {Path(argv[0]).name} failed on this machine ({done.returncode}): {tail}.")
    return done.stdout
