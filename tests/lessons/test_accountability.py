"""Accountability and the audit trail: counts are the lecture's, records are complete or say what is missing."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
import torch

from deepdream.dreaming import render
from deepdream.errors import PictureError, UsageError
from deepdream.images import Picture, write_picture
from deepdream.lessons import accountability, audit, trace
from deepdream.lessons.audit_trail import QUESTIONS
from deepdream.models import Model
from deepdream.pages import numbers, page
from deepdream.plan import plan_for


@pytest.fixture
def blobs(photo: torch.Tensor) -> Picture:
    return Picture(photo[0].permute(1, 2, 0).contiguous().numpy(), None, "blobs.png", "0" * 64)


def test_thresholds_and_counts_are_the_published_ones() -> None:
    exhibit = accountability(at=0.1, decided_by="A. Person")
    chosen = exhibit.numbers["chosen"]
    assert [chosen[key] for key in ("tp", "fp", "fn", "tn")] == [209, 30, 3, 327]
    at = [view["threshold"] for view in exhibit.numbers["views"]]
    assert at == pytest.approx([1 / 2, 1 / 11, 1 / 51, 10 / 11])
    half = exhibit.numbers["views"][0]
    assert (half["fp"], half["fn"]) == (3, 9)
    assert "A. Person answers for it" in exhibit.answer
    (figure,) = exhibit.figures()
    assert "decisions have authors" in figure.caption


def test_dearer_misses_never_make_more_of_them() -> None:
    views = accountability().numbers["views"]
    by_threshold = sorted(views, key=lambda view: view["threshold"])
    assert [view["fn"] for view in by_threshold] == sorted(view["fn"] for view in views)


def test_no_threshold_beyond_probabilities() -> None:
    with pytest.raises(UsageError, match="between 0 and 1"):
        accountability(at=2)


def test_a_dream_has_everything_but_a_name(tiny_model: Model, blobs: Picture, tmp_path: Path) -> None:
    plan = plan_for(octaves=1, steps=1, objective="layer(second)")
    render(tiny_model, blobs, plan).save(tmp_path / "dream.png")
    found = audit(tmp_path / "dream.png")
    assert found.kind == "a dreamed picture"
    # The caller's own module: nobody told its license, hash or data.
    assert set(found.missing) == {"hash", "license", "trained on", "decided by"}
    assert found.known["input"] == f"blobs.png, sha256 {'0' * 64}"
    render(tiny_model, blobs, plan, decided_by="A. Person").save(tmp_path / "signed.png")
    assert audit(tmp_path / "signed.png").known["decided by"] == "A. Person"


def test_a_lesson_and_its_page(tiny_model: Model, blobs: Picture, tmp_path: Path) -> None:
    exhibit = trace(tiny_model, blobs, plan_for(octaves=1, steps=1, objective="layer(second)"), size=None)
    text = json.dumps(exhibit.to_dict())
    (tmp_path / "trace.json").write_text(text)
    html = page(title="x", kicker="", lead="", sections=[], data=numbers(json.loads(text)))
    (tmp_path / "trace.html").write_text(html)
    for name in ("trace.json", "trace.html"):
        found = audit(tmp_path / name)
        assert found.kind == "the lesson trace"
        assert found.known["network"] == "tiny"
        assert "preprocessing" in found.known
        assert "decided by" in found.missing


def test_a_lectures_record_that_nobody_signed_is_unsigned(tmp_path: Path) -> None:
    record = {"data": "569 tumors", "threshold": 0.5, "decided by": "nobody has signed (--decided-by NAME)"}
    (tmp_path / "t.json").write_text(json.dumps({"lesson": "threshold", "record": record}))
    found = audit(tmp_path / "t.json")
    assert found.known["threshold"] == "0.5"
    assert "decided by" in found.missing


def test_a_picture_of_anybodys_misses_everything(tmp_path: Path) -> None:
    write_picture(tmp_path / "x.png", np.zeros((4, 4, 3), np.float32))
    assert audit(tmp_path / "x.png").missing == tuple(QUESTIONS)


@pytest.mark.parametrize("text", ["", "[1]", "{", '{"a": 1}', "[" * 100_000])
def test_what_is_no_record_is_refused(tmp_path: Path, text: str) -> None:
    (tmp_path / "x.json").write_text(text)
    with pytest.raises(UsageError, match=r"x\.json holds no"):
        audit(tmp_path / "x.json")


def test_a_strangers_text_cannot_command_a_terminal(tmp_path: Path) -> None:
    record = {"tool": "\x1b[2Jevil\n" + "x" * 500, "networks": ["no", 3], "picture": 7}
    (tmp_path / "x.json").write_text(json.dumps({"lesson": "\x1b[1m", "record": record}))
    found = audit(tmp_path / "x.json")
    assert "\x1b" not in found.known["tool"] + found.kind
    assert len(found.known["tool"]) <= 201
    assert found.to_dict()["schema"] == 1


def test_what_is_not_there_is_a_picture_error(tmp_path: Path) -> None:
    for name in ("nothing.json", "nothing.png"):
        with pytest.raises(PictureError):
            audit(tmp_path / name)
