"""Whatever stands in a file: a picture, or one line that says what is wrong and what to do."""

from __future__ import annotations

import io
import os
import struct
import subprocess
import sys
import threading
import warnings
import zlib
from pathlib import Path

import numpy as np
import pytest
import tifffile
from hypothesis import given, settings
from hypothesis import strategies as st
from picture_files import png, png_chunk, ramp, saved
from PIL import Image

from deepdream.errors import PictureError, UsageError
from deepdream.images import Picture, diagnosis, opening, read_picture, read_recipe


def complaint(source: Path | bytes, **options: object) -> str:
    with pytest.raises(PictureError) as caught:
        read_picture(source, **options)  # type: ignore[arg-type]
    text = str(caught.value)
    assert "\n" not in text
    assert text.endswith((".", "`git lfs pull`."))
    return text


@pytest.mark.parametrize(
    ("content", "said"),
    [
        (b"", "x.jpg is empty (0 bytes). Copy or download it again."),
        (b"<!DOCTYPE html><html><body>404</body></html>", "is a web page (HTML)"),
        (b"\n\n  <html lang=en>", "is a web page (HTML)"),
        (b"<svg xmlns='http://www.w3.org/2000/svg'/>", "is an SVG drawing"),
        (b"<?xml version='1.0'?>\n<svg />", "is an SVG drawing"),
        (b"\0\0\0\x18ftypheic\0\0\0\0mif1heic", "a HEIC picture"),
        (b"\0\0\0\x18ftypmif1\0\0\0\0mif1heic", "a HEIC picture"),
        (b"%PDF-1.7 ...", "is a PDF"),
        (b"%!PS-Adobe-3.0 EPSF-3.0\n%%BoundingBox: 0 0 9 9", "is PostScript"),
        (b"8BPS\0\1" + bytes(30), "is a Photoshop file"),
        (b"\0\0\0\x0cJXL \r\n\x87\n", "is a JPEG XL"),
        (b"\0\0\0\x20ftypisom" + bytes(30), "is a video"),
        (b"\x93NUMPY\1\0v\0{'descr': '<f4'}", "is a NumPy array"),
        (b"PK\x03\x04" + bytes(30), "is a ZIP archive"),
        (b"version https://git-lfs.github.com/spec/v1\n", "is a Git LFS pointer"),
        (b"hello there", "is not a picture this program knows"),
        (os.urandom(200).replace(b"<", b"_"), "x.jpg "),
    ],
)
def test_what_is_not_a_picture(content: bytes, said: str) -> None:
    assert said in complaint(content, name="x.jpg")


def test_a_heic_picture_without_and_with_its_reader(monkeypatch: pytest.MonkeyPatch) -> None:
    content = b"\0\0\0\x18ftypheic\0\0\0\0mif1heic"
    if diagnosis.heif_reader_installed():
        assert "looks like a HEIC picture but is damaged" in complaint(content)
    monkeypatch.setattr(diagnosis, "heif_reader_installed", lambda: False)
    monkeypatch.setattr(opening, "heif_reader_installed", lambda: False)
    assert complaint(content, name="x.heic") == (
        'x.heic is a HEIC picture. Install the reader: pip install "deepdream[heif]", or convert it to JPEG.'
    )
    monkeypatch.setattr(diagnosis, "heif_reader_installed", lambda: True)
    assert "looks like a HEIC picture but is damaged" in complaint(content)


@pytest.mark.parametrize("format", ["PNG", "JPEG", "WEBP", "GIF", "TIFF", "BMP", "AVIF", "PPM"])
@pytest.mark.parametrize("keep", [0.1, 0.5, 0.9])
def test_cut_files(format: str, keep: float) -> None:
    noise = np.random.default_rng(1).integers(0, 256, (40, 40, 3), dtype=np.uint8)
    content = saved(noise, format)
    said = complaint(content[: int(len(content) * keep)], name="cut")
    assert said.startswith("cut ")
    assert "again." in said or "TIFF" in said or "not a picture" in said


def test_a_damaged_checksum() -> None:
    content = bytearray(saved(ramp(), "PNG"))
    content[content.index(b"IDAT") + 12] ^= 0xFF
    assert "is damaged or cut short" in complaint(bytes(content))


def test_paths_that_cannot_be_read(tmp_path: Path) -> None:
    assert complaint(tmp_path).endswith("is a folder. Name a picture in it.")
    missing = complaint(tmp_path / "no.png")
    assert missing == f"There is no file {tmp_path / 'no.png'}. Check the path."
    assert "Cannot read" in complaint(Path("a\0b.png"))
    (tmp_path / "two\nlines.png").write_bytes(b"")
    assert complaint(tmp_path / "two\nlines.png").startswith("two lines.png is empty")
    os.mkfifo(tmp_path / "pipe.png")
    assert "is not a regular file" in complaint(tmp_path / "pipe.png")


