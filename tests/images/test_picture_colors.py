"""Color management: sRGB stays as it is, other profiles move colors the right way, broken ones are noted."""

from __future__ import annotations

import io

import numpy as np
import pytest
import tifffile
from picture_files import RNG, gray_profile, icc_profile, png, png_chunk, ramp, saved, srgb_icc
from PIL import Image, ImageCms

from deepdream.images import read_picture
from deepdream.images.color import is_srgb, srgb_profile

CONVERTED = "colors converted to sRGB through the ICC profile"
# Adobe RGB (1998), chromatically adapted to D50, and its gamma of 563/256.
ADOBE = icc_profile(
    gamma=563 / 256,
    primaries=((0.60974, 0.31111, 0.01947), (0.20528, 0.62567, 0.06087), (0.14919, 0.06322, 0.74457)),
)


def encode_srgb(linear: np.ndarray) -> np.ndarray:
    """IEC 61966-2-1."""
    linear = np.clip(linear, 0, 1)
    return np.where(linear <= 0.0031308, 12.92 * linear, 1.055 * linear ** (1 / 2.4) - 0.055)


@pytest.mark.parametrize("format", ["PNG", "TIFF", "WEBP", "JPEG"])
@pytest.mark.parametrize("profile", [srgb_icc(), srgb_profile()])
def test_an_srgb_profile_changes_nothing(format: str, profile: bytes) -> None:
    options = {"lossless": True} if format == "WEBP" else {}
    plain = read_picture(saved(ramp(), format, **options))
    tagged = read_picture(saved(ramp(), format, icc_profile=profile, **options))
    np.testing.assert_array_equal(plain.pixels, tagged.pixels)
    assert tagged.notes == ()


@pytest.mark.parametrize("format", ["PNG", "TIFF", "WEBP"])
def test_a_linear_profile_brightens_by_the_srgb_curve(format: str) -> None:
    gray = np.linspace(0, 255, 16).round().astype(np.uint8)[None, :, None].repeat(3, axis=2)
    options = {"lossless": True} if format == "WEBP" else {}
    picture = read_picture(saved(gray, format, icc_profile=icc_profile(gamma=1), **options))
    np.testing.assert_allclose(picture.pixels, encode_srgb(gray / 255), atol=2 / 255)
    assert picture.notes == (CONVERTED,)


def test_adobe_rgb_becomes_more_saturated() -> None:
    stored = np.array([[[100, 150, 100], [180, 140, 120], [128, 128, 128]]], np.uint8)
    picture = read_picture(saved(stored, "PNG", icc_profile=ADOBE))
    # Adobe RGB to linear sRGB under D65 (both spaces share the white), Lindbloom.
    matrix = np.array([[1.39836, -0.39836, 0], [0, 1, 0], [0, -0.04293, 1.04293]])
    expected = encode_srgb((stored / 255) ** (563 / 256) @ matrix.T)
    np.testing.assert_allclose(picture.pixels, expected, atol=2 / 255)
    assert picture.pixels[0, 0, 0] < stored[0, 0, 0] / 255 - 0.02


@pytest.mark.parametrize("format", ["PNG", "TIFF", "JPEG", "WEBP"])
@pytest.mark.parametrize("garbage", [b"garbage", bytes(128), srgb_icc()[:200]])
def test_a_garbage_profile_is_a_note(format: str, garbage: bytes) -> None:
    options = {"lossless": True} if format == "WEBP" else {}
    picture = read_picture(saved(ramp(), format, icc_profile=garbage, **options))
    assert picture.notes == ("unusable ICC profile ignored",)
    np.testing.assert_array_equal(picture.pixels, read_picture(saved(ramp(), format, **options)).pixels)


def test_alpha_survives_color_management() -> None:
    pixels = np.dstack([ramp(), np.arange(54, dtype=np.uint8).reshape(6, 9) * 4])
    picture = read_picture(saved(pixels, "PNG", icc_profile=icc_profile(gamma=1)))
    assert picture.alpha is not None
    np.testing.assert_array_equal(np.rint(picture.alpha * 255), pixels[..., 3])
    assert CONVERTED in picture.notes


