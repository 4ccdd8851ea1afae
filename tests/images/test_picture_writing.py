"""Writing: rounded right, tagged sRGB, whole or not at all, and the recipe comes back."""

from __future__ import annotations

import io
import itertools
import json
import os
import struct
import subprocess
import sys
import zlib
from pathlib import Path

import numpy as np
import pytest
import tifffile
from hypothesis import given, settings
from hypothesis import strategies as st
from picture_files import RNG, png, png_chunk, ramp, saved
from PIL import Image

from deepdream.errors import OutputError, PictureError, UsageError
from deepdream.images import MAX_RECIPE_BYTES, encode, read_picture, read_recipe, still_formats, write_picture

EXACT = ("png", "tiff", "bmp")
RECIPE = json.dumps({"layer": "blocks.4", "motto": "Träume von Hunden 夢 сон 🐶"}, ensure_ascii=False)
PIXELS = RNG.random((24, 32, 3)).astype(np.float32)
SMOOTH = ramp(24, 32).astype(np.float32) / 255


@pytest.mark.parametrize("suffix", still_formats())
def test_round_trip_with_recipe(suffix: str, tmp_path: Path) -> None:
    path = tmp_path / f"dream{suffix.upper() if suffix == '.png' else suffix}"
    write_picture(path, SMOOTH, recipe=RECIPE)
    picture = read_picture(path)
    error = np.abs(picture.pixels - SMOOTH)
    assert error.max() < 1e-6 if still_formats()[suffix].name in EXACT else error.mean() < 0.04
    assert picture.notes == ()  # upright, sRGB, opaque: nothing to do
    assert read_recipe(path) == (None if suffix == ".bmp" else RECIPE)
    write_picture(path, SMOOTH)
    assert read_recipe(path) is None


@pytest.mark.parametrize(("format", "bits"), [("png", 8), ("png", 16), ("tiff", 8), ("tiff", 16), ("bmp", 8)])
def test_rounding_is_to_the_nearest_and_out_of_range_is_clamped(format: str, bits: int) -> None:
    top = 2**bits - 1
    levels = np.array([-5, 0, 0.4, 0.6, 100.49, 100.51, top - 0.6, top - 0.4, top, 9 * top])
    pixels = np.repeat((levels / top)[None, :, None], 3, axis=2)
    expected = np.clip(np.rint(levels), 0, top)
    read = read_picture(encode(pixels, format=format, bits=bits)).pixels
    np.testing.assert_array_equal(np.rint(read[0, :, 1] * top), expected)


@pytest.mark.parametrize("dtype", [np.float16, np.float32, np.float64])
def test_every_float_kind(dtype: type) -> None:
    assert read_picture(encode(PIXELS.astype(dtype))).pixels == pytest.approx(PIXELS, abs=0.004)


@pytest.mark.parametrize("channels", [3, 4])
def test_16_bit_png_and_tiff_hold_every_level(channels: int) -> None:
    levels = np.arange(65536).reshape(128, 512)
    pixels = np.stack([levels, levels[::-1], levels[:, ::-1]], axis=2) / 65535
    alpha = (levels / 65535) if channels == 4 else None
    deep_tiff = tifffile.imread(io.BytesIO(encode(pixels, format="tiff", alpha=alpha, bits=16)))
    assert deep_tiff.dtype == np.uint16
    assert deep_tiff.shape == (128, 512, channels)
    np.testing.assert_array_equal(deep_tiff[..., :3], np.rint(pixels * 65535))
    if channels == 3:
        read = read_picture(encode(pixels, bits=16, recipe=RECIPE)).pixels
        np.testing.assert_array_equal(np.rint(read.astype(float) * 65535), np.rint(pixels * 65535))
    else:
        np.testing.assert_array_equal(deep_tiff[..., 3], levels)
        read_alpha = read_picture(encode(pixels, bits=16, alpha=alpha)).alpha
        np.testing.assert_array_equal(np.rint(read_alpha * 65535), levels)


