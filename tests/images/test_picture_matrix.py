"""Every kind of picture file gives the picture a person would see: mode x format x EXIF x alpha x depth."""

from __future__ import annotations

import hashlib
import io
import struct
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import tifffile
from picture_files import RNG, gray_profile, png, png_chunk, ramp, saved, tiff_12_bit
from PIL import Image

from deepdream.errors import PictureError, UsageError
from deepdream.images import Picture, read_picture
from deepdream.images.sample_values import _split

LOSSLESS = {"PNG": {}, "TIFF": {}, "WEBP": {"lossless": True, "exact": True}, "BMP": {}, "PPM": {}}
LOSSY = {"JPEG": {"quality": 100, "subsampling": 0}, "AVIF": {"quality": 100, "subsampling": "4:4:4"}}


def test_a_picture_says_what_it_is(tmp_path: Path) -> None:
    content = saved(ramp(), "PNG")
    (tmp_path / "ramp.png").write_bytes(content)
    picture = read_picture(tmp_path / "ramp.png")
    assert (picture.height, picture.width, picture.name) == (6, 9, "ramp.png")
    assert picture.sha256 == hashlib.sha256(content).hexdigest()
    assert picture.pixels.dtype == np.float32
    assert picture.pixels.flags.c_contiguous
    assert picture.notes == ()
    assert picture.alpha is None
    assert repr(picture) == "<Picture 'ramp.png', 9x6>"
    assert read_picture(str(tmp_path / "ramp.png")).sha256 == picture.sha256
    assert read_picture(content).name == "picture"
    assert read_picture(content, name="upload").name == "upload"


def test_its_tensor_and_its_notebook_look() -> None:
    picture = read_picture(saved(ramp(), "PNG"))
    tensor = picture.tensor()
    assert tensor.shape == (1, 3, 6, 9)
    np.testing.assert_array_equal(tensor[0].permute(1, 2, 0).numpy(), picture.pixels)
    tensor.zero_()
    assert picture.pixels.max() > 0.9  # a copy
    shown = np.asarray(Image.open(io.BytesIO(picture._repr_png_())))
    np.testing.assert_array_equal(shown, ramp())


@pytest.mark.parametrize("format", [*LOSSLESS, *LOSSY])
def test_eight_bit_color(format: str) -> None:
    picture = read_picture(saved(ramp(32, 48), format, **(LOSSLESS | LOSSY)[format]))
    error = np.abs(picture.pixels * 255 - ramp(32, 48)).max()
    assert error < (0.01 if format in LOSSLESS else 12)


@pytest.mark.parametrize("orientation", range(1, 9))
@pytest.mark.parametrize("format", ["PNG", "TIFF", "WEBP", "JPEG", "AVIF"])
def test_every_orientation_of_every_format_that_has_one(format: str, orientation: int) -> None:
    # How a camera stores it, from the EXIF standard: where row 0 and column 0 of the file lie on the scene.
    scene = ramp(16, 24)
    stored = {
        1: scene, 2: scene[:, ::-1], 3: scene[::-1, ::-1], 4: scene[::-1], 5: scene.swapaxes(0, 1),
        6: np.rot90(scene, 1), 7: scene[::-1, ::-1].swapaxes(0, 1), 8: np.rot90(scene, -1),
    }[orientation]  # fmt: skip
    exif = Image.Exif()
    exif[0x0112] = orientation
    options = (LOSSLESS | LOSSY)[format]
    picture = read_picture(saved(np.ascontiguousarray(stored), format, exif=exif, **options))
    assert picture.pixels.shape == scene.shape
    assert np.abs(picture.pixels * 255 - scene).mean() < 3
    said = f"turned upright (EXIF orientation {orientation})"
    assert picture.notes == (() if orientation == 1 else (said,))


def test_deep_pictures_and_alpha_turn_too() -> None:
    samples = RNG.integers(0, 65536, (3, 5, 4), dtype=np.uint16)
    exif = Image.Exif()
    exif[0x0112] = 6
    picture = read_picture(png(samples, 6, png_chunk(b"eXIf", exif.tobytes()[6:])))
    assert picture.pixels.shape == (5, 3, 3)
    assert picture.alpha is not None
    np.testing.assert_array_equal(np.rint(picture.alpha * 65535), np.rot90(samples[..., 3], -1))