def test_no_permission(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    # The superuser may read everything, so the refusal is made by hand.
    path = tmp_path / "secret.png"
    path.write_bytes(b"x")

    def refuse(self: Path) -> bytes:
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr(Path, "read_bytes", refuse)
    assert complaint(path) == f"No permission to read {path}. Check its access rights."


def test_a_file_too_long_for_memory_is_refused_unread(tmp_path: Path) -> None:
    path = tmp_path / "long.png"
    with path.open("wb") as file:
        file.truncate((1 << 30) + 1)  # sparse
    assert "has more than 1,073,741,824 bytes" in complaint(path)


# --- bombs ------------------------------------------------------------------------------------------


def bomb(width: int, height: int) -> bytes:
    header = struct.pack(">IIBBBBB", width, height, 1, 0, 0, 0, 0)
    return b"\x89PNG\r\n\x1a\n" + png_chunk(b"IHDR", header) + png_chunk(b"IDAT", zlib.compress(b"\0"))


@pytest.mark.parametrize("side", [8_001, 10_000, 13_000, 30_000])
def test_bombs_are_refused_before_decoding(side: int) -> None:
    with warnings.catch_warnings(record=True) as leaked:
        warnings.simplefilter("always")
        said = complaint(bomb(side, side), name="bomb.png")
    assert said == (
        f"bomb.png has {side * side:,} pixels, more than the limit of 64,000,000 pixels. "
        "Make it smaller, or raise the limit with --max-pixels."
    )
    assert leaked == []


def test_the_limit_is_the_callers() -> None:
    content = saved(ramp(6, 9), "PNG")
    assert read_picture(content, max_pixels=54).width == 9
    assert "has 54 pixels, more than the limit of 53" in complaint(content, max_pixels=53)
    with pytest.raises(UsageError, match="at least 1"):
        read_picture(content, max_pixels=0)
    with pytest.raises(UsageError, match="matte"):
        read_picture(content, matte=(0, 0, 255))


def test_the_limit_can_be_raised_beyond_pillows_own() -> None:
    side = 14_000  # 196 million pixels: Pillow by itself refuses these
    said = complaint(bomb(side, side), max_pixels=side * side)
    assert "is damaged or cut short" in said  # it got as far as decoding


def test_nothing_of_the_process_is_changed() -> None:
    before, filters = Image.MAX_IMAGE_PIXELS, list(warnings.filters)
    read_picture(saved(ramp(), "PNG"), max_pixels=1000)
    complaint(bomb(10_000, 10_000))
    complaint(b"")
    assert before == Image.MAX_IMAGE_PIXELS
    assert filters == warnings.filters


def test_many_threads_do_not_disturb_each_other() -> None:
    content, results, before = saved(ramp(), "PNG"), [], list(warnings.filters)
    limit = Image.MAX_IMAGE_PIXELS

    def work() -> None:
        for _ in range(20):
            results.append(read_picture(content).pixels.sum())

    threads = [threading.Thread(target=work) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(results) == 160
    assert len(set(results)) == 1
    assert (Image.MAX_IMAGE_PIXELS, list(warnings.filters)) == (limit, before)


def test_a_text_bomb_in_a_png() -> None:
    body = b"Comment\0\0" + zlib.compress(bytes(70_000_000))
    said = complaint(png(ramp(), 2, png_chunk(b"zTXt", body), depth=8))
    assert "damaged" in said


def test_a_damaged_exif_block_costs_the_turn_and_not_the_picture() -> None:
    content = saved(ramp(), "JPEG", exif=b"Exif\0\0MM\0*\0\0\0\x08\xff\xff" + b"\x01\x12" * 9)
    assert read_picture(content).notes == ()


def test_prints_nothing(tmp_path: Path) -> None:
    # A damaged compressed TIFF is the exception: there libtiff itself writes a line to stderr.
    (tmp_path / "a.png").write_bytes(saved(ramp(40, 40), "PNG")[:200])
    (tmp_path / "b.jpg").write_bytes(saved(ramp(40, 40), "JPEG")[:500])
    code = (
        "import sys, pathlib\nfrom deepdream.images import read_picture\n"
        "from deepdream.errors import PictureError\nfor p in sys.argv[1:]:\n"
        "    try: read_picture(pathlib.Path(p))\n    except PictureError: pass\n"
    )
    names = [str(tmp_path / "a.png"), str(tmp_path / "b.jpg")]
    done = subprocess.run([sys.executable, "-W", "error", "-c", code, *names], capture_output=True)
    assert (done.returncode, done.stdout, done.stderr) == (0, b"", b"")


# --- random damage ----------------------------------------------------------------------------------


def _seeds() -> list[bytes]:
    small, gray = ramp(9, 7), ramp(9, 7)[..., 0]
    exif = Image.Exif()
    exif[0x0112] = 6
    floats = io.BytesIO()
    tifffile.imwrite(floats, gray.astype(np.float32))
    deep = np.random.default_rng(3).integers(0, 65536, (9, 7, 4), dtype=np.uint16)
    packed = io.BytesIO()
    tifffile.imwrite(packed, deep, photometric="rgb", compression="zlib", extrasamples=["unassalpha"])
    formats = ("PNG", "JPEG", "WEBP", "TIFF", "BMP", "PPM", "AVIF", "GIF")
    seeds = [
        saved(small, format, **({} if format in ("BMP", "PPM") else {"exif": exif})) for format in formats
    ]
    seeds += [
        png(deep, 6),
        png(deep[..., :2], 4),
        png(deep[..., :3], 2),
        floats.getvalue(),
        packed.getvalue(),
    ]
    seeds.append(saved(Image.fromarray(small).convert("CMYK"), "JPEG"))
    frames = [Image.fromarray(small), Image.fromarray(255 - small)]
    seeds.append(saved(frames[0], "GIF", save_all=True, append_images=frames[1:]))
    seeds.append(saved(frames[0], "WEBP", save_all=True, append_images=frames[1:]))
    return seeds


SEEDS = _seeds()


@settings(max_examples=700, deadline=None, derandomize=True)
@given(
    seed=st.sampled_from(SEEDS),
    edits=st.lists(st.tuples(st.floats(0, 1), st.integers(0, 255)), max_size=8),
    cut=st.one_of(st.just(1.0), st.floats(0, 1)),
    insertion=st.binary(max_size=6),
)
def test_random_damage_gives_a_picture_or_one_line(
    seed: bytes, edits: list[tuple[float, int]], cut: float, insertion: bytes
) -> None:
    content = bytearray(seed)
    for place, value in edits:
        content[int(place * (len(content) - 1))] = value
    if insertion:
        at = int(cut * len(content))
        content[at:at] = insertion
    damaged = bytes(content[: int(len(content) * cut)])
    try:
        picture = read_picture(damaged, name="damaged", max_pixels=1_000_000)
    except PictureError as error:
        picture, said = None, str(error)
    if picture is None:
        assert "\n" not in said
        return
    assert isinstance(picture, Picture)
    assert np.isfinite(picture.pixels).all()
    assert picture.pixels.min() >= 0
    assert picture.pixels.max() <= 1
    assert picture.pixels.shape == (picture.height, picture.width, 3)
    assert picture.alpha is None or picture.alpha.shape == (picture.height, picture.width)


@settings(max_examples=150, deadline=None, derandomize=True)
@given(seed=st.sampled_from(SEEDS), place=st.floats(0, 1), junk=st.binary(min_size=1, max_size=12))
def test_random_damage_and_recipes(seed: bytes, place: float, junk: bytes, tmp_path_factory: object) -> None:
    at = int(place * len(seed))
    path = Path(tmp_path_factory.getbasetemp()) / "damaged.bin"  # type: ignore[attr-defined]
    path.write_bytes(seed[:at] + junk + seed[at + len(junk) :])
    try:
        found = read_recipe(path)
    except PictureError as error:
        found = str(error)
        assert "\n" not in found
    assert isinstance(found, str | None)


@pytest.mark.parametrize("compression", ["tiff_lzw", "tiff_adobe_deflate", "jpeg"])
def test_the_c_library_of_tiff_prints_nothing(
    compression: str, tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    noise = np.random.default_rng(0).integers(0, 255, (200, 300, 3), dtype=np.uint8)
    Image.fromarray(noise).save(tmp_path / "bad.tif", compression=compression)
    content = bytearray((tmp_path / "bad.tif").read_bytes())
    for place in range(3000, len(content) - 2000, 97):
        content[place] ^= 0x5A
    with pytest.raises(PictureError, match="damaged or cut short"):
        read_picture(bytes(content))
    assert capfd.readouterr() == ("", "")
    os.write(2, b"still there")
    assert capfd.readouterr().err == "still there"
