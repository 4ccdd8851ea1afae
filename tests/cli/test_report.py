"""The command ``report``: a page, its numbers beside it, an index for a folder; nothing written over."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import typer
from typer.testing import CliRunner

from deepdream.batch.reports import ReportTask
from deepdream.cli import report_command as commands
from deepdream.errors import OutputError, PictureError, SomeInputsFailedError, UnknownNameError, UsageError
from deepdream.images import write_picture

pytestmark = pytest.mark.weights
QUICK = ("--methods", "saliency", "--budget", "1s")


def run(*words: str) -> tuple[int, str, str]:
    app = typer.Typer()
    commands.register(app)
    app.command()(lambda: None)
    result = CliRunner().invoke(app, ["report", *words])
    if result.exception and not isinstance(result.exception, SystemExit):
        raise result.exception
    return result.exit_code, result.stdout, result.stderr


@pytest.fixture
def picture(tmp_path: Path) -> Path:
    pixels = np.random.default_rng(0).random((60, 80, 3), dtype=np.float32)
    write_picture(tmp_path / "in" / "noise.png", pixels)
    return tmp_path / "in" / "noise.png"


def test_a_page_and_its_numbers(picture: Path, tmp_path: Path) -> None:
    place = tmp_path / "out" / "why.html"
    code, out, err = run(str(picture), "-o", str(place), *QUICK, "--decided-by", "Ada", "--target", "tabby")
    assert code == 0
    assert out.strip() == str(place)
    assert re.search(r"^noise\.png: map of saliency, .+ left$", err, re.M)
    values = json.loads(place.with_suffix(".json").read_text())
    command = values["recipe"]["command"]
    assert command.startswith("deepdream report noise.png -o why.html")
    assert "--target tabby" in command
    assert str(tmp_path) not in place.read_text() + json.dumps(values)
    assert values["networks"][0]["prediction"]["label"].startswith("tabby")
    with pytest.raises(OutputError, match="exists"):
        run(str(picture), "-o", str(place), *QUICK)
    assert run(str(picture), "-o", str(place), *QUICK, "--overwrite")[0] == 0


def test_a_folder_gets_an_index(picture: Path, tmp_path: Path) -> None:
    (picture.parent / "broken.png").write_bytes(b"no picture")
    (picture.parent / "notes.txt").write_text("not looked at")
    place = tmp_path / "reports"
    with pytest.raises(SomeInputsFailedError, match="1 of 2 inputs failed"):
        run(str(picture.parent), "-o", str(place), *QUICK)
    assert {path.name for path in place.iterdir()} == {
        "index.html",
        "index.json",
        "noise.html",
        "noise.json",
        "noise.npz",
    }
    assert json.loads((place / "index.json").read_text())["pictures"][0]["page"] == "noise.html"


def test_pages_of_pictures_with_one_stem_do_not_meet() -> None:
    names = commands._page_names([Path("a.png"), Path("a.jpg"), Path("b.png"), Path("index.png")])
    assert list(names.values()) == ["a-png.html", "a-jpg.html", "b.html", "index-png.html"]


def test_mistakes_cost_no_time(picture: Path, tmp_path: Path) -> None:
    with pytest.raises(UnknownNameError, match="Did you mean 'saliency'"):
        run(str(picture), "--methods", "salience")
    with pytest.raises(UsageError, match=r"ends in \.html, not 'report.pdf'"):
        run(str(picture), "-o", str(tmp_path / "report.pdf"))
    with pytest.raises(UsageError, match="No time 'soon'"):
        run(str(picture), "--budget", "soon")
    with pytest.raises(OutputError, match="no permission in"):
        run(str(picture), "-o", str(picture / "under-a-file.html"))
    if Path("/proc").is_dir():  # where even root, whom rights do not bind, can make no file
        with pytest.raises(OutputError, match="no permission in /proc"):
            run(str(picture), "-o", "/proc/page.html")
    (tmp_path / "folder.html").mkdir()
    assert run(str(picture), "-o", str(tmp_path / "folder.html"), *QUICK)[0] == 0  # a folder takes many pages
    assert (tmp_path / "folder.html" / "index.html").exists()
    (tmp_path / "empty").mkdir()
    with pytest.raises(PictureError, match="holds no pictures"):
        run(str(tmp_path / "empty"))
    (tmp_path / "file").touch()
    with pytest.raises(OutputError, match="is a file"):
        run(str(picture.parent), "-o", str(tmp_path / "file"))


def test_an_interrupted_folder_keeps_what_was_done(
    picture: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    write_picture(picture.with_name("second.png"), np.zeros((60, 80, 3), np.float32))
    report = ReportTask.__call__

    def stopping(self: ReportTask, group: tuple[str, ...]) -> Any:
        if Path(group[0]).name == "second.png":
            raise KeyboardInterrupt
        return report(self, group)

    monkeypatch.setattr(ReportTask, "__call__", stopping)
    place = tmp_path / "reports"
    assert run(str(picture.parent), "-o", str(place), *QUICK)[0] == 130
    assert sorted(path.name for path in place.iterdir()) == [
        "index.html",
        "index.json",
        "noise.html",
        "noise.json",
        "noise.npz",
    ]


def test_a_folder_is_continued_and_says_what_was_skipped(picture: Path, tmp_path: Path) -> None:
    write_picture(picture.with_name("second.png"), np.zeros((60, 80, 3), np.float32))
    place = tmp_path / "reports"
    place.mkdir()
    run(str(picture), "-o", str(place), *QUICK)
    code, out, _ = run(str(picture.parent), "-o", str(place), *QUICK, "--skip-existing", "--json", "--quiet")
    document = json.loads(out)
    assert code == 0
    assert [Path(entry["input"]).name for entry in document["results"]] == ["second.png"]
    assert [Path(entry["input"]).name for entry in document["skipped"]] == ["noise.png"]
    pages = json.loads((place / "index.json").read_text())["pictures"]
    assert [page["page"] for page in pages] == ["noise.html", "second.html"]