@pytest.mark.parametrize(
    ("mode", "format"),
    [
        (mode, format)
        for mode in ("1", "L", "LA", "P", "RGB", "RGBA")
        for format in ("PNG", "TIFF", "WEBP", "GIF")
        if (mode, format) != ("RGBA", "GIF")  # Pillow writes that with other colors
    ],
)
def test_modes(mode: str, format: str) -> None:
    image = Image.fromarray(ramp()).convert(mode if mode != "P" else "RGB")
    image = image.quantize(200) if mode == "P" else image
    picture = read_picture(saved(image, format, **LOSSLESS.get(format, {})))
    expected = np.asarray(image.convert("RGB")).astype(int)
    # A GIF has 256 colors for all 54 pixels: exact as well.
    assert np.abs(picture.pixels * 255 - expected).max() < 0.01
    assert picture.alpha is None  # nothing is transparent here


@pytest.mark.parametrize("format", ["PNG", "TIFF", "WEBP", "AVIF"])
def test_transparent_pixels_lie_on_the_matte_and_hidden_colors_do_not_leak(format: str) -> None:
    pixels = np.zeros((16, 16, 4), np.uint8)
    pixels[..., 1] = 255  # green everywhere, also under the transparent half
    pixels[:8, :, 3] = 255
    options = {"quality": 100} if format == "AVIF" else LOSSLESS[format]
    picture = read_picture(saved(pixels, format, **options))
    assert picture.alpha is not None
    np.testing.assert_array_equal(picture.alpha[:, 0], [1.0] * 8 + [0.0] * 8)
    assert picture.pixels[0, 0] == pytest.approx((0, 1, 0), abs=0.02)
    np.testing.assert_array_equal(picture.pixels[12, 3], (1, 1, 1))
    assert "transparent pixels laid on white" in picture.notes
    red = read_picture(saved(pixels, format, **options), matte=(1, 0, 0))
    np.testing.assert_array_equal(red.pixels[12, 3], (1, 0, 0))


def test_half_transparent_is_a_blend() -> None:
    pixels = np.full((1, 1, 4), (255, 0, 0, 51), np.uint8)
    assert read_picture(saved(pixels, "PNG"), matte=(0, 0, 1)).pixels[0, 0] == pytest.approx((0.2, 0, 0.8))


@pytest.mark.parametrize(
    ("mode", "key"), [("L", 40), ("P", 3), ("P", bytes([255, 255, 255, 0])), ("RGB", (40, 41, 42)), ("1", 0)]
)
def test_color_keys_of_png_are_transparent(mode: str, key: int | bytes | tuple[int, ...]) -> None:
    image = Image.new("RGB", (4, 2), (255, 255, 255)).convert(mode)
    value = {"L": 40, "P": 3, "RGB": (40, 41, 42), "1": 0}[mode]
    if mode == "P":
        image = Image.new("P", (4, 2), 1)
        image.putpalette(list(range(60)))
    image.putpixel((1, 0), value)
    alpha = read_picture(saved(image, "PNG", transparency=key)).alpha
    assert alpha is not None
    np.testing.assert_array_equal(alpha, [[1, 0, 1, 1], [1, 1, 1, 1]])


def test_transparent_gif() -> None:
    image = Image.new("P", (3, 1), 1)
    image.putpalette([0, 0, 0, 90, 90, 90, 255, 0, 0])
    image.putpixel((2, 0), 2)
    picture = read_picture(saved(image, "GIF", transparency=2))
    assert picture.alpha is not None
    np.testing.assert_array_equal(picture.alpha, [[1, 1, 0]])


def test_premultiplied_tiff_is_divided_again() -> None:
    buffer = io.BytesIO()
    pixels = np.array([[[50, 20, 10, 127], [0, 0, 0, 0]]], np.uint8)
    tifffile.imwrite(buffer, pixels, photometric="rgb", extrasamples=["assocalpha"])
    picture = read_picture(buffer.getvalue(), matte=(0, 0, 0))
    assert picture.pixels[0, 0] * 255 == pytest.approx((50, 20, 10), abs=1)  # on black: as stored
    np.testing.assert_array_equal(picture.pixels[0, 1], (0, 0, 0))