def test_16_bit_png_against_a_second_decoder() -> None:
    content, chunks, at = encode(PIXELS, bits=16, recipe=RECIPE), [], 8
    while at < len(content):  # the PNG specification, word for word
        length, kind = struct.unpack(">I4s", content[at : at + 8])
        body = content[at + 8 : at + 8 + length]
        assert struct.unpack(">I", content[at + 8 + length : at + 12 + length])[0] == zlib.crc32(kind + body)
        chunks.append((kind, body))
        at += 12 + length
    assert [kind for kind, _ in chunks] == [b"IHDR", b"sRGB", b"iTXt", b"IDAT", b"IEND"]
    rows = np.frombuffer(zlib.decompress(dict(chunks)[b"IDAT"]), np.uint8).reshape(24, 1 + 32 * 6)
    assert set(rows[:, 0]) == {2}  # filter "up": add the row above, modulo 256
    samples = np.cumsum(rows[:, 1:], axis=0, dtype=np.uint8).view(">u2").reshape(24, 32, 3)
    np.testing.assert_array_equal(samples, np.rint(PIXELS * 65535))


@pytest.mark.parametrize("bits", [8, 16])
def test_our_tiff_against_a_second_decoder(bits: int) -> None:
    with tifffile.TiffFile(io.BytesIO(encode(PIXELS, format="tiff", bits=bits, recipe=RECIPE))) as file:
        page = file.pages[0]
        np.testing.assert_array_equal(page.asarray(), np.rint(PIXELS * (2**bits - 1)))
        assert page.tags["ImageDescription"].value == RECIPE
        assert page.tags["Software"].value == "deepdream"
        assert page.photometric.name == "RGB"
    with_alpha = encode(PIXELS, format="tiff", bits=bits, alpha=PIXELS[..., 0])
    with tifffile.TiffFile(io.BytesIO(with_alpha)) as file:
        assert [kind.name for kind in file.pages[0].extrasamples] == ["UNASSALPHA"]


@pytest.mark.parametrize("format", ["png", "webp", "tiff", "avif"])
def test_alpha_is_kept(format: str) -> None:
    alpha = np.linspace(0, 1, 24 * 32).reshape(24, 32)
    picture = read_picture(encode(SMOOTH, format=format, alpha=alpha))
    assert picture.alpha == pytest.approx(alpha, abs=0.01)


@pytest.mark.parametrize("format", ["jpeg", "bmp"])
def test_formats_without_alpha_lay_the_picture_on_white(format: str) -> None:
    alpha = np.zeros((24, 32))
    alpha[:, :16] = 1
    picture = read_picture(encode(np.zeros((24, 32, 3)), format=format, alpha=alpha))
    assert picture.alpha is None
    assert picture.pixels[:, :8].max() < 0.05
    assert picture.pixels[:, -8:].min() > 0.95


def test_files_are_tagged_srgb() -> None:
    for format in ("jpeg", "webp", "tiff", "avif"):
        with Image.open(io.BytesIO(encode(SMOOTH, format=format))) as image:
            assert "sRGB".encode("utf-16-be") in image.info["icc_profile"], format
    for bits in (8, 16):
        with Image.open(io.BytesIO(encode(SMOOTH, bits=bits))) as image:
            assert image.info["srgb"] == 0


@pytest.mark.parametrize("format", ["png", "jpeg", "webp", "tiff", "avif"])
def test_the_same_picture_gives_the_same_bytes(format: str) -> None:
    assert encode(SMOOTH, format=format, recipe=RECIPE) == encode(SMOOTH, format=format, recipe=RECIPE)


def test_webp_at_quality_100_is_lossless() -> None:
    assert read_picture(encode(PIXELS, format="webp", quality=100)).pixels == pytest.approx(PIXELS, abs=0.002)


@pytest.mark.parametrize("format", dict.fromkeys(entry.name for entry in still_formats().values()))
def test_noise_the_hardest_picture_to_compress(format: str) -> None:
    noise = RNG.random((300, 200, 3))
    picture = read_picture(encode(noise, format=format, quality=100, recipe="x" * 60_000))
    assert np.abs(picture.pixels - noise).mean() < 0.02


def test_lossy_quality_has_an_effect() -> None:
    for format in ("jpeg", "webp", "avif"):
        assert len(encode(PIXELS, format=format, quality=30)) < len(encode(PIXELS, format=format, quality=95))


@pytest.mark.parametrize(
    ("options", "said"),
    [
        ({"format": "gif"}, "Cannot write pictures as 'gif'"),
        ({"format": "jpeg", "bits": 16}, "No 16 bits per sample in jpeg. Use 8 (any format) or"),
        ({"bits": 12}, "No 12 bits per sample in png"),
        ({"quality": 0}, "The quality must be between 1 and 100, not 0."),
        ({"alpha": np.ones((3, 3))}, "differ in size"),
        ({"alpha": np.ones((24, 32, 1))}, "The alpha must have the shape (H, W)"),
    ],
)  # fmt: skip
def test_wrong_requests(options: dict[str, object], said: str) -> None:
    with pytest.raises(UsageError) as caught:
        encode(SMOOTH, **options)  # type: ignore[arg-type]
    assert said in str(caught.value)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize("shape", [(4, 4), (4, 4, 1), (4, 4, 4), (1, 3, 4, 4), (0, 4, 3)])
