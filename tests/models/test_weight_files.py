"""Weight files that are wrong in every way we know, and the right ones."""

from __future__ import annotations

import os
import pickle
import zipfile
from collections import OrderedDict
from collections.abc import Callable
from pathlib import Path

import pytest
import torch
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from safetensors.torch import save_file
from torch import nn

from deepdream.errors import WeightsError
from deepdream.models.weight_files import fit, open_weights, read_tensors, rename_by_order


def read(path: Path) -> dict[str, torch.Tensor]:
    with open_weights(path) as file:
        return read_tensors(file, path)


class Evil:
    """Makes a marker file when it is unpickled."""

    def __init__(self, marker: Path) -> None:
        self.marker = marker

    def __reduce__(self) -> tuple[Callable[..., object], tuple[str]]:
        return os.mkdir, (str(self.marker),)


def raw_pickle(path: Path, marker: Path) -> None:
    path.write_bytes(pickle.dumps(Evil(marker)))


def evil_legacy(path: Path, marker: Path) -> None:
    torch.save({"a": torch.ones(2), "b": Evil(marker)}, path, _use_new_zipfile_serialization=False)


def evil_zip(path: Path, marker: Path) -> None:
    torch.save({"a": torch.ones(2), "b": Evil(marker)}, path)


def planted_in_zip(path: Path, marker: Path) -> None:
    """A good checkpoint whose pickle was exchanged."""
    torch.save({"a": torch.ones(2)}, path)
    with zipfile.ZipFile(path) as good:
        parts = {name: good.read(name) for name in good.namelist()}
    with zipfile.ZipFile(path, "w", zipfile.ZIP_STORED) as bad:
        for name, content in parts.items():
            bad.writestr(name, pickle.dumps(Evil(marker), 2) if name.endswith("data.pkl") else content)


def web_page(path: Path, _: Path) -> None:
    path.write_text("<!DOCTYPE html><html><body>Please log in</body></html>")


def truncated(path: Path, _: Path) -> None:
    torch.save({"a": torch.ones(4000)}, path)
    path.write_bytes(path.read_bytes()[:9000])


def empty(path: Path, _: Path) -> None:
    path.touch()


def script(path: Path, _: Path) -> None:
    """What torch.jit.save writes, reduced to the part by which it is known."""
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("net/data.pkl", pickle.dumps({}, 2))
        archive.writestr("net/constants.pkl", pickle.dumps((), 2))
        archive.writestr("net/code/net.py", "def forward(self): pass")
        archive.writestr("net/version", "3\n")


def whole_module(path: Path, _: Path) -> None:
    torch.save(nn.Linear(2, 2), path)


def not_finite(path: Path, _: Path) -> None:
    torch.save({"a": torch.tensor([1.0, float("nan")])}, path)


def infinite(path: Path, _: Path) -> None:
    torch.save({"a": torch.tensor([1.0, float("-inf")])}, path)


def noise(path: Path, _: Path) -> None:
    path.write_bytes(bytes(range(256)) * 4)


def a_list(path: Path, _: Path) -> None:
    torch.save([torch.ones(2)], path)


def with_optimizer(path: Path, _: Path) -> None:
    torch.save({"a": torch.ones(2), "epoch": 3}, path)


BAD = {
    raw_pickle: "pickle that holds more than tensors",
    evil_legacy: "pickle that holds more than tensors",
    evil_zip: "no code from a file is ever run",
    planted_in_zip: "no code from a file is ever run",
    web_page: "web page",
    truncated: "cut off",
    empty: "empty",
    script: "TorchScript",
    whole_module: "save the state_dict",
    not_finite: "NaN or infinity",
    infinite: "NaN or infinity",
    noise: "not a weight file",
    a_list: "it holds list",
    with_optimizer: "more than named tensors (epoch)",
}


@pytest.mark.parametrize("make", BAD, ids=lambda make: make.__name__)
def test_bad_file_is_refused_in_one_line_and_runs_nothing(
    make: Callable[[Path, Path], None], tmp_path: Path
) -> None:
    path, marker = tmp_path / "weights.pth", tmp_path / "it-ran"
    make(path, marker)
    with pytest.raises(WeightsError) as caught:
        read(path)
    text = str(caught.value)
    assert BAD[make] in text
    assert "\n" not in text
    assert len(text) < 300
    assert "weights_only" not in text  # torch's own text tells people to switch the protection off
    assert caught.value.exit_code == 4
    assert not marker.exists()


def test_evil_files_do_run_where_nothing_protects(tmp_path: Path) -> None:
    """The files above are real: plain unpickling runs them."""
    for number, make in enumerate((evil_legacy, evil_zip)):
        path, marker = tmp_path / f"{number}.pth", tmp_path / f"ran-{number}"
        make(path, marker)
        torch.load(path, weights_only=False)
        assert marker.exists()