# --- more than 8 bits -------------------------------------------------------------------------------


@pytest.mark.parametrize("filter", [0, 1])
@pytest.mark.parametrize(("color_type", "channels"), [(0, 1), (2, 3), (4, 2), (6, 4)])
def test_16_bit_png_is_exact(color_type: int, channels: int, filter: int) -> None:
    samples = RNG.integers(0, 65536, (7, 5, channels), dtype=np.uint16)
    if channels in (2, 4):
        samples[..., -1] = 65535
        samples[0, 0, -1] = 4660
    picture = read_picture(png(samples, color_type, filter=filter), matte=(0, 0, 0))
    colors = samples[..., :1] if channels <= 2 else samples[..., :3]
    np.testing.assert_array_equal(np.rint(picture.pixels * 65535)[1:], np.broadcast_to(colors, (7, 5, 3))[1:])
    if channels in (2, 4):
        assert picture.alpha is not None
        np.testing.assert_array_equal(np.rint(picture.alpha * 65535), samples[..., -1])
    assert "16-bit samples scaled by 1/65535" in picture.notes


def test_16_bit_gray_ramp_is_not_white() -> None:
    levels = np.arange(65536, dtype=np.uint16).reshape(256, 256)
    picture = read_picture(saved(Image.fromarray(levels), "PNG"))
    np.testing.assert_array_equal(np.rint(picture.pixels[..., 0] * 65535), levels)
    assert picture.pixels.mean() == pytest.approx(0.5, abs=1e-4)


def test_12_bit_gray_is_divided_by_4095() -> None:
    picture = read_picture(tiff_12_bit(0, 4095, 2048, 1))
    np.testing.assert_array_equal(np.rint(picture.pixels[0, :, 0] * 4095), (0, 4095, 2048, 1))
    assert picture.notes == ("12-bit samples scaled by 1/4095",)


@pytest.mark.parametrize("mode", ["La", "RGBa"])
def test_premultiplied_modes_are_divided_by_their_alpha(mode: str) -> None:
    straight = Image.new("RGBA", (1, 1), (200, 200, 200, 127)).convert(mode.upper())
    base, alpha = _split(straight.convert(mode))
    assert np.asarray(base).ravel() == pytest.approx(200, abs=1)
    assert alpha == pytest.approx(127 / 255)


def test_a_profile_on_deep_gray_is_said_to_be_left_out() -> None:
    levels = np.array([[0, 30000, 65535]], np.uint16)
    picture = read_picture(saved(Image.fromarray(levels), "PNG", icc_profile=gray_profile(gamma=1)))
    assert picture.notes[0] == "ICC profile of deep gray not applied"
    np.testing.assert_array_equal(np.rint(picture.pixels[..., 0] * 65535), levels)


def test_16_bit_color_keys() -> None:
    gray = np.array([[[1000], [1001]]], np.uint16)
    key = png_chunk(b"tRNS", struct.pack(">H", 1001))
    np.testing.assert_array_equal(read_picture(png(gray, 0, key)).alpha, [[1, 0]])
    color = np.array([[[1000, 2, 3], [1001, 2, 3]]], np.uint16)
    key = png_chunk(b"tRNS", struct.pack(">HHH", 1001, 2, 3))
    np.testing.assert_array_equal(read_picture(png(color, 2, key)).alpha, [[1, 0]])


