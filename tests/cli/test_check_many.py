"""``deepdream check`` on many pictures: every number of each, and the means over all with the controls beside them."""

from __future__ import annotations

import csv
import json
import os
import signal
from pathlib import Path
from statistics import fmean, stdev
from typing import Any

import numpy as np
import pytest
from PIL import Image

from deepdream.batch.checks import CheckTask, mask_for
from deepdream.batch.summaries import Spread
from deepdream.errors import UsageError
from deepdream.images import write_picture
from deepdream.models import Model

QUICK = ("--method", "saliency", "--method", "grad-cam", "--checks", "deletion,randomization,complexity")


@pytest.fixture(autouse=True)
def folder(use_network: Any, tiny_model: Model, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Three pictures in ``in``, and the small network under every name."""
    use_network(tiny_model)
    monkeypatch.chdir(tmp_path)
    Path("in").mkdir()
    for place, name in enumerate("abc"):
        coarse = np.random.default_rng(place).integers(20, 230, (6, 8, 3), dtype=np.uint8)
        Image.fromarray(coarse).resize((96, 72), Image.Resampling.BICUBIC).save(f"in/{name}.png")
    return tmp_path


def rows(path: str = "out/checks.csv") -> list[dict[str, str]]:
    with Path(path).open(newline="") as file:
        return list(csv.DictReader(file))


def test_every_number_is_the_one_of_the_picture_alone_and_means_are_their_means(command: Any) -> None:
    done = command("check", "in", *QUICK, "-o", "out", "--json")
    assert done.code == 0
    document = json.loads(done.out)
    alone = [
        json.loads(command("check", f"in/{name}.png", *QUICK, "--json").out)["results"] for name in "abc"
    ]
    pairs = [(found["method"], found["check"]) for found in alone[0]]
    assert len(pairs) == 6
    assert [(m["method"], m["check"]) for m in document["means"]] == pairs
    for place, (entry, pair) in enumerate(zip(document["means"], pairs, strict=True)):
        found = [results[place] for results in alone]
        values = [one["value"] for one in found]
        assert entry["mean"] == pytest.approx(fmean(values), rel=1e-5)
        assert entry["sd"] == pytest.approx(stdev(values), rel=1e-3, abs=1e-9)
        assert entry["pictures"] == 3
        assert entry["supports_the_method"] == sum(one["supports_the_method"] is True for one in found)
        assert entry["judged"] == sum(one["supports_the_method"] is not None for one in found)
        table = [row for row in rows() if (row["method"], row["check"]) == pair]
        assert [float(row["value"]) for row in table] == pytest.approx(values, rel=1e-5)
        assert [row["verdict"] for row in table] == [one["verdict"] for one in found]
        assert entry["controls"]["random_maps"] == pytest.approx(
            fmean(float(r["random_maps"]) for r in table)
        )
        assert entry["controls"]["edge_detector"] == pytest.approx(
            fmean(float(r["edge_detector"]) for r in table)
        )
    assert [Path(entry["input"]).stem for entry in document["results"]] == ["a", "b", "c"]


def test_people_get_a_table_for_each_method(command: Any) -> None:
    done = command("check", "in", *QUICK, "-q")
    assert (done.code, done.err) == (0, "")
    lines = done.out.splitlines()
    assert lines[0] == "saliency: means over the pictures"
    assert " ".join(lines[1].split()) == "check better pictures mean ± sd random maps blob edges supports it"
    assert lines[2].split()[:3] == ["deletion", "lower", "3"]
    assert "grad-cam: means over the pictures" in lines
    assert lines[-1] == "checks/checks.csv"
    record = json.loads(Path("checks/checks.json").read_text())["record"]
    assert record["plan"]["methods"] == ["saliency", "grad-cam"]


def test_interrupted_and_gone_on_with_the_means_are_over_all(
    command: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    words = ("check", "in", *QUICK, "-q")
    whole = command(*words, "-o", "whole").out.replace("whole/", "out/")
    check = CheckTask.__call__

    def struck(self: CheckTask, group: tuple[str, ...]) -> Any:
        if Path(group[0]).stem == "b":
            os.kill(os.getpid(), signal.SIGTERM)
        return check(self, group)

    monkeypatch.setattr(CheckTask, "__call__", struck)
    done = command(*words, "-o", "out")
    assert done.code == 143
    assert "2 of 3 inputs are left. Continue with the same command and --skip-existing." in done.err
    assert len(rows()) == 6
    monkeypatch.setattr(CheckTask, "__call__", check)
    assert command(*words, "-o", "out", "--skip-existing").out == whole
    strip = [{**row, "seconds": ""} for row in rows()]
    assert strip == [{**row, "seconds": ""} for row in rows("whole/checks.csv")]
    assert command(*words, "--checks", "deletion", "-o", "out", "--skip-existing").code == 7


def test_failures_are_counted_and_in_the_table(command: Any) -> None:
    Path("in/b.png").write_bytes(Path("in/b.png").read_bytes()[:300])
    done = command("check", "in", *QUICK, "-o", "out")
    assert done.code == 6
    assert "deepdream: in/b.png: b.png is damaged or cut short" in done.err
    assert [row["picture"] for row in rows() if row["error"]] == ["in/b.png"]
    assert {row["picture"] for row in rows() if row["value"]} == {"in/a.png", "in/c.png"}


def test_what_would_fail_on_every_picture_fails_before_the_first(command: Any) -> None:
    for words, text in (
        (("--method", "salience"), "No method 'salience'"),
        (("--checks", "deltion"), "No check 'deltion'"),
        (("--target", "99"), "No class 99 in tiny"),
        (("--mask", "in/a.png"), "--mask is a folder with a mask for each"),
        (("--overwrite", "--skip-existing"), "Choose one of --overwrite"),
    ):
        done = command("check", "in", "-o", "out", *words)
        assert (done.code, Path("out").exists()) == (2, False), words
        assert text in done.err
    Path("none").mkdir()
    assert command("check", "none").code == 3
    assert command("check", "in/a.png", "--overwrite").code == 2
    assert command("check", "in", "-o", "in").code == 7


def test_a_method_that_does_not_apply_is_said_once(command: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    from dataclasses import replace

    from deepdream.attribution import registry

    entry = registry.methods()["grad-cam"]
    there = {**registry.methods(), "grad-cam": replace(entry, applies=lambda _: "it is not so.")}
    monkeypatch.setattr(registry, "methods", lambda: there)
    done = command("check", "in", *QUICK, "-o", "out")
    assert done.code == 0
    assert done.err.count("grad-cam does not apply to tiny: it is not so.") == 1
    assert {row["method"] for row in rows()} == {"saliency"}
    assert command("check", "in", "--method", "grad-cam", "-o", "other").code == 2


def test_each_picture_has_its_own_mask(command: Any) -> None:
    for name in "ac":
        mask = np.zeros((72, 96, 3), np.float32)
        mask[20:50, 20:60] = 1
        write_picture(Path(f"masks/{name}.png"), mask)
    words = ("--method", "saliency", "--checks", "mass-inside", "--mask", "masks", "-o", "out")
    assert command("check", "in", *words).code == 0
    assert [bool(row["value"]) for row in rows()] == [True, False, True]
    assert mask_for("x/a.jpg", Path("masks")) == Path("masks/a.png")
    Path("two").mkdir()
    for suffix in ("png", "jpg"):
        Path(f"two/a.{suffix}").write_bytes(b"")
    with pytest.raises(UsageError, match=r"several masks for a\.gif: a\.jpg, a\.png"):
        mask_for("a.gif", Path("two"))


def test_the_spread_is_that_of_the_numbers() -> None:
    numbers = (1e9 + np.random.default_rng(0).normal(size=500)).tolist()
    spread = Spread()
    for number in numbers:
        spread.add(number)
    assert spread.mean == pytest.approx(fmean(numbers), rel=1e-12)
    assert spread.sd == pytest.approx(stdev(numbers), rel=1e-6)
    assert Spread().sd == 0
