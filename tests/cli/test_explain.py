"""The commands ``saliency``, ``explain``, ``methods``, ``channels``, ``concepts``: streams, codes, files."""

from __future__ import annotations

import json
import time
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from typer.testing import CliRunner

from deepdream.attribution import Explanation, find_method
from deepdream.attribution import explain as explanation_of
from deepdream.batch.events import Stepped
from deepdream.batch.explanations import ExplainTask
from deepdream.batch.fed_picture import FedPicture
from deepdream.batch.task import NetworkSpec
from deepdream.cli.main import app
from deepdream.errors import DeepDreamError

IMAGES = Path(__file__).parents[2] / "images"
CAT = IMAGES / "cat.jpg"

pytestmark = pytest.mark.weights


@pytest.fixture(autouse=True)
def elsewhere(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)


def run(*words: str | Path) -> tuple[int, str, str]:
    result = CliRunner().invoke(app, [str(word) for word in words])
    if isinstance(result.exception, DeepDreamError):
        return result.exception.exit_code, result.stdout, result.stderr + str(result.exception)
    if result.exception and not isinstance(result.exception, SystemExit):
        raise result.exception
    return result.exit_code, result.stdout, result.stderr


def test_saliency_draws_into_outputs_and_refuses_to_replace() -> None:
    code, out, _ = run("saliency", CAT)
    path = Path("outputs/cat_efficientnet_lite0_saliency.png")
    assert code == 0
    assert out.splitlines()[-1] == str(path)
    assert "tiger cat" in out
    assert path.stat().st_size > 10_000
    code, _, err = run("saliency", CAT)
    assert code == 7
    assert "exists" in err
    assert run("saliency", CAT, "--overwrite")[0] == 0


def test_a_map_that_exists_is_skipped_and_json_stays_json() -> None:
    words = ("explain", CAT, "--method", "saliency", "-o", "map.npy", "--skip-existing")
    assert run(*words)[0] == 0
    before = Path("map.npy").stat().st_mtime_ns
    assert run(*words)[1] == "map.npy\n"
    document = json.loads(run(*words, "--json")[1])
    assert (document["results"], document["skipped"]) == ([], [{"input": str(CAT), "output": "map.npy"}])
    assert Path("map.npy").stat().st_mtime_ns == before


def test_explain_as_json_carries_what_was_promised() -> None:
    words = ("explain", CAT, "--method", "deep-lift", "--target", "tabby", "--against", "282", "--json")
    code, out, _ = run(*words)
    document = json.loads(out)
    assert code == 0
    assert document["label"] == "tabby"
    assert (document["against"], document["against_label"]) == (282, "tiger cat")
    assert document["completeness_error"] < 1e-3
    assert set(document["top_pixel"]) == {"row", "column"}
    assert {"score", "baseline_score", "forwards", "backwards", "notes", "options", "probability"} <= set(
        document
    )
    assert document["output"] is None
    assert not list(Path().rglob("*.png"))


def test_raw_numbers_and_a_layer_of_ones_own() -> None:
    words = ("explain", CAT, "--method", "grad-cam", "--layer", "blocks.4", "-o", "map.npy", "--json")
    code, out, _ = run(*words)
    assert code == 0
    assert json.loads(out)["options"]["layer"] == "blocks.4"
    values = np.load("map.npy")
    assert values.shape == (224, 224)
    assert values.dtype == np.float32
    assert values.max() == pytest.approx(json.loads(out)["maximum"])


def test_the_automatic_layer_and_its_name_are_printed() -> None:
    code, out, _ = run("explain", CAT, "--method", "grad-cam", "--overlay", "-o", "map.svg")
    assert code == 0
    assert "layer act2" in out
    assert "<desc>" in Path("map.svg").read_text()


@pytest.mark.parametrize(
    ("words", "text"),
    [
        (("--method", "gradcam"), "Did you mean 'grad-cam'"),
        (("--target", "cat"), "classes of efficientnet_lite0 contain 'cat'"),
        (("--target", "tabbby"), "No class 'tabbby' in efficientnet_lite0. Did you mean 'tabby'"),
        (("--target", "-1"), "No class -1 in efficientnet_lite0: it has 1000, from 0 to 999."),
        (("--target", "1000"), "No class 1000 in efficientnet_lite0: it has 1000, from 0 to 999."),
        (("--method", "grad-cam", "--layer", "classifier"), "has no positions to map"),
        (("--method", "grad-cam", "--samples", "5"), "grad-cam has no option 'samples'"),
        (("--baseline", "gray"), "No baseline 'gray'. There are: black, mean, blur, noise, white."),
        (("--style", "pretty"), "No style 'pretty'"),
        (("--method", "lrp", "--set", "rule=gamma"), "No rule 'gamma'. There are: composite, epsilon."),
        (("--method", "lrp", "--set", "rul=epsilon"), "lrp has no option 'rul'. Did you mean 'rule'?"),
        (("--method", "rise", "--set", "keep=2"), "keep must be a number, above 0, at most 1, not 2.0."),
        (("--method", "all", "--set", "keep=0.5"), "--set is for one method; choose it with --method."),
        (("--budget", "soon"), "No time 'soon': write it as 30s, 2m or 1h."),
        (("-o", "map.jpg"), "'map.jpg' does not say what to write"),
        (("--method", "all", "-o", "maps.npy"), "One .npy file holds one map"),
    ],
)
def test_what_is_wrong_is_one_line_and_exit_code_2(words: tuple[str, ...], text: str) -> None:
    code, _, err = run("explain", CAT, *words)
    assert code == 2
    assert text in err
    assert not Path("outputs").exists()