@pytest.mark.parametrize("byteorder", ["<", ">"])
@pytest.mark.parametrize("compression", [None, "zlib"])
@pytest.mark.parametrize("tile", [None, (16, 16)])
@pytest.mark.parametrize("channels", [1, 3, 4])
def test_16_bit_tiff_is_exact(
    byteorder: str, compression: str | None, tile: tuple[int, int] | None, channels: int
) -> None:
    samples = RNG.integers(0, 65536, (20, 18, channels), dtype=np.uint16)
    if channels == 4:
        samples[..., 3] = 65535
        samples[4, 4, 3] = 77
    buffer = io.BytesIO()
    tifffile.imwrite(
        buffer,
        samples[..., 0] if channels == 1 else samples,
        byteorder=byteorder,
        compression=compression,
        tile=tile,
        photometric="minisblack" if channels == 1 else "rgb",
        extrasamples=["unassalpha"] if channels == 4 else None,
    )
    picture = read_picture(buffer.getvalue(), matte=(0, 0, 0))
    opaque = samples[..., 3] == 65535 if channels == 4 else np.ones((20, 18), bool)
    expected = np.broadcast_to(samples[..., :3], (20, 18, 3))
    np.testing.assert_array_equal(np.rint(picture.pixels * 65535)[opaque], expected[opaque])


def test_white_is_zero_tiff_is_turned_around() -> None:
    buffer = io.BytesIO()
    tifffile.imwrite(buffer, np.array([[0, 65535, 65000]], np.uint16), photometric="miniswhite")
    picture = read_picture(buffer.getvalue())
    assert picture.pixels[0, :, 0] == pytest.approx((1, 0, 535 / 65535))


def test_16_bit_planes_are_read_at_8_bits_or_refused_never_as_stripes() -> None:
    samples = RNG.integers(0, 65536, (3, 20, 18), dtype=np.uint16)
    packed, plain = io.BytesIO(), io.BytesIO()
    tifffile.imwrite(packed, samples, photometric="rgb", planarconfig="separate", compression="zlib")
    tifffile.imwrite(plain, samples, photometric="rgb", planarconfig="separate")
    picture = read_picture(packed.getvalue())
    assert picture.notes == ("read at 8 of its 16 bits per sample",)
    assert np.abs(picture.pixels - samples.transpose(1, 2, 0) / 65535).max() < 1 / 255
    with pytest.raises(PictureError, match=r"^p\.tif cannot be used\. It is a 16-bit TIFF with separate"):
        read_picture(plain.getvalue(), name="p.tif")


def test_32_bit_numbers_are_stretched_and_it_is_said() -> None:
    buffer = io.BytesIO()
    tifffile.imwrite(buffer, np.array([[7, 8, 4_000_000_007]], np.uint32))
    picture = read_picture(buffer.getvalue())
    assert picture.pixels[0, :, 0] == pytest.approx((0, 0, 1), abs=1e-6)
    assert picture.notes == ("values 7 to 4e+09 stretched to 0..1 (minmax)",)
    buffer = io.BytesIO()
    tifffile.imwrite(buffer, np.array([[-100, 0, 100]], np.int16))
    assert read_picture(buffer.getvalue()).pixels[0, :, 0] == pytest.approx((0, 0.5, 1))


def test_16_bit_pgm_and_ppm() -> None:
    gray = read_picture(b"P5 2 1 65535\n" + struct.pack(">HH", 1, 65534))
    np.testing.assert_array_equal(np.rint(gray.pixels[0, :, 0] * 65535), (1, 65534))
    color = read_picture(b"P6 1 1 65535\n" + struct.pack(">HHH", 0, 32768, 65535))
    assert color.pixels[0, 0] == pytest.approx((0, 0.5, 1), abs=1 / 255)
    assert color.notes == ("read at 8 of its 16 bits per sample",)
    assert read_picture(b"P6 1 1 255\n\x01\x02\x03").notes == ()


# --- floats -----------------------------------------------------------------------------------------


def float_tiff(values: list[float], kind: type = np.float32) -> bytes:
    buffer = io.BytesIO()
    tifffile.imwrite(buffer, np.array([values], kind))
    return buffer.getvalue()


def test_floats_between_0_and_1_are_kept() -> None:
    picture = read_picture(float_tiff([0.0, 0.123456, 0.75]))
    np.testing.assert_array_equal(picture.pixels[0, :, 1], np.float32([0.0, 0.123456, 0.75]))
    assert picture.notes == ("float samples between 0 and 1 kept as they are",)


def test_64_bit_floats_are_refused_with_advice() -> None:
    with pytest.raises(PictureError, match=r"^sky\.tif is a damaged TIFF or .*64-bit or color floats"):
        read_picture(float_tiff([0.0, 1.0], np.float64), name="sky.tif")


