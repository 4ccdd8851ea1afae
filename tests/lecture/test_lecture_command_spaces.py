"""Every lesson about feature space, decisions and words as a command, run once, and its files."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
from typer.testing import CliRunner

from deepdream.cli.lecture_command import lecture_app
from deepdream.errors import OutputError, UnknownNameError, UsageError
from deepdream.images import read_picture

IMAGES = Path(__file__).parents[2] / "images"
LESSONS = {
    "timeline": [],
    "clusters": [],
    "left-right": ["--runs", "5"],
    "threshold": ["--decided-by", "Ada"],
    "odds": [],
    "tree": [],
    "regression-vs-classification": [],
    "embed": ["digits", "--samples", "120", "--grid", "perplexity=10"],
}


def run(*arguments):
    result = CliRunner().invoke(lecture_app(), [str(a) for a in arguments], catch_exceptions=True)
    if result.exception is not None and not isinstance(result.exception, SystemExit):
        raise result.exception
    return result


def spread(path):
    pixels = read_picture(path).pixels
    assert pixels.shape[1] >= 900
    return float(pixels.std())


@pytest.mark.parametrize("name", LESSONS)
def test_each_lesson_draws(name, tmp_path):
    out = tmp_path / "plot.png"
    result = run(name, *LESSONS[name], "-o", out, "--dark")
    assert result.exit_code == 0
    assert spread(out) > 0.05
    assert read_picture(out).pixels[2, 2].mean() < 0.2  # dark paper
    assert "What:" in result.stderr
    assert "Why:" in result.stderr
    assert "What:" not in result.stdout


@pytest.mark.parametrize("name", ["glossary", "discuss", "timeline", "odds", "tree", "threshold"])
def test_json_is_one_document(name):
    numbers = json.loads(run(name, "--json", "--notes").stdout)
    assert numbers["lesson"] == name
    assert numbers["notes"]


def test_notes_name_the_slides_error():
    assert "similarity score, usually not calibrated" in run("threshold", "--notes").stdout


def test_threshold_prints_the_table_and_who_decided():
    out = run("threshold", "--at", "0.5", "--decided-by", "Ada Lovelace").stdout
    assert "Ada Lovelace" in out
    assert "t* = 1 / (1 + 10) = 0.0909, cost 64" in out
    numbers = json.loads(run("threshold", "--json").stdout)
    assert numbers["best"]["cost_at_empirical"] == 58
    assert numbers["record"]["decided by"] is None


def test_a_threshold_that_calls_nobody_positive():
    out = run("threshold", "--at", "1.5").stdout
    row = next(line for line in out.splitlines() if line.startswith("1.5"))
    assert row.split() == ["1.5", "0", "0", "212", "357", "0.000", "0.000", "1.000", "-", "0.627", "2120"]


def test_the_table_of_counts_fits_80_columns():
    out = run("threshold", "--data", "digit_pairs").stdout
    rows = [line.rstrip() for line in out.splitlines() if line.startswith(("t  ", "group", "digit", "0.5"))]
    assert len(rows) == 13
    assert max(map(len, rows)) <= 80


def test_threshold_counts_each_group():
    numbers = json.loads(run("threshold", "--data", "digit_pairs", "--json").stdout)
    assert len(numbers["groups"]) == 10
    assert sum(row["tp"] + row["fn"] for row in numbers["groups"]) == 1000


def test_odds_in_words_and_numbers():
    assert "49,000,000" in run("odds").stdout
    numbers = json.loads(run("odds", "--fmr", "1e-4", "--gallery", "25000", "--json").stdout)
    assert numbers["expected_false_matches"] == 2.5


def test_tree_prints_sentences():
    out = run("tree", "--depth", "2").stdout
    assert "worst radius <= 16.80" in out
    assert json.loads(run("tree", "--depth", "0", "--json").stdout)["leaves"] == 22


def test_embed_prints_five_cautions():
    out = run("embed", "digits", "--samples", "120", "--grid", "perplexity=5,20").stdout
    assert "Five cautions" in out
    assert "perplexity 5" in out
    assert "perplexity 20" in out


@pytest.mark.weights
@pytest.mark.slow
def test_embed_draws_the_tiles(tmp_path):
    out = tmp_path / "tiles.png"
    numbers = json.loads(run("embed", IMAGES, "-o", out, "--json").stdout)
    scores = {row["sheet"]: row["1-NN"] for row in numbers["sheets"]}
    assert scores["network features, no sheet"] >= scores["raw pixels, no sheet"] + 0.2
    assert spread(out) > 0.1


@pytest.mark.slow
def test_tradeoff_draws_and_names_the_ties(tmp_path):
    out = tmp_path / "chart.svg"
    numbers = json.loads(run("tradeoff", "--data", "wine", "-o", out, "--json").stdout)
    assert "linear" in numbers["ties_with_best"]
    assert "<desc>" in out.read_text()


@pytest.mark.slow
def test_the_threshold_moves(tmp_path):
    run("threshold", "--sweep", "-o", tmp_path / "sweep.gif")
    assert (tmp_path / "sweep.gif").read_bytes()[:4] == b"GIF8"


@pytest.fixture
def table(tmp_path):
    rng = np.random.default_rng(0)
    rows = ["age,site,ill"]
    for i in range(80):
        ill = i % 2
        rows.append(f"{rng.normal(40 + 15 * ill, 8):.2f},{'north' if i % 3 else 'south'},{ill}")
    path = tmp_path / "own.csv"
    path.write_text("\n".join(rows))
    return path


def test_own_table_with_groups(table):
    numbers = json.loads(run("threshold", "--data", table, "--groups", "site", "--json").stdout)
    assert {row["group"] for row in numbers["groups"]} == {"north", "south"}
    assert 0.8 < numbers["area_under_roc"] <= 1
    assert numbers["record"]["positive"] == "1"


def test_words_as_target_and_as_groups(table):
    table.write_text(table.read_text().replace(",1\n", ",yes\n").replace(",0\n", ",no\n")[:-1] + "yes\n")
    words = ("--groups", "site", "--target", "ill", "--positive", "yes", "--json")
    numbers = json.loads(run("threshold", "--data", table, *words).stdout)
    assert numbers["record"]["positive"] == "yes"
    assert sum(row["tp"] + row["fn"] for row in numbers["groups"]) == 40


def test_own_table_without_groups(tmp_path):
    rows = "\n".join(f"{i},{i % 7},{'yes' if i > 20 else 'no'}" for i in range(40))
    (tmp_path / "own.csv").write_text(f"a,b,answer\n{rows}")
    for lesson in ("threshold", "tree", "clusters"):
        assert run(lesson, "--data", tmp_path / "own.csv", "--json").exit_code == 0
    flipped = json.loads(
        run("threshold", "--data", tmp_path / "own.csv", "--positive", "no", "--json").stdout
    )
    assert flipped["record"]["positive"] == "no"


@pytest.mark.parametrize(
    ("arguments", "error", "message"),
    [
        (["threshold", "--data", "breast_cancr"], UnknownNameError, "Did you mean 'breast_cancer'?"),
        (["threshold", "--data", "OWN"], UsageError, "column 'site': 'south' is not a number"),
        (["threshold", "--data", "OWN", "--groups", "place"], UnknownNameError, "No column 'place'"),
        (["threshold", "--groups", "site"], UsageError, "are for CSV files; 'breast_cancer' is not one"),
        (["threshold", "--cost-fn", "-1"], UsageError, "Costs must be 0 or more"),
        (["odds", "--fmr", "2"], UsageError, "lies between 0 and 1"),
        (["tradeoff", "--data", "irys"], UnknownNameError, "Did you mean 'iris'?"),
        (["tradeoff", "--x", "colour"], UnknownNameError, "There are: numbers, features."),
        (["tree", "--depth", "-1"], UsageError, "--depth must be 1 or more"),
        (["clusters", "-k", "1"], UsageError, "k must be at least 2"),
        (["left-right", "--runs", "0"], UsageError, "--runs must be at least 1"),
        (["embed", "nowhere"], UsageError, "No folder 'nowhere' here"),
        (["embed", "--samples", "20"], UsageError, "Perplexity 30 does not fit 20 points"),
        (["embed", "--grid", "perplexity=a"], UsageError, "write it as perplexity=3,10,30,50"),
        (["embed", "--grid", "perplx=3"], UnknownNameError, "Did you mean 'perplexity'?"),
        (["discuss", "faces"], UnknownNameError, "No topic 'faces'"),
        (["glossary", "epok"], UnknownNameError, "Did you mean 'epoch'?"),
    ],
)
def test_errors_say_what_to_do(arguments, error, message, table):
    with pytest.raises(error) as caught:
        run(*[table if a == "OWN" else a for a in arguments])
    assert message in str(caught.value)


def test_an_existing_file_is_kept(tmp_path):
    out = tmp_path / "odds.png"
    out.write_bytes(b"mine")
    with pytest.raises(OutputError, match=r"exists\. Use --overwrite"):
        run("odds", "-o", out)
    assert out.read_bytes() == b"mine"
    run("odds", "-o", out, "--overwrite")
    assert out.read_bytes()[:4] == b"\x89PNG"
