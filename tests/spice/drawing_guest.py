"""Guests of one boot sector that never stop drawing: the picture is another one whenever it is looked at."""

from __future__ import annotations

from pathlib import Path

# Prints all printable characters over and over (BIOS, int 10h): 94 of them in lines of 80, so that each line differs from the one
# before, and the screen scrolls without end.
#   again: mov al,'!'   next: mov ah,0x0e / xor bx,bx / push ax / int 0x10 / pop ax / inc al / cmp al,0x7f / jne next / jmp again
SCROLLING_TEXT = bytes.fromhex("b021 b40e 31db 50 cd10 58 fec0 3c7f 75f2 ebee")

# 640x480 pixels of 32 bits, set by the display's DISPI ports (0x1ce index, 0x1cf value); then one bank of 64 KiB after the other
# (25.6 rows) is painted with colours that run on from pixel to pixel, and begin elsewhere each time.
#   xor ax,ax / mov ds,ax / cld / mov si,TABLE
#   next: lodsw / test ax,ax / je paint / mov dx,0x1ce / out dx,ax / inc dx / lodsw / out dx,ax / jmp next
#   paint: mov ax,0xa000 / mov es,ax / xor ebp,ebp / xor bx,bx
#   bank: inc bx / cmp bx,19 / jb go / xor bx,bx
#   go: mov dx,0x1ce / mov ax,5 / out dx,ax / inc dx / mov ax,bx / out dx,ax
#       add ebp,0x051309 / mov eax,ebp / xor di,di / mov cx,0x4000
#   pixel: stosd / add eax,0x010203 / loop pixel / jmp bank
#   TABLE: 4,0  1,640  2,480  3,32  4,0x41  0
MOVING_PATTERN = bytes.fromhex(
    "31c0 8ed8 fc be4e7c  ad 85c0 7409 bace01 ef 42 ad ef ebf2  b800a0 8ec0 6631ed 31db  43 83fb13 7202 31db"
    "bace01 b80500 ef 42 89d8 ef 6681c509130500 6689e8 31ff b90040  66ab 660503020100 e2f6 ebd2"
    "04000000 01008002 0200e001 03002000 04004100 0000"
)


def booting(code: bytes, directory: Path) -> list[str]:
    """QEMU's arguments for a disk with that boot sector, which is made in `directory`."""
    file = directory / "boot.img"
    file.write_bytes((code.ljust(510, b"\0") + b"\x55\xaa").ljust(1 << 16, b"\0"))
    return ["-drive", f"file={file},format=raw"]