def test_wrong_shapes(shape: tuple[int, ...]) -> None:
    with pytest.raises(UsageError, match=r"must have the shape \(H, W, 3\)"):
        encode(np.zeros(shape))


def test_whole_numbers_are_refused_instead_of_becoming_white() -> None:
    with pytest.raises(UsageError, match="floats between 0 and 1, not uint8"):
        encode(ramp())


@pytest.mark.parametrize("bad", [np.nan, np.inf, -np.inf])
def test_values_that_are_not_finite_are_refused(bad: float, tmp_path: Path) -> None:
    pixels = SMOOTH.copy()
    pixels[3, 4, 1] = bad
    with pytest.raises(OutputError, match="The picture holds 1 NaN or infinite values; nothing was written"):
        write_picture(tmp_path / "a.png", pixels)
    assert list(tmp_path.iterdir()) == []


def test_a_size_the_format_cannot_hold() -> None:
    with pytest.raises(OutputError, match=r"^Cannot write 20000x1 pixels as webp: .* Use png\.$"):
        encode(np.zeros((1, 20000, 3)), format="webp")


@pytest.mark.parametrize("name", ["dream", "dream.gif", "dream.exe"])
def test_unknown_suffixes_name_the_known_ones(name: str, tmp_path: Path) -> None:
    with pytest.raises(UsageError, match=r"Use one of \.png, \.jpg"):
        write_picture(tmp_path / name, SMOOTH)


# --- recipes ----------------------------------------------------------------------------------------

CONTAINERS = ((".png", 8), (".png", 16), (".jpg", 8), (".webp", 8), (".tif", 8), (".tif", 16), (".avif", 8))


