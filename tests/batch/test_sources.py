"""Which inputs words mean: folders, folders of folders, names that formats go by, hidden files."""

from __future__ import annotations

from pathlib import Path

import pytest
from PIL import Image

from deepdream.batch.fed_picture import read_source
from deepdream.batch.sources import expand_inputs
from deepdream.errors import PictureError


def save(path: Path, **options: object) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.linear_gradient("L").resize((30, 20)).convert("RGB").save(path, **options)


def test_names_of_formats_are_taken_from_a_folder_and_read(tmp_path: Path) -> None:
    save(tmp_path / "a.jfif", format="JPEG")
    save(tmp_path / "b.jpe", format="JPEG")
    save(tmp_path / "c.mpo", format="MPO", save_all=True)
    Image.linear_gradient("L").resize((30, 20)).save(tmp_path / "d.pgm")
    save(tmp_path / "e.apng", format="PNG")
    save(tmp_path / "f.pnm", format="PPM")
    names = [path.name for path in expand_inputs([str(tmp_path)])]
    assert names == ["a.jfif", "b.jpe", "c.mpo", "d.pgm", "e.apng", "f.pnm"]
    for name in names:
        assert read_source(tmp_path / name).pixels.shape == (20, 30, 3)


def test_hidden_files_are_left_out(tmp_path: Path) -> None:
    save(tmp_path / "1.jpg")
    (tmp_path / "._1.jpg").write_bytes(b"\0\5\x16\7")
    assert expand_inputs([str(tmp_path)]) == [tmp_path / "1.jpg"]


def test_a_folder_of_class_folders(tmp_path: Path) -> None:
    save(tmp_path / "cats" / "1.jpg")
    save(tmp_path / "dogs" / "1.jpg")
    assert expand_inputs([str(tmp_path)]) == [tmp_path / "cats" / "1.jpg", tmp_path / "dogs" / "1.jpg"]
    (tmp_path / "empty").mkdir()
    with pytest.raises(PictureError, match="holds no pictures"):
        expand_inputs([str(tmp_path / "empty")])
