"""The commands of the lessons: streams, files, exit codes."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

IMAGES = Path(__file__).parents[2] / "images"
CAT = IMAGES / "cat.jpg"

pytestmark = pytest.mark.weights


@pytest.fixture(autouse=True)
def elsewhere(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)


def test_trace_draws_and_counts(command) -> None:
    done = command(
        "trace", CAT, "-l", "blocks.2", "--size", 96, "--preset", "natural", "-o", "t.png", "--json"
    )
    assert done.code == 0
    document = json.loads(done.out)
    assert document["lesson"] == "trace"
    assert len(document["rows"]) == 41
    assert 0 < document["rows"][-1]["share"]["animals"] < 1
    assert document["by_chance"]["animals"] == 0.398
    assert Path("t.png").stat().st_size > 50_000
    assert "t.png" in done.err


@pytest.mark.parametrize(
    ("words", "code", "said"),
    [
        (["trace", CAT, "-l", "blokcs.4"], 2, "Did you mean 'blocks.4'"),
        (["trace", CAT, "-o", "t.mp4"], 2, ".webp"),
        (["trace", CAT, "--preset", "wild"], 2, "No preset 'wild'"),
        (["trace", "nothing.jpg"], 3, "nothing.jpg"),
        (["trace", CAT, "--size", "0"], 2, "Cannot read the size"),
        (["trace", CAT, "--weights", "nothing.pth"], 4, "nothing.pth"),
    ],
)
def test_what_cannot_be_done_is_said_in_one_line(command, words, code, said) -> None:
    done = command(*words)
    assert done.code == code
    assert said in done.err
    assert done.out == ""


def test_a_figure_that_exists_is_kept(command) -> None:
    Path("t.png").write_text("mine")
    done = command("trace", CAT, "-o", "t.png")
    assert done.code == 7
    assert Path("t.png").read_text() == "mine"


def test_a_broken_picture_is_refused(command, tmp_path: Path) -> None:
    (tmp_path / "broken.jpg").write_bytes(CAT.read_bytes()[:2000])
    assert command("trace", "broken.jpg").code == 3


def test_ladder_wrong_reasons_and_fool_say_what_they_found(command) -> None:
    done = command("wrong-reasons", "--method", "lrp", "--method", "eigen-cam", "--json", "-q")
    assert (done.code, done.err) == (0, "")
    assert {entry["method"] for entry in json.loads(done.out)["methods"]} == {"lrp", "eigen-cam"}
    done = command("fool", CAT, "--notes", "-o", "f.png")
    assert done.code == 0
    assert "tiger cat" in done.out
    assert "To say:" in done.out
    assert command("fool", CAT, "--method", "gradcam").code == 2
    assert command("fool", CAT, "--epsilon", "-1").code == 2
    assert command("ladder", "nothing.jpg").code == 3


def test_record_shows_what_is_missing(command) -> None:
    done = command("accountability", "--at", "0.1", "--json", "-o", "a.svg", "-q")
    Path("a.json").write_text(done.out)
    assert Path("a.svg").read_text().startswith("<?xml")
    found = command("record", "a.json")
    assert (found.code, found.err) == (0, "Missing: decided by.\n")
    assert "MISSING" in found.out
    assert json.loads(command("record", "a.json", "--json").out)["missing"] == ["decided by"]
    assert command("record", "nothing.png").code == 3
    assert command("accountability", "--at", "7").code == 2


def test_record_reads_a_report(command) -> None:
    assert command("report", CAT, "-o", "r.html", "--methods", "saliency", "--budget", "2s").code == 0
    for name in ("r.html", "r.json"):
        found = json.loads(command("record", name, "--json").out)
        assert found["kind"] == "a report"
        assert found["missing"] == ["decided by"]
    words = (
        "report",
        CAT,
        "-o",
        "s.html",
        "--methods",
        "saliency",
        "--budget",
        "2s",
        "--decided-by",
        "A. Person",
    )
    assert command(*words).code == 0
    assert json.loads(command("record", "s.json", "--json").out)["known"]["decided by"] == "A. Person"


@pytest.mark.slow
def test_the_page_of_all_lessons(command) -> None:
    done = command("lessons", CAT, "-o", "l.html", "--images", CAT)
    assert (done.code, done.out) == (0, "l.html\n")
    text = Path("l.html").read_text()
    assert text.count("<figure") == 8
    assert json.loads(command("record", "l.html", "--json").out)["missing"] == ["decided by"]


@pytest.mark.parametrize(
    ("words", "code", "said"),
    [
        (["unit", "blocks.4"], 2, "LAYER:CHANNEL"),
        (["unit", "blocks.4:999", "--images", CAT], 2, "there is no channel 999"),
        (["unit", "blocks.9:1", "--images", CAT], 2, "No layer 'blocks.9'"),
        (["unit", "blocks.4:1", "--images", "empty"], 3, "empty"),
        (["hierarchy", CAT, "-l", "classifier"], 2, "no map of positions"),
        (["reason", CAT, "--target", "no such thing"], 2, "No class"),
        (["lessons", CAT, "-o", "l.pdf"], 2, ".html"),
        (["lessons", "nothing.jpg"], 3, "nothing.jpg"),
    ],
)
def test_what_the_feature_lessons_refuse(command, words, code, said) -> None:
    done = command(*words)
    assert done.code == code
    assert said in done.err


def test_a_unit_and_a_reason_as_json(command) -> None:
    done = command("unit", "blocks.3:5", "--images", CAT, "--json", "-q", "-o", "u.png")
    assert (done.code, done.err) == (0, "")
    assert json.loads(done.out)["channel"] == 5
    done = command("reason", CAT, "--json", "-q")
    (network,) = json.loads(done.out)["networks"]
    assert network["sum"] == pytest.approx(network["rise"], rel=0.15)
