"""Color management: whatever an ICC profile describes becomes sRGB (LittleCMS through Pillow)."""

from __future__ import annotations

import functools
import io

import numpy as np
from PIL import Image, ImageCms

_RELATIVE = ImageCms.Intent.RELATIVE_COLORIMETRIC
_BLACK_POINT = ImageCms.Flags.BLACKPOINTCOMPENSATION
_SPACES = {"L": "GRAY", "RGB": "RGB", "CMYK": "CMYK"}  # Pillow's modes in the words of ICC
_PROFILE_ERRORS = (ImageCms.PyCMSError, OSError, ValueError, TypeError)


@functools.cache
def srgb_profile() -> bytes:
    """An sRGB profile for our own files; the same bytes on every day and machine."""
    profile = bytearray(ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes())
    profile[24:36] = bytes((0x07, 0xE8, 0, 1, 0, 1, 0, 0, 0, 0, 0, 0))  # LittleCMS writes today's date here
    profile[84:100] = bytes(16)  # profile ID: not computed
    return bytes(profile)


def to_srgb(image: Image.Image, icc: bytes | None) -> tuple[Image.Image, str]:
    """``image`` (mode L, RGB, CMYK or LAB) as L or RGB in sRGB, and a note (empty: nothing was done).

    A profile that cannot be used is never an error: the colors stay as stored, and the note says so.
    """
    if image.mode == "LAB":
        lab = ImageCms.createProfile("LAB")
        return _transform(image, ImageCms.ImageCmsProfile(lab)), "Lab converted to sRGB"
    if icc:
        try:
            return _through_profile(image, ImageCms.ImageCmsProfile(io.BytesIO(icc)))
        except _PROFILE_ERRORS:
            plain, note = _without_profile(image)
            return plain, "; ".join(filter(None, ("unusable ICC profile ignored", note)))
    return _without_profile(image)


def is_srgb(icc: bytes) -> bool:
    """Whether a profile leaves sRGB colors within one 8-bit level of where they are."""
    try:
        return _is_identity(ImageCms.ImageCmsProfile(io.BytesIO(icc)))
    except _PROFILE_ERRORS:
        return False


def _without_profile(image: Image.Image) -> tuple[Image.Image, str]:
    if image.mode == "CMYK":
        return image.convert("RGB"), "CMYK without a profile converted approximately"
    return image, ""


def _through_profile(image: Image.Image, profile: ImageCms.ImageCmsProfile) -> tuple[Image.Image, str]:
    space = profile.profile.xcolor_space.strip()
    if space == "RGB" and image.mode == "L":
        image = image.convert("RGB")
    if space != _SPACES[image.mode]:
        raise ValueError(f"a profile for {space} on a picture in {image.mode}")
    if _is_identity(profile):
        return image, ""
    converted = _transform(image, profile)
    source = "CMYK" if image.mode == "CMYK" else "colors"
    return converted, f"{source} converted to sRGB through the ICC profile"


def _transform(image: Image.Image, profile: ImageCms.ImageCmsProfile) -> Image.Image:
    converted = ImageCms.profileToProfile(
        image,
        profile,
        ImageCms.createProfile("sRGB"),
        renderingIntent=_RELATIVE,
        outputMode="RGB",
        flags=_BLACK_POINT,
    )
    assert converted is not None  # only an in-place transform returns nothing
    return converted


def _is_identity(profile: ImageCms.ImageCmsProfile) -> bool:
    if profile.profile.xcolor_space.strip() != "RGB":
        return False
    levels = np.linspace(0, 255, 16).round().astype(np.uint8)
    cube = np.stack(np.meshgrid(levels, levels, levels), axis=-1).reshape(64, 64, 3)
    moved = np.asarray(_transform(Image.fromarray(cube), profile)).astype(int)
    return bool(np.abs(moved - cube.astype(int)).max() <= 1)