def test_gray_with_an_rgb_profile() -> None:
    gray = Image.fromarray(np.array([[0, 64, 255]], np.uint8))
    tagged = read_picture(saved(gray, "PNG", icc_profile=srgb_icc()))
    assert tagged.notes == ()
    assert tagged.pixels[0, :, 0] * 255 == pytest.approx((0, 64, 255))
    linear = read_picture(saved(gray, "PNG", icc_profile=icc_profile(gamma=1)))
    assert linear.pixels[0, :, 2] == pytest.approx(encode_srgb(np.array([0, 64 / 255, 1])), abs=2 / 255)


def test_deep_color_keeps_16_bits_under_srgb_and_says_when_it_does_not() -> None:
    samples = RNG.integers(0, 65536, (4, 4, 3), dtype=np.uint16)

    def tagged(profile: bytes) -> bytes:
        import zlib

        return png(samples, 2, png_chunk(b"iCCP", b"p\0\0" + zlib.compress(profile)))

    exact = read_picture(tagged(srgb_icc()))
    np.testing.assert_array_equal(np.rint(exact.pixels * 65535), samples)
    managed = read_picture(tagged(icc_profile(gamma=1)))
    assert managed.notes == (CONVERTED, "16-bit color managed at 8 bits")
    np.testing.assert_allclose(managed.pixels, encode_srgb(samples / 65535), atol=0.03)
    broken = read_picture(tagged(b"garbage" * 30))
    np.testing.assert_array_equal(np.rint(broken.pixels * 65535), samples)
    assert broken.notes[0] == "unusable ICC profile ignored"


@pytest.mark.parametrize("format", ["JPEG", "TIFF"])
def test_cmyk_is_the_color_it_prints(format: str) -> None:
    # 0 is no ink: paper white, cyan, and black by ink K.
    inks = np.array([[[0, 0, 0, 0], [255, 0, 0, 0], [0, 0, 0, 255]]], np.uint8).repeat(16, 0).repeat(16, 1)
    picture = read_picture(saved(Image.fromarray(inks, "CMYK"), format))
    assert picture.notes == ("CMYK without a profile converted approximately",)
    for column, color in ((8, (1, 1, 1)), (24, (0, 1, 1)), (40, (0, 0, 0))):
        assert picture.pixels[8, column] == pytest.approx(color, abs=0.03)


def test_cmyk_with_a_profile_that_is_not_one_for_cmyk() -> None:
    inks = Image.new("CMYK", (4, 4), (255, 0, 0, 0))
    picture = read_picture(saved(inks, "TIFF", icc_profile=srgb_icc()))
    assert picture.notes == ("unusable ICC profile ignored; CMYK without a profile converted approximately",)


def test_a_gray_profile_bends_gray_and_fits_nothing_else() -> None:
    profile = gray_profile(gamma=1)
    stored = np.array([[0, 64, 255]], np.uint8)
    gray = read_picture(saved(Image.fromarray(stored), "PNG", icc_profile=profile))
    assert gray.notes == (CONVERTED,)
    assert gray.pixels[0, :, 0] == pytest.approx(encode_srgb(stored[0] / 255), abs=2 / 255)
    color = read_picture(saved(ramp(), "PNG", icc_profile=profile))
    assert color.notes == ("unusable ICC profile ignored",)


def test_lab_goes_through_lcms() -> None:
    buffer = io.BytesIO()
    lab = np.array([[[255, 0, 0], [0, 0, 0], [128, 0, 0]]], np.uint8)  # L 100, 0 and 50, no color
    tifffile.imwrite(buffer, lab, photometric="cielab")
    picture = read_picture(buffer.getvalue())
    assert picture.notes == ("Lab converted to sRGB",)
    assert picture.pixels[0, 0] == pytest.approx((1, 1, 1), abs=0.02)
    assert picture.pixels[0, 1] == pytest.approx((0, 0, 0), abs=0.02)
    assert picture.pixels[0, 2] == pytest.approx((0.466,) * 3, abs=0.02)  # L* 50 is sRGB 119


def test_our_own_profile_is_srgb_and_has_no_date() -> None:
    profile = ImageCms.ImageCmsProfile(io.BytesIO(srgb_profile()))
    assert "sRGB" in ImageCms.getProfileDescription(profile)
    assert is_srgb(srgb_profile())
    assert not is_srgb(ADOBE)
    assert not is_srgb(b"garbage")
    assert profile.profile.creation_date is not None
    assert profile.profile.creation_date.year == 2024
