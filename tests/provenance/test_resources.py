"""Files by name and hash: found again where they may lie, and no path of a stranger's followed."""

from __future__ import annotations

import hashlib
import re
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from deepdream.errors import PictureError, UsageError
from deepdream.provenance import Resource, find_resource, is_pinned, pin


@pytest.fixture
def flower(tmp_path: Path) -> Path:
    path = tmp_path / "far" / "flower.jpg"
    path.parent.mkdir()
    path.write_bytes(b"petals")
    return path


def test_a_file_is_called_by_base_name_and_hash(flower: Path) -> None:
    digest = hashlib.sha256(b"petals").hexdigest()[:12]
    assert str(Resource.of(flower)) == f"flower.jpg#{digest}"


@given(
    st.text(st.characters(exclude_categories=("C", "Z")), min_size=1, max_size=20).filter(
        lambda name: not set(name) & {"/", "\\"} and name not in (".", "..")
    ),
    st.text("0123456789abcdef", min_size=12, max_size=12),
)
def test_a_resource_reads_what_it_printed(name: str, digest: str) -> None:
    resource = Resource(name, digest)
    assert is_pinned(str(resource))
    assert Resource.parse(str(resource)) == resource


def test_it_is_found_beside_a_file_in_this_folder_and_in_images(
    flower: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    resource = Resource.of(flower)
    monkeypatch.chdir(tmp_path)
    with pytest.raises(PictureError, match=re.escape("no flower.jpg with the hash")):
        find_resource(resource)
    assert find_resource(resource, [flower.parent]) == flower
    assert find_resource(resource, [flower.parent / "some_output.png"]) == flower
    (tmp_path / "images").mkdir()
    (tmp_path / "flower.jpg").write_bytes(b"another flower")  # right name, wrong hash: passed over
    flower.rename(tmp_path / "images" / "flower.jpg")
    assert find_resource(resource) == Path("images/flower.jpg")


def test_a_typed_path_is_pinned_and_a_pinned_name_is_found(flower: Path) -> None:
    resource, path = pin(str(flower))
    assert path == flower
    assert pin(str(resource), [flower]) == (resource, flower)


@pytest.mark.parametrize("name", ["../flower.jpg", "/etc/passwd", "a\\b", "..", "", "two\nlines", "x" * 300])
def test_a_name_is_a_base_name(name: str) -> None:
    with pytest.raises(UsageError, match="base name"):
        Resource(name, "0" * 12)


@pytest.mark.parametrize(
    "text", ["flower.jpg", "flower.jpg#123", "flower.jpg#GGGGGGGGGGGG", "#0123456789ab", ""]
)
def test_other_texts_are_not_pinned(text: str) -> None:
    assert not is_pinned(text)
    with pytest.raises(UsageError, match="is not a name and a hash"):
        Resource.parse(text)


@pytest.mark.parametrize("path", ["nowhere.png", "x" * 5000, "a\0b", "."])
def test_what_is_no_file_is_said(path: str) -> None:
    with pytest.raises(PictureError, match="There is no file"):
        Resource.of(path)
