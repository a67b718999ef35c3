"""Fetches Debian packages with apt-get, as any user, without installing them."""

from __future__ import annotations

import re
import shutil
import subprocess
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from fnmatch import fnmatchcase
from pathlib import Path
from tarfile import TarError, TarFile, TarInfo
from tarfile import open as open_tar

from ATPLibrary.errors import LabError

Progress = Callable[[str], None]

APT_UPDATE_SECONDS = 180
APT_DOWNLOAD_SECONDS = 900
APT_QUERY_SECONDS = 60

_URI_LINE = re.compile(r"^'(?P<uri>[^']+)' (?P<file>\S+_\S+_\S+\.deb) (?P<size>\d+)")


@dataclass(frozen=True)
class Package:
    """A package as apt would fetch it now. `version` has its epoch's colon written as %3a, as in the file's name."""

    name: str
    version: str
    file_name: str
    size: int


class Apt:
    """apt-get with the machine's package lists, or, where it has none, with lists of our own under `directory`."""

    def __init__(self, directory: Path, progress: Progress) -> None:
        self._directory = directory
        self._progress = progress
        self._options: list[str] = []

    def resolve(self, kernel_meta_package: str, names: Iterable[str]) -> list[Package]:
        """The packages' versions now, the kernel that the meta-package means included. Raises LabError."""
        if shutil.which("apt-get") is None:
            raise LabError("The guest image is built from Debian 12 packages but this machine has no apt-get.")
        kernel = self._kernel(kernel_meta_package)
        if kernel is None:
            self._progress("no package lists on this machine: fetching them (apt-get update, into the cache)")
            self._use_own_lists()
            kernel = self._kernel(kernel_meta_package)
        if kernel is None:
            raise LabError.about(
                f"Package '{kernel_meta_package}'",
                wanted="be known to apt",
                got="isn't, not even after apt-get update",
                next_step="the guest image needs Debian 12's package sources; see /etc/apt/sources.list",
            )
        output = _run(["apt-get", *self._options, "--print-uris", "download", kernel, *names], APT_QUERY_SECONDS)
        packages = []
        for match in filter(None, map(_URI_LINE.match, output.splitlines())):
            name, version, _ = match["file"].rsplit("_", 2)
            packages.append(Package(name, version, match["file"], int(match["size"])))
        missing = {kernel, *names} - {package.name for package in packages}
        if missing:
            raise LabError(f"apt doesn't know where to fetch {', '.join(sorted(missing))}; run apt-get update.")
        return sorted(packages, key=lambda package: package.name)

    def download(self, packages: Iterable[Package]) -> dict[str, Path]:
        """Package name -> .deb file, fetched into the cache where it isn't there yet."""
        self._directory.mkdir(parents=True, exist_ok=True)
        packages = list(packages)
        missing = [package for package in packages if not self._is_there(package)]
        if missing:
            self._progress(f"fetching {len(missing)} Debian packages, {sum(p.size for p in missing) / 1e6:.0f} MB")
            names = [f"{package.name}={package.version.replace('%3a', ':')}" for package in missing]
            # apt checks what it fetches against the archive's signature. As root it would drop to user _apt,
            # who can't write here, and warn.
            options = [*self._options, "-q", "-o", "APT::Sandbox::User=root"]
            _run(["apt-get", *options, "download", *names], APT_DOWNLOAD_SECONDS, cwd=self._directory)
        for package in packages:
            if not self._is_there(package):
                raise LabError(f"apt-get download left no {package.file_name} of {package.size} bytes; try again.")
        return {package.name: self._directory / package.file_name for package in packages}

    def _is_there(self, package: Package) -> bool:
        file = self._directory / package.file_name
        return file.is_file() and file.stat().st_size == package.size

    def _kernel(self, meta_package: str) -> str | None:
        output = _run(["apt-cache", *self._options, "depends", meta_package], APT_QUERY_SECONDS, check=False)
        match = re.search(r"Depends: (linux-image-\d\S*-amd64)", output)
        return match[1] if match else None

    def _use_own_lists(self) -> None:
        state = self._directory / "apt"
        (state / "lists" / "partial").mkdir(parents=True, exist_ok=True)
        (state / "cache" / "archives" / "partial").mkdir(parents=True, exist_ok=True)
        self._options = ["-o", f"Dir::State::lists={state / 'lists'}", "-o", f"Dir::Cache={state / 'cache'}"]
        # One broken third-party source must not stop us; whether Debian's own came is seen right after.
        _run(["apt-get", *self._options, "-q", "update"], APT_UPDATE_SECONDS, check=False)


def members(deb: Path, wanted: Callable[[str], bool]) -> Iterator[tuple[TarInfo, TarFile]]:
    """The wanted members of a .deb's file tree, one after another. Names have no leading `./`."""
    with subprocess.Popen(["dpkg-deb", "--fsys-tarfile", str(deb)], stdout=subprocess.PIPE) as process:
        assert process.stdout is not None
        try:
            with open_tar(fileobj=process.stdout, mode="r|") as archive:
                for member in archive:
                    member.name = member.name.removeprefix("./").rstrip("/")
                    if wanted(member.name):
                        yield member, archive
            while process.stdout.read(1 << 20):
                pass  # the padding after the archive's end, or dpkg-deb complains of a broken pipe
        except TarError:
            process.kill()
            raise LabError(f"{deb} isn't a whole Debian package; remove it and try again.") from None
        except BaseException:
            process.kill()
            raise
    if process.returncode != 0:
        raise LabError(f"dpkg-deb can't unpack {deb} (exit {process.returncode}); remove it and try again.")


def matcher(patterns: Iterable[str]) -> Callable[[str], bool]:
    """Whether a path matches one of the shell patterns."""
    patterns = tuple(patterns)
    return lambda name: any(fnmatchcase(name, pattern) for pattern in patterns)


def _run(argv: list[str], timeout: float, *, check: bool = True, cwd: Path | None = None) -> str:
    try:
        done = subprocess.run(
            argv, cwd=cwd, timeout=timeout, check=False, capture_output=True, text=True, stdin=subprocess.DEVNULL
        )
    except subprocess.TimeoutExpired:
        raise LabError.about(
            f"`{argv[0]} {argv[-1]}`",
            wanted="be done",
            waited=timeout,
            got="wasn't",
            next_step="is the network there?",
        ) from None
    if check and done.returncode != 0:
        tail = " / ".join(done.stderr.strip().splitlines()[-3:])
        raise LabError(f"`{' '.join(argv[:1] + argv[-2:])}` failed ({done.returncode}): {tail or 'it said nothing'}.")
    return done.stdout


def describe(packages: Iterable[Package]) -> Mapping[str, str]:
    """Package name -> version: what goes into the image's key and manifest."""
    return {package.name: package.version for package in packages}