@pytest.mark.parametrize("content", [b"", b"\x10\0\0\0\0\0\0\0{", b"\xff" * 64, b"<html>"])
def test_bad_safetensors_are_refused(content: bytes, tmp_path: Path) -> None:
    path = tmp_path / "weights.safetensors"
    path.write_bytes(content)
    with pytest.raises(WeightsError, match="Refused"):
        read(path)


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    position=st.integers(0, 2000),
    value=st.binary(min_size=1, max_size=40),
    suffix=st.sampled_from(["pth", "safetensors"]),
)
def test_damaged_files_never_raise_anything_else(
    position: int, value: bytes, suffix: str, tmp_path: Path
) -> None:
    path = tmp_path / f"w.{suffix}"
    tensors = {"a": torch.arange(200.0)}
    torch.save(tensors, path) if suffix == "pth" else save_file(tensors, path)
    content = bytearray(path.read_bytes())
    content[position : position + len(value)] = value
    path.write_bytes(bytes(content))
    try:
        found = read(path)
    except WeightsError:
        return
    assert all(torch.isfinite(t).all() for t in found.values() if t.is_floating_point())


def test_missing_files_and_other_kinds_of_files(tmp_path: Path) -> None:
    with pytest.raises(WeightsError, match="No such file"):
        read(tmp_path / "nothing.pth")
    with pytest.raises(WeightsError, match="not a weight file"):
        read(tmp_path / "model.onnx")
    (tmp_path / "folder.pth").mkdir()
    with pytest.raises(WeightsError, match="directory"):
        read(tmp_path / "folder.pth")


@pytest.mark.parametrize(
    "wrap", [lambda d: d, lambda d: {"state_dict": d, "epoch": 3}, lambda d: {"model": d}]
)
@pytest.mark.parametrize("legacy", [True, False])
def test_state_dicts_are_found_inside_training_checkpoints(
    wrap: Callable[..., object], legacy: bool, tmp_path: Path
) -> None:
    tensors = {"module.a.weight": torch.ones(2, 3), "module.a.bias": torch.zeros(2)}
    torch.save(wrap(tensors), tmp_path / "w.pt", _use_new_zipfile_serialization=not legacy)
    assert list(read(tmp_path / "w.pt")) == ["a.weight", "a.bias"]


def test_safetensors_give_the_same_tensors_as_torch(tmp_path: Path) -> None:
    tensors = {"a": torch.rand(3, 4), "b": torch.arange(5)}
    save_file(tensors, tmp_path / "w.safetensors")
    torch.save(tensors, tmp_path / "w.pth")
    for name, value in read(tmp_path / "w.safetensors").items():
        assert torch.equal(value, read(tmp_path / "w.pth")[name])


def network() -> nn.Sequential:
    return nn.Sequential(OrderedDict(first=nn.Linear(3, 4), norm=nn.BatchNorm1d(4), last=nn.Linear(4, 2)))


def test_fit_names_the_first_differences_and_counts_all() -> None:
    tensors = dict(network().state_dict())
    del tensors["last.bias"]
    tensors["first.weight"] = torch.ones(9, 3)
    tensors |= {f"extra.{i}": torch.ones(1) for i in range(5)}
    with pytest.raises(WeightsError) as caught:
        fit(network(), tensors, what="my.pth")
    assert str(caught.value) == (
        "my.pth does not fit: 1 tensors missing (last.bias); "
        "5 tensors unexpected (extra.0, extra.1, extra.2, ...); "
        "1 tensors of another shape (first.weight is (9, 3), not (4, 3))."
    )


@pytest.mark.parametrize("hollow", [True, False])
def test_fit_takes_over_values_in_the_precision_of_the_network(hollow: bool) -> None:
    tensors = {name: value.to(torch.float16) for name, value in network().state_dict().items()}
    del tensors["norm.num_batches_tracked"]  # as in files from before 2018
    with torch.device("meta" if hollow else "cpu"):
        target = network()
    fit(target, tensors, what="half")
    assert all(p.dtype == torch.float32 and not p.is_meta for p in target.parameters())
    assert torch.equal(target.first.weight, tensors["first.weight"].float())
    assert target(torch.ones(2, 3)).isfinite().all()


def test_other_names_in_the_same_order_are_understood_only_if_all_shapes_agree() -> None:
    own = network().state_dict()
    renamed = {f"x{i}": value for i, value in enumerate(own.values())}
    assert list(rename_by_order(network(), renamed)) == list(own)
    renamed["x0"] = torch.ones(7, 7)
    assert rename_by_order(network(), renamed) is renamed
