"""Images as messages carry them: plain, or in a compression of their own."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Annotated, Any

from ATPLibrary.protocol.spice.enums import BitmapFlag, ImageType
from ATPLibrary.protocol.spice.schema import Structure
from ATPLibrary.protocol.spice.schema.fields import COUNT_16, U8, U32, U64, Bytes, Counted, Pointer, Sized, Switch, When


class Palette(Structure):
    """Colours as 0x00RRGGBB; `unique` is its name in the cache."""

    unique: U64
    colors: Annotated[tuple[U32, ...], Counted(COUNT_16)]


def _bitmap_bytes(fields: Mapping[str, Any]) -> int:
    return int(fields["stride"] * fields["height"])


class Bitmap(Structure):
    """Plain pixels, rows of `stride` bytes; from the bottom up unless its flags say otherwise."""

    format: U8
    flags: U8
    width: U32
    height: U32
    stride: U32
    palette_id: Annotated[U64 | None, When("flags", BitmapFlag.PALETTE_FROM_CACHE)]
    palette: Annotated[Palette | None, Pointer(), When("flags", BitmapFlag.PALETTE_FROM_CACHE, unless=True)]
    data: Annotated[Bytes, Sized(_bitmap_bytes)]


class Packed(Structure):
    """An image in a compression of its own (QUIC, LZ, GLZ, JPEG, LZ4)."""

    size: U32
    data: Annotated[Bytes, Sized("size")]


class LzPalette(Structure):
    flags: U8
    size: U32
    palette_id: Annotated[U64 | None, When("flags", BitmapFlag.PALETTE_FROM_CACHE)]
    palette: Annotated[Palette | None, Pointer(), When("flags", BitmapFlag.PALETTE_FROM_CACHE, unless=True)]
    data: Annotated[Bytes, Sized("size")]


class ZlibGlz(Structure):
    glz_size: U32
    size: U32
    data: Annotated[Bytes, Sized("size")]


class JpegAlpha(Structure):
    """A JPEG of `jpeg_size` bytes, and behind it its alpha as LZ."""

    flags: U8
    jpeg_size: U32
    size: U32
    data: Annotated[Bytes, Sized("size")]


class OtherSurface(Structure):
    """What another surface shows."""

    surface_id: U32


Picture = Bitmap | Packed | LzPalette | ZlibGlz | JpegAlpha | OtherSurface
_PICTURES: Mapping[int, type[Structure]] = {
    ImageType.BITMAP: Bitmap,
    ImageType.QUIC: Packed,
    ImageType.LZ_PLT: LzPalette,
    ImageType.LZ_RGB: Packed,
    ImageType.GLZ_RGB: Packed,
    ImageType.SURFACE: OtherSurface,
    ImageType.JPEG: Packed,
    ImageType.ZLIB_GLZ_RGB: ZlibGlz,
    ImageType.JPEG_ALPHA: JpegAlpha,
    ImageType.LZ4: Packed,
}


class Image(Structure):
    """`id` is its name in the cache; `flags`: 1 keep it there, 4 keep it in place of what is there. From the cache: no picture."""

    id: U64
    type: U8
    flags: U8
    width: U32
    height: U32
    picture: Annotated[Picture | None, Switch("type", _PICTURES)]


def images_of(structure: Structure) -> Iterator[Image]:
    """Every image within a message, in the order of its fields."""
    for name, _ in structure.layout():
        value = getattr(structure, name)
        if isinstance(value, Image):
            yield value
        elif isinstance(value, Structure):
            yield from images_of(value)