@pytest.mark.slow
def test_a_method_that_does_not_apply_says_why_and_ends_with_2() -> None:
    code, _, err = run("explain", CAT, "--method", "grad-cam", "--model", "vit_b_16", "--weights", "random")
    assert code == 2
    assert "grad-cam does not apply to vit_b_16: its last layer with a grid, 'conv_proj'" in err


def test_every_option_of_a_method_can_be_set() -> None:
    words = ("--method", "smoothgrad", "--set", "samples=2", "--set", "noise=0", "--json")
    code, out, _ = run("explain", CAT, *words)
    assert code == 0
    options = json.loads(out)["options"]
    assert (options["samples"], options["noise"]) == (2, 0.0)
    code, out, _ = run("explain", CAT, "--method", "grad-cam", "--set", "rectify=no", "--json")
    assert json.loads(out)["signed"]
    assert json.loads(out)["options"]["rectify"] is False


def test_methods_are_listed() -> None:
    code, out, _ = run("methods", "--json")
    entries = json.loads(out)
    assert code == 0
    assert {"name", "question", "paper", "caveat", "needs", "signed", "complete", "family", "cost"} <= set(
        entries[0]
    )
    assert {"saliency", "lrp", "rise", "xrai"} <= {entry["name"] for entry in entries}
    code, out, _ = run("methods")
    assert code == 0
    assert "integrated-gradients" in out


def test_methods_by_name_tell_all_that_is_known() -> None:
    code, out, _ = run("methods", "rise", "grad-cam")
    assert code == 0
    for name in ("rise", "grad-cam"):
        entry = find_method(name)
        for words in (entry.question, entry.caveat, entry.paper, entry.needs):
            assert words in out
    lines = [" ".join(line.split()) for line in out.splitlines()]
    assert "samples 1000 a whole number, at least 1 How many samples are averaged" in "\n".join(lines)
    assert "keep 0.5 a number, above 0, at most 1 Probability that a cell of a mask is visible." in lines
    (entry,) = json.loads(run("methods", "lrp", "--json")[1])
    assert entry["name"] == "lrp"
    assert entry["options"] == [option.to_dict() for option in find_method("lrp").options.values()]
    assert entry["options"][0]["choices"] == ["composite", "epsilon"]
    code, _, err = run("methods", "gradcam")
    assert code == 2
    assert "Did you mean 'grad-cam'" in err


def test_every_promise_is_kept_on_the_embedded_network() -> None:
    code, out, err = run("methods", "--try", "efficientnet_lite0")
    assert code == 0
    rows = [line.split(" | ") for line in out.splitlines() if line.startswith("|")]
    assert rows[0] == ["| method", "promise", "efficientnet_lite0 |"]
    assert "`attention-rollout`: it has no self-attention" in out
    assert len(rows) == 2 + len(json.loads(run("methods", "--json")[1]))
    assert "missed" not in out
    assert "efficientnet_lite0: deep-lift: 0.0%" in err


def test_channels_share_the_score() -> None:
    code, out, _ = run("channels", CAT, "--layer", "act2", "--steps", "8", "--top", "3", "--json")
    document = json.loads(out)
    assert code == 0
    assert len(document["channels"]) == 3
    assert document["sum"] == pytest.approx(document["score"] - document["baseline_score"], rel=0.01)


def test_concepts_want_a_folder_with_enough_pictures(tmp_path: Path) -> None:
    code, _, err = run("concepts", CAT, "--concept", "nowhere")
    assert code == 2
    assert "nowhere is no folder" in err
    folder = tmp_path / "animals"
    folder.mkdir()
    for name in ("cat", "dahlia", "coffee", "rocket"):
        (folder / f"{name}.jpg").write_bytes((IMAGES / f"{name}.jpg").read_bytes())
    code, out, _ = run("concepts", CAT, "--concept", folder, "--json")
    document = json.loads(out)
    assert code == 0
    assert document["concept"] == "animals"
    assert document["examples"] == document["counterexamples"] == 4
    assert 0 <= document["accuracy"] <= 1
    words = run("concepts", CAT, "--concept", folder)[1]
    step = f"A step toward the concept changes the logit by {document['sensitivity']:.4g}, on average over 20 fits"
    assert step in words
    assert "beyond twice that spread it counts" in words


def test_a_budget_for_all_is_shared_out(monkeypatch: pytest.MonkeyPatch) -> None:
    """By a clock that stands still but for what methods take: those that sample half of their share."""
    now, shares = [0.0], {}

    def explained(_: Any, __: Any, name: str, *, budget: float, **___: Any) -> Explanation:
        shares[name] = budget
        now[0] += 0.5 * shares[name] if find_method(name).budgeted else 0.1
        return explanation

    task = ExplainTask(NetworkSpec(device="cpu"), "all", seconds=20.0)
    fed = FedPicture.open(CAT, task.network.load())
    explanation = explanation_of(fed.network, fed.image, "saliency")
    monkeypatch.setattr("deepdream.attribution.explain", explained)
    monkeypatch.setattr(time, "perf_counter", lambda: now[0])
    assert len([step for step in task.explain(fed) if not isinstance(step, Stepped)]) == len(shares)
    sampling = [share for name, share in shares.items() if find_method(name).budgeted]
    assert sampling[0] == pytest.approx(19.9 / len(sampling), rel=0.02)
    assert sampling[-1] > 2 * sampling[0]  # what others leave is passed on
    assert 10 < now[0] < 20


def test_the_documentations_table_is_the_registrys() -> None:
    code, out, _ = run("methods", "--markdown")
    assert code == 0
    assert out.strip() in (IMAGES.parent / "docs" / "methods.md").read_text("utf-8")