@pytest.mark.parametrize(("suffix", "bits"), CONTAINERS)
def test_the_longest_recipe_fits_and_one_byte_more_does_not(suffix: str, bits: int, tmp_path: Path) -> None:
    longest = "夢" * (MAX_RECIPE_BYTES // 3) + "x" * (MAX_RECIPE_BYTES % 3)
    write_picture(tmp_path / f"a{suffix}", SMOOTH, recipe=longest, bits=bits)
    assert read_recipe(tmp_path / f"a{suffix}") == longest
    with pytest.raises(OutputError, match="65,001 bytes; a picture holds 65,000"):
        write_picture(tmp_path / f"b{suffix}", SMOOTH, recipe=longest + "x", bits=bits)


@settings(max_examples=60, deadline=None, derandomize=True)
@given(
    text=st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\0"), max_size=60),
    container=st.sampled_from(CONTAINERS),
)
def test_any_text_comes_back(
    text: str, container: tuple[str, int], tmp_path_factory: pytest.TempPathFactory
) -> None:
    suffix, bits = container
    path = tmp_path_factory.getbasetemp() / f"recipe{suffix}"
    write_picture(path, SMOOTH[:16, :16], recipe=text, bits=bits)
    assert read_recipe(path) == text


@pytest.mark.parametrize(("text", "said"), [("a\0b", "null character"), ("\ud800", "not valid Unicode")])
def test_text_no_picture_can_hold(text: str, said: str) -> None:
    with pytest.raises(OutputError, match=said):
        encode(SMOOTH, recipe=text)


def test_other_peoples_descriptions_are_not_recipes(tmp_path: Path) -> None:
    exif = Image.Exif()
    exif[0x010E] = "my holidays"
    exif[0x0131] = "Camera 3000"
    for format in ("JPEG", "TIFF", "WEBP", "PNG"):
        (tmp_path / "photo").write_bytes(saved(ramp(), format, exif=exif))
        assert read_recipe(tmp_path / "photo") is None
    (tmp_path / "photo").write_bytes(png(ramp(), 2, png_chunk(b"tEXt", b"Comment\0hello"), depth=8))
    assert read_recipe(tmp_path / "photo") is None


def test_hostile_recipes(tmp_path: Path) -> None:
    path = tmp_path / "evil.png"
    path.write_bytes(png(ramp(), 2, png_chunk(b"tEXt", b"deepdream\0" + b"x" * 70_000), depth=8))
    with pytest.raises(PictureError, match=r"The recipe in evil\.png has more than 65,000 bytes"):
        read_recipe(path)
    exif = Image.Exif()
    exif[0x010E] = b"\xff\xfe\xfd"
    exif[0x0131] = "deepdream"
    path.write_bytes(saved(ramp(), "JPEG", exif=exif))
    with pytest.raises(PictureError, match="it is not UTF-8 text"):
        read_recipe(path)
    path.write_bytes(b"<html>")
    with pytest.raises(PictureError, match="is a web page"):
        read_recipe(path)
    with pytest.raises(PictureError, match="There is no file"):
        read_recipe(tmp_path / "none.png")


# --- whole or not at all ----------------------------------------------------------------------------

_FULL_DISK = """
import resource, signal, sys, pathlib, numpy as np
from deepdream.errors import OutputError
from deepdream.images import write_picture, write_animation
signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
resource.setrlimit(resource.RLIMIT_FSIZE, (4096, 4096))
noise = np.random.default_rng(0).random((200, 200, 3))
for name in sys.argv[1:]:
    path = pathlib.Path(name)
    try:
        if path.stem == "moving":
            write_animation(path, [noise, noise[::-1]])
        else:
            write_picture(path, noise, recipe="{}")
    except OutputError as error:
        print(error)
"""


def test_a_full_disk_leaves_the_old_files_bit_identical(tmp_path: Path) -> None:
    names = [
        "a.png",
        "a.jpg",
        "a.webp",
        "a.tif",
        "a.avif",
        "a.bmp",
        "moving.webp",
        "moving.gif",
        "moving.png",
    ]
    old = {name: os.urandom(900) for name in names}
    for name, content in old.items():
        (tmp_path / name).write_bytes(content)
    command = [sys.executable, "-c", _FULL_DISK, *(str(tmp_path / name) for name in names)]
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    lines = done.stdout.splitlines()
    for line, name in zip(lines, names, strict=True):
        assert line.startswith(f"Cannot write {tmp_path / name}")
        assert "File too large" in line
    assert {path.name: path.read_bytes() for path in tmp_path.iterdir()} == old


@pytest.mark.skipif(os.geteuid() == 0, reason="the superuser may write everywhere")
def test_a_read_only_folder(tmp_path: Path) -> None:
    tmp_path.chmod(0o500)
    with pytest.raises(OutputError, match="Permission denied"):
        write_picture(tmp_path / "a.png", SMOOTH)


def test_a_folder_that_is_a_file(tmp_path: Path) -> None:
    (tmp_path / "file").write_bytes(b"precious")
    with pytest.raises(OutputError, match=r"^Cannot write .*file/a\.png: "):
        write_picture(tmp_path / "file" / "a.png", SMOOTH)
    assert (tmp_path / "file").read_bytes() == b"precious"


def test_a_failed_encoding_leaves_the_old_file(tmp_path: Path) -> None:
    path = tmp_path / "a.png"
    path.write_bytes(b"precious")
    for options in ({"recipe": "\0"}, {"bits": 9}, {"alpha": np.full((24, 32), np.nan)}):
        with pytest.raises((OutputError, UsageError)):
            write_picture(path, SMOOTH, **options)  # type: ignore[arg-type]
    assert path.read_bytes() == b"precious"
    assert list(tmp_path.iterdir()) == [path]


def test_folders_are_made_and_files_replaced(tmp_path: Path) -> None:
    path = tmp_path / "new" / "deeper" / "a.png"
    write_picture(path, SMOOTH)
    write_picture(path, 1 - SMOOTH)
    assert read_picture(path).pixels == pytest.approx(1 - SMOOTH, abs=1e-6)
    assert list(path.parent.iterdir()) == [path]


def test_every_combination_of_format_depth_and_alpha_reads_back() -> None:
    alpha = np.ones((24, 32))
    alpha[0, 0] = 0
    for format, bits, cover in itertools.product(("png", "tiff"), (8, 16), (None, alpha)):
        picture = read_picture(encode(SMOOTH, format=format, bits=bits, alpha=cover), matte=(0, 0, 0))
        assert (picture.alpha is None) == (cover is None)
        assert picture.pixels[1:] == pytest.approx(SMOOTH[1:], abs=1e-5)
