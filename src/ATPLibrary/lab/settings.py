"""What a lab is made of: hosts, image, accelerator, platform account. `DIR/lab.json` is written by `Lab.up`, read by its parts."""

from __future__ import annotations

from pathlib import Path
from typing import Literal

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from ATPLibrary.errors import LabError
from ATPLibrary.private_file import write_private

FILE_NAME = "lab.json"


class _Settings(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class LabHostSettings(_Settings):
    """One libvirt daemon. `directory` holds its sockets and its VMs' files; `ip` is where its VMs' displays listen."""

    id: str
    name: str
    uri: str
    ip: str
    directory: Path


class ImageSettings(_Settings):
    """The guest image's files: the fields of `lab.image.GuestImage`."""

    directory: Path
    kernel: Path
    initrd: Path
    disk: Path
    cmdline: str
    key: str


class AcceleratorSettings(_Settings):
    kind: Literal["kvm", "tcg"]
    reason: str


class PlatformAccount(_Settings):
    """The platform's one account. The password is random for each `atp lab up`, and never shown by `repr`."""

    username: str = "admin"
    password: str = Field(repr=False)


class LabSettings(_Settings):
    hosts: tuple[LabHostSettings, ...]
    image: ImageSettings
    accelerator: AcceleratorSettings
    platform: PlatformAccount

    def save(self, directory: Path) -> None:
        write_private(directory / FILE_NAME, self.model_dump_json(indent=2) + "\n")

    @classmethod
    def load(cls, directory: Path) -> LabSettings:
        """Read `directory/lab.json`; `LabError` when there is none or it isn't one."""
        path = directory / FILE_NAME
        try:
            text = path.read_text(encoding="utf-8")
        except (OSError, UnicodeDecodeError) as error:
            reason = error.strerror if isinstance(error, OSError) else "it is not UTF-8 text"
            raise LabError.about(
                f"The lab's settings '{path}'",
                wanted="be readable",
                got=f"are not: {reason}",
                next_step="Start the lab with 'atp lab up'",
            ) from error
        try:
            return cls.model_validate_json(text)
        except ValidationError as error:
            where = "; ".join(
                f"{'.'.join(map(str, problem['loc'])) or 'file'}: {problem['msg']}"
                for problem in error.errors(include_input=False, include_url=False)
            )
            raise LabError.about(
                f"The lab's settings '{path}'",
                wanted="be what 'atp lab up' writes",
                got=f"are not ({where})",
                next_step="Run 'atp lab down' and 'atp lab up'",
            ) from None
