"""Kernel modules: which ones a module needs, and what can be cut away from it.

A .ko says what it depends on in its .modinfo section, so no depmod run over 4,000 modules is needed.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from ATPLibrary.errors import LabError

_SIGNATURE_MAGIC = b"~Module signature appended~\n"


def dependencies(module: bytes) -> list[str]:
    """Names of the modules that this .ko needs, as its .modinfo says."""
    start = module.find(b"\0depends=")
    if start < 0:
        return []
    end = module.index(b"\0", start + 1)
    names = module[start + len(b"\0depends=") : end].decode()
    return [normal(name) for name in names.split(",") if name]


def normal(name: str) -> str:
    """`-` and `_` are the same in a module's name."""
    return name.replace("-", "_")


def load_order(wanted: Iterable[str], modules: Mapping[str, bytes]) -> list[str]:
    """`wanted` and all that they need, needed ones first. Raises LabError for a module that isn't there."""
    ordered: list[str] = []

    def visit(name: str, needed_by: str) -> None:
        if name in ordered:
            return
        if name not in modules:
            raise LabError.about(
                f"The kernel package's module '{name}'",
                wanted=f"be there ({needed_by} needs it)",
                got="is missing",
                next_step="this recipe is for Debian 12's generic kernel",
            )
        for other in dependencies(modules[name]):
            visit(other, name)
        ordered.append(name)

    for name in wanted:
        visit(normal(name), "the recipe")
    return ordered


def slim(module: bytes) -> bytes:
    """The module without what only costs time to load under TCG: its signature (RSA over SHA-256) and its BTF."""
    if module.endswith(_SIGNATURE_MAGIC):
        # struct module_signature: 12 bytes before the magic, the last 4 are the signature's length, big-endian
        header = len(module) - len(_SIGNATURE_MAGIC) - 12
        module = module[: header - int.from_bytes(module[header + 8 : header + 12], "big")]
    # The loader looks the section up by its name.
    return module.replace(b"\0.BTF\0", b"\0.xtf\0")


def modules_dep(order: Iterable[str], modules: Mapping[str, bytes], path: str) -> bytes:
    """The text of modules.dep, which busybox modprobe reads; `path` is a pattern of the file name with {name}."""
    lines = []
    for name in order:
        needed = [other for other in load_order([name], modules) if other != name]
        lines.append(path.format(name=name) + ":" + "".join(" " + path.format(name=n) for n in reversed(needed)) + "\n")
    return "".join(lines).encode()