def test_other_floats_are_stretched() -> None:
    picture = read_picture(float_tiff([-2.0, 0.0, 6.0]))
    assert picture.pixels[0, :, 0] == pytest.approx((0, 0.25, 1))
    assert picture.notes == ("values -2 to 6 stretched to 0..1 (minmax)",)
    huge = read_picture(float_tiff([-3e38, 0.0, 3e38]))
    assert huge.pixels[0, :, 0] == pytest.approx((0, 0.5, 1))
    assert read_picture(float_tiff([5.0, 5.0])).pixels[0, 0, 0] == 0.5


@pytest.mark.parametrize("bad", [np.nan, np.inf, -np.inf])
def test_values_that_are_not_finite_are_refused_in_one_line(bad: float) -> None:
    with pytest.raises(PictureError) as caught:
        read_picture(float_tiff([0.5, bad]), name="sky.tif")
    expected = "sky.tif cannot be used. It holds 1 NaN or infinite values. Replace them before dreaming."
    assert str(caught.value) == expected


def test_value_ranges_mean_what_they_say() -> None:
    levels = np.arange(101, dtype=np.uint16).reshape(1, 101) * 10 + 5
    content = saved(Image.fromarray(levels), "PNG")

    def gray(value_range: str) -> np.ndarray:
        return read_picture(content, value_range=value_range).pixels[0, :, 0]

    assert gray("auto") == pytest.approx(levels[0] / 65535)
    assert gray("minmax") == pytest.approx(np.linspace(0, 1, 101), abs=1e-6)
    assert gray("percentile") == pytest.approx(np.clip((levels[0] - 15.0) / 980, 0, 1), abs=1e-6)
    assert gray("5:505") == pytest.approx(np.clip(np.arange(101) / 50, 0, 1), abs=1e-6)
    photo = read_picture(saved(ramp(), "PNG"), value_range="0:100")
    assert photo.pixels == pytest.approx(np.clip(ramp() / 100, 0, 1), abs=1e-6)


@pytest.mark.parametrize("wrong", ["", "max", "3", "5:5", "9:1", "a:b", "1:2:3", "nan:1", "0:inf"])
def test_a_wrong_value_range_is_named(wrong: str) -> None:
    with pytest.raises(UsageError, match="is not one of auto, minmax, percentile or LOW:HIGH"):
        read_picture(saved(ramp(), "PNG"), value_range=wrong)


# --- frames and sizes -------------------------------------------------------------------------------


@pytest.mark.parametrize("format", ["GIF", "PNG", "WEBP", "TIFF", "AVIF"])
def test_the_first_of_many_frames(format: str) -> None:
    frames = [Image.new("RGB", (16, 16), color) for color in ((250, 10, 10), (10, 250, 10), (10, 10, 250))]
    picture = read_picture(saved(frames[0], format, save_all=True, append_images=frames[1:]))
    assert picture.pixels.mean((0, 1)) == pytest.approx((250 / 255, 10 / 255, 10 / 255), abs=0.05)
    assert picture.notes[0] == "first of 3 frames"


@pytest.mark.parametrize("size", [(1, 1), (20000, 3), (3, 20000)])
@pytest.mark.parametrize("format", ["PNG", "JPEG", "TIFF"])
def test_extreme_shapes(size: tuple[int, int], format: str) -> None:
    picture = read_picture(saved(Image.new("RGB", size, (10, 20, 30)), format))
    assert (picture.width, picture.height) == size
    assert np.abs(picture.pixels * 255 - (10, 20, 30)).max() < 2


def test_the_photographs_we_ship_need_no_correction() -> None:
    photographs = sorted((Path(__file__).parents[2] / "images").glob("*.jpg"))
    assert photographs
    for path in photographs:
        picture = read_picture(path)
        assert isinstance(picture, Picture)
        assert 0.02 < picture.pixels.mean() < 0.98


def test_importing_the_room_does_not_import_torch_or_matplotlib() -> None:
    code = "import sys, deepdream.images; print('torch' in sys.modules, 'matplotlib' in sys.modules)"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.split() == ["False", "False"]
