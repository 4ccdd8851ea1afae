"""Names found, wildcards written out, files read; and what a stranger's text may not do."""

from __future__ import annotations

import re
from pathlib import Path

import numpy as np
import pytest
import torch
from safetensors.torch import save_file

from deepdream.ascent import guide, masked, parse_objective
from deepdream.ascent.resolving import layers_like, pin_files, refuse_paths, resolve
from deepdream.errors import DeepDreamError, PictureError, UnknownNameError, UsageError
from deepdream.images import write_picture
from deepdream.models import Model, load_model
from deepdream.provenance import Resource

NAMES = [
    "conv",
    "blocks.0",
    "blocks.1",
    "blocks.2",
    "blocks.10",
    "blocks.0.act",
    "blocks.1.act",
    "b-1",
    "other/blocks.2",
]


@pytest.mark.parametrize(
    ("pattern", "found"),
    [
        ("blocks.1", ["blocks.1"]),
        ("blocks.*", ["blocks.0", "blocks.1", "blocks.2", "blocks.10"]),
        ("blocks.*.act", ["blocks.0.act", "blocks.1.act"]),
        ("blocks.1-10", ["blocks.1", "blocks.2", "blocks.10"]),
        ("blocks.0-1.act", ["blocks.0.act", "blocks.1.act"]),
        ("other/blocks.1-3", ["other/blocks.2"]),
        ("b-1", ["b-1"]),
        ("nothing.*", ["nothing.*"]),
    ],
)
def test_wildcards_and_ranges(pattern: str, found: list[str]) -> None:
    assert layers_like(pattern, NAMES) == found


def test_a_range_has_an_end() -> None:
    with pytest.raises(UsageError, match="is too long"):
        layers_like("blocks.0-999999999", NAMES)


@pytest.mark.weights
def test_on_the_embedded_network() -> None:
    model = load_model(device="cpu")
    text = '2*blocks.3-5 - logit("golden retriever") + blocks.0.*.conv_pw:3'
    assert str(resolve(parse_objective(text), model)) == (
        "2.0*layer(blocks.3) + 2.0*layer(blocks.4) + 2.0*layer(blocks.5) - logit(207) + channel(blocks.0.0.conv_pw, 3)"
    )


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("secnd", "No layer 'secnd' in tiny. Did you mean 'second'"),
        ("second.*", "No layer 'second.*' in tiny."),
        ("second:12", "second has channels 0 to 11; there is no channel 12."),
        ("direction(second, [1])", "second has 12 channels; this direction has 1 numbers."),
        ('logit("dog", elsewhere)', "elsewhere"),
        ('caricature(secnd, "a.png")', "No layer 'secnd'"),
        ("diversity(second)", "here is only one"),
    ],
)
def test_wrong_names_are_said_before_anything_is_read(text: str, message: str, tiny_model: Model) -> None:
    with pytest.raises(UsageError, match=re.escape(message)):
        resolve(parse_objective(text), tiny_model)


def test_a_batch_may_be_compared(tiny_model: Model) -> None:
    assert str(resolve(parse_objective("diversity(second)"), tiny_model, batch=2)) == "diversity(second)"


@pytest.fixture
def files(tmp_path: Path) -> Path:
    rng = np.random.default_rng(0)
    write_picture(tmp_path / "guide.png", rng.random((20, 30, 3), dtype=np.float32))
    alpha = np.zeros((8, 8), np.float32)
    alpha[:4] = 1
    write_picture(tmp_path / "cutout.png", np.ones((8, 8, 3), np.float32), alpha=alpha)
    np.save(tmp_path / "v.npy", np.arange(12.0))
    save_file({"direction": torch.arange(12.0)}, tmp_path / "v.safetensors")
    np.save(tmp_path / "pickled.npy", np.array([{"a": 1}]), allow_pickle=True)
    np.save(tmp_path / "nan.npy", np.array([1.0, np.nan]))
    save_file({"a": torch.zeros(1), "b": torch.zeros(1)}, tmp_path / "two.safetensors")
    (tmp_path / "broken.png").write_bytes(b"\x89PNG\r\n\x1a\n....")
    return tmp_path


def test_files_become_names_with_hashes_and_are_found_again(files: Path) -> None:
    text = (
        f'masked(guide(second, "{files}/guide.png"), "{files}/cutout.png")'
        f' + direction(second, "{files}/v.npy") - direction(second, "{files}/v.safetensors", 2)'
    )
    pinned, contents = pin_files(parse_objective(text))
    assert str(files) not in str(pinned)
    assert re.fullmatch(
        r'masked\(guide\(second, "guide\.png#[0-9a-f]{12}"\), "cutout\.png#[0-9a-f]{12}"\)'
        r' \+ direction\(second, "v\.npy#[0-9a-f]{12}"\) - direction\(second, "v\.safetensors#[0-9a-f]{12}", 2\.0\)',
        str(pinned),
    )
    shapes = {role: tuple(value.shape) for (role, _), value in contents.items()}
    assert shapes == {"picture": (1, 3, 20, 30), "mask": (1, 1, 8, 8), "vector": (12,)}
    refuse_paths(pinned)
    again, same = pin_files(parse_objective(str(pinned)), [files])
    assert again == pinned
    assert all(torch.equal(same[key], contents[key]) for key in contents)


def test_where_a_mask_is_transparent_it_does_not_count(files: Path) -> None:
    _, contents = pin_files(masked(guide("a", files / "guide.png"), str(files / "cutout.png")))
    (mask,) = (value for (role, _), value in contents.items() if role == "mask")
    assert torch.equal(mask[0, 0, :4], torch.ones(4, 8))
    assert torch.equal(mask[0, 0, 4:], torch.zeros(4, 8))


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ('guide(a, "{}/nowhere.png")', "There is no file"),
        ('guide(a, "{}/broken.png")', "broken.png"),
        ('guide(a, "{}")', "There is no file"),
        ('guide(a, "gone.png#0123456789ab")', "There is no gone.png with the hash 0123456789ab..."),
        ('direction(a, "{}/pickled.npy")', "pickled.npy holds no vector"),
        ('direction(a, "{}/guide.png")', "guide.png holds no vector"),
        ('direction(a, "{}/nan.npy")', "not finite"),
        ('direction(a, "{}/two.safetensors")', "two.safetensors holds no vector"),
    ],
)
def test_bad_files_are_said_in_one_line(text: str, message: str, files: Path) -> None:
    with pytest.raises(PictureError, match=re.escape(message)) as seen:
        pin_files(parse_objective(text.format(files)))
    assert "\n" not in str(seen.value)
    assert seen.value.exit_code == 3


@pytest.mark.parametrize(
    "text", ['guide(a, "/etc/passwd")', 'masked(layer(a), "mask.png")', 'direction(a, "v.npy")']
)
def test_a_strangers_paths_are_refused(text: str) -> None:
    with pytest.raises(PictureError, match="without a hash; it is not opened"):
        refuse_paths(parse_objective(text))
    refuse_paths(guide("a", Resource("a.png", "0" * 12)))


def test_a_name_that_is_a_path_with_a_hash_is_a_path_still() -> None:
    objective = parse_objective('guide(a, "../a.png#0123456789ab")')
    with pytest.raises(PictureError, match="without a hash"):
        refuse_paths(objective)
    with pytest.raises(DeepDreamError):
        pin_files(objective)


def test_unknown_classes_are_a_name_error(tiny_model: Model) -> None:
    with pytest.raises(UnknownNameError, match="No class 'unicorn'"):
        resolve(parse_objective('logit("unicorn")'), tiny_model)
