"""The page says what the numbers say, loads nothing, and is whole or not there."""

from __future__ import annotations

import contextlib
import html
import itertools
import json
import math
import re
import shutil
import subprocess
import zlib
from dataclasses import replace
from html.parser import HTMLParser
from pathlib import Path

import numpy as np
import pytest
import torch

from deepdream.attribution import methods
from deepdream.attribution.checks import NotApplicable, find_check
from deepdream.attribution.checks.removal import deletion
from deepdream.errors import OutputError, UnknownNameError
from deepdream.figures import Theme
from deepdream.images import Picture
from deepdream.models import Model
from deepdream.report import (
    METHODS as USUAL,
)
from deepdream.report import (
    ReportData,
    ReportOptions,
    entry_of,
    investigate,
    predict,
    report_page,
    usual_checks,
    write_index,
    write_report,
)
from deepdream.report.coloring import colored, drawn_map
from deepdream.report.health import rounded
from deepdream.report.plots import plot_removal
from deepdream.report.robustness import Stability
from deepdream.report.verdict import belief, headline, lead, why
from deepdream.report.writing import report_dict

METHODS = ("saliency", "input-x-gradient", "grad-cam")


class Reader(HTMLParser):
    def __init__(self, document: str) -> None:
        super().__init__()
        self.elements: list[tuple[str, dict[str, str | None]]] = []
        self.rows: list[list[str]] = []
        self.text = ""
        self.inside = ""
        self.feed(document)

    def handle_starttag(self, name: str, attributes: list[tuple[str, str | None]]) -> None:
        self.elements.append((name, dict(attributes)))
        self.inside = name if name in ("script", "style") else ""
        if name == "tr":
            self.rows.append([])
        if name in ("td", "th"):
            self.rows[-1].append("")

    def handle_endtag(self, name: str) -> None:
        if name in ("script", "style"):
            self.inside = ""

    def handle_data(self, text: str) -> None:
        if self.inside:
            return
        self.text += text
        if self.rows and self.rows[-1]:
            self.rows[-1][-1] += text


@pytest.fixture(scope="module")
def reader(written: Path) -> Reader:
    return Reader(written.read_text())


def test_the_files_lie_beside_each_other(written: Path, made: ReportData) -> None:
    assert sorted(path.name for path in written.parent.iterdir()) == ["page.html", "page.json", "page.npz"]
    values = json.loads(written.with_suffix(".json").read_text())
    (found,) = values["networks"]
    assert values["schema"] == 1
    assert values["recipe"]["command"] == "deepdream report x"
    assert values["recipe"]["picture"]["sha256"] == made.picture.sha256
    assert [entry["method"] for entry in found["methods"]] == list(METHODS)
    assert found["decided_by"] == "Ada <Example>"


def test_the_page_holds_the_same_numbers_as_the_json(written: Path) -> None:
    inside = re.search(r'type="application/json" id="numbers">(.*?)</script>', written.read_text(), re.S)
    assert inside is not None
    assert json.loads(inside[1]) == json.loads(written.with_suffix(".json").read_text())


def test_the_tables_numbers_are_the_jsons(reader: Reader, made: ReportData) -> None:
    heads = next(row for row in reader.rows if row[:1] == ["method"])
    checks = [re.split(r"[ (]", name)[0] for name in heads[1:-1]]
    assert set(checks) >= {"deletion", "insertion", "randomization"}
    for method in METHODS:
        cells = next(row for row in reader.rows if row[0] == method and len(row) == len(heads))
        for check, cell in zip(checks, cells[1:-1], strict=True):
            found = made.check_result(check, method)
            assert found is not None
            if found.value is not None:
                shown = max(found.values.values()) if check == "degeneracy" else found.value
                assert rounded(shown) in cell
            assert found.verdict in cell
    top = next(row for row in reader.rows if row[0] == made.prediction.top[0].label)
    assert f"{made.prediction.top[0].probability:.1%}" in top[1]


def test_every_method_and_check_is_judged_in_words(reader: Reader, made: ReportData) -> None:
    assert len(made.check_results) == len(METHODS) * len(usual_checks())
    for found in made.check_results:
        assert found.verdict
        assert found.verdict in reader.text


def test_names_from_outside_stay_text(reader: Reader) -> None:
    assert "noise & <light>.png" in reader.text
    assert "Decided by Ada <Example>." in reader.text
    assert not any(name in ("light", "example", "b") for name, _ in reader.elements)


def test_nothing_is_loaded_and_every_picture_has_words(reader: Reader) -> None:
    for name, attributes in reader.elements:
        assert "style" not in attributes
        for key in ("src", "srcset"):
            assert (attributes.get(key) or "data:").startswith("data:")
        if name == "img":
            assert attributes.get("alt") is not None
    maps = [a for n, a in reader.elements if n == "img" and a.get("class") == "map"]
    assert len(maps) == len(METHODS)
    assert all("its largest value is" in (a["alt"] or "") for a in maps)
    links = [a["href"] for n, a in reader.elements if n == "a" and not (a["href"] or "").startswith("#")]
    assert links == ["page.json", "page.npz"]


def test_the_arrays_are_the_maps(written: Path, made: ReportData) -> None:
    with np.load(written.with_suffix(".npz")) as arrays:
        assert arrays["fed"].shape == (56, 56, 3)
        for entry in made.explanations:
            assert np.array_equal(arrays[f"map/{entry.method}"], entry.heatmap.numpy())
        assert np.array_equal(arrays["control/random 1"], made.context.controls["random 1"].numpy())


def test_good_files_are_not_written_over(written: Path, made: ReportData) -> None:
    before = written.read_bytes()
    with pytest.raises(OutputError, match=r"page\.html exists already.*--overwrite"):
        write_report(written, [made])
    assert written.read_bytes() == before


def test_the_prediction_is_the_networks(model: Model, picture: Picture) -> None:
    image = model.crop(picture.tensor())
    said = predict(model, image)
    with torch.no_grad():
        chances = model(image)[0].double().softmax(0)
    assert said.target == int(chances.argmax())
    assert said.margin == pytest.approx(float(chances.topk(2).values.diff().abs()))
    assert said.entropy == pytest.approx(float(-(chances * chances.log2()).sum()))
    assert predict(model, image, "dog").target == 3
    with pytest.raises(UnknownNameError):
        predict(model, image, "zebra")


def test_steadiness_counts_what_stayed(made: ReportData) -> None:
    assert len(made.stability.trials) == 12
    assert made.stability.kept == sum(t.index == made.prediction.top[0].index for t in made.stability.trials)


def test_the_network_is_as_it_was(model: Model, picture: Picture) -> None:
    before = {name: value.clone() for name, value in model.module.state_dict().items()}
    investigate(
        model,
        picture,
        ReportOptions(("saliency",), ("randomization", "deletion"), budget=60),
    )
    assert all(torch.equal(value, before[name]) for name, value in model.module.state_dict().items())
    assert all(parameter.requires_grad for parameter in model.module.parameters())
    assert not any(
        m._forward_hooks or m._backward_hooks or m._forward_pre_hooks for m in model.module.modules()
    )


def test_a_spent_budget_still_gives_a_page(model: Model, picture: Picture, tmp_path: Path) -> None:
    found = investigate(model, picture, ReportOptions(("saliency",), budget=1e-9))
    assert found.judged() == []
    page = write_report(tmp_path / "p.html", [found])[0].read_text()
    assert "have not been checked against chance" in page or "Nobody" in page


def test_a_page_without_a_map_says_why(made: ReportData, tmp_path: Path) -> None:
    none = replace(
        made,
        explanations=(),
        check_results=(),
        not_applicable=(NotApplicable("lrp", "no rule for MultiheadAttention."),),
    )
    reader = Reader(write_report(tmp_path / "none.html", [none])[0].read_text())
    assert "None of these methods gave a map." in reader.text
    assert "lrp: no rule for MultiheadAttention." in reader.text
    anchors = [attributes.get("id") for name, attributes in reader.elements if name == "section"]
    assert anchors == ["fed", "said", "maps", "caveats", "card", "recipe"]


def test_two_networks_stand_side_by_side(made: ReportData, other: ReportData, tmp_path: Path) -> None:
    place = write_report(tmp_path / "two.html", [made, other])[0]
    reader = Reader(place.read_text())
    assert "net-5 beside net-6" in reader.text
    ids = [a["id"] for _, a in reader.elements if "id" in a]
    assert len(ids) == len(set(ids))
    with np.load(tmp_path / "two.npz") as arrays:
        assert "net-6/map/saliency" in arrays
    assert [n["name"] for n in report_dict([made, other], "")["networks"]] == ["net-5", "net-6"]


def test_the_index_has_a_row_a_picture_and_means(made: ReportData, other: ReportData, tmp_path: Path) -> None:
    entries = [entry_of(made, "a#1.html"), entry_of(other, "b.html")]
    place = write_index(tmp_path, entries, "net-5", failed={"x.png": "x.png is <broken>."})
    values = json.loads((tmp_path / "index.json").read_text())
    mine = [s.check_result("degeneracy", "saliency") for s in (made, other)]
    assert values["means"]["degeneracy"]["saliency"] == pytest.approx(
        sum(f.value for f in mine if f and f.value) / 2
    )
    assert [p["page"] for p in values["pictures"]] == ["a#1.html", "b.html"]
    assert values["failed"] == [{"name": "x.png", "reason": "x.png is <broken>."}]
    assert values["standing"]["saliency"]["of"] == 1  # the other study made no removal
    reader = Reader(place.read_text())
    links = [a["href"] for n, a in reader.elements if n == "a" and not (a["href"] or "").startswith("#")]
    assert links == ["a%231.html", "b.html"]
    assert "x.png: x.png is <broken>." in reader.text


def test_all_three_agreements_are_told(reader: Reader, made: ReportData) -> None:
    """A title that appears under the mouse is neither on paper nor on a phone."""
    found = made.agreement
    for values in (found.spearman, found.top, found.ssim):
        line = [f"{value:.2f}".replace("-", "−") for value in values[0]]
        assert [found.names[0], *line] in reader.rows


def test_every_method_has_its_panel_in_the_band_of_the_controls(made: ReportData) -> None:
    canvas = plot_removal(made, "mean").canvas
    panels = [axes for axes in canvas.axes if axes.get_title()]
    assert [axes.get_title() for axes in panels] == list(METHODS)
    check_result = made.check_result("deletion", METHODS[1])
    assert check_result is not None
    assert panels[1].lines[0].get_ydata().tolist() == list(check_result.curves["mean"])
    controls = [m.curves["mean"] for m in made.context.measured("deletion", deletion).values()]
    control_scores = panels[1].collections[0].get_paths()[0].vertices
    inside = [
        (control_scores[:, 1].min() <= min(c) + 1e-9, max(c) <= control_scores[:, 1].max() + 1e-9)
        for c in controls[-2:]
    ]
    assert inside == [(True, True)] * 2  # the blob and the edge detector


def test_a_study_that_stopped_between_two_curves_can_be_drawn(made: ReportData) -> None:
    kept = tuple(f for f in made.check_results if f.check != "insertion" or f.method == METHODS[0])
    panels = plot_removal(replace(made, check_results=kept), "blur").canvas.axes
    assert [len(axes.lines) for axes in panels[: len(METHODS)]] == [2, 1, 1]


def test_colors_follow_one_rule_a_family() -> None:
    signed = colored(torch.tensor([[-1.0, 0.0], [0.5, 1.0]]), signed=True)
    assert signed.low == -signed.high
    assert np.allclose(signed.pixels[0, 1], 1, atol=0.01)  # white is nothing
    one_sided = colored(torch.tensor([[8.8, 8.9], [9.0, 9.0]]), signed=True)
    assert one_sided.low == pytest.approx(8.8)
    assert np.isfinite(colored(torch.zeros(2, 2), signed=False).pixels).all()


def test_maps_of_single_pixels_are_smoothed_for_the_eye(made: ReportData, reader: Reader) -> None:
    pixels = next(e for e in made.explanations if e.method == "input-x-gradient")
    assert np.array_equal(
        drawn_map(pixels).pixels, colored(torch.from_numpy(pixels.drawn_values()), signed=True).pixels
    )
    assert not np.array_equal(drawn_map(pixels).pixels, colored(pixels.heatmap, signed=True).pixels)
    layer = next(e for e in made.explanations if e.method == "grad-cam")
    assert np.array_equal(drawn_map(layer).pixels, colored(layer.heatmap, signed=layer.signed).pixels)
    assert reader.text.count("pixels for the eye") == 2  # saliency and input x gradient


def test_the_usual_methods_exist() -> None:
    assert [name for name in USUAL if name not in methods()] == []


def test_the_first_screen_answers_both_questions(reader: Reader, made: ReportData) -> None:
    for words in (*why(made), *belief(made), lead(made)):
        assert words in reader.text
    assert f"0 would be one class for certain, {math.log2(5):.2f} all 5 alike" in reader.text
    best = made.best()
    assert best is not None
    supports, judged = made.support(best.method)
    assert f"{best.method}: {supports} of {judged} checks support this map" in reader.text
    values = report_dict([made], "")["networks"][0]["in_words"]
    assert values == {"why": ". ".join(why(made)), "belief": ". ".join(belief(made))}


def test_belief_follows_the_changed_pictures(made: ReportData) -> None:
    first = made.prediction.top[0].index
    trials = [replace(t, index=first, label="first", kept=True) for t in made.stability.trials]
    wavering = [replace(t, label="other", kept=False) for t in trials]

    def said(kept: int) -> tuple[str, str]:
        found = Stability((*trials[:kept], *wavering[kept:]))
        return belief(replace(made, stability=found))

    assert said(12)[0] == "It is steady"
    assert "repeatable, not right" in said(12)[1]
    assert said(9)[0] == "With care"
    assert said(8)[0] == "Hardly: it wavers"
    assert "4 of 12 slightly changed pictures get another first answer, “other”." in said(8)[1]


def test_a_network_of_random_weights_is_not_believed(model: Model, picture: Picture) -> None:
    model.weights = replace(model.weights, origin="seeded random weights, seed 1")
    found = investigate(model, picture, ReportOptions(("saliency",), ("degeneracy",), budget=60))
    assert belief(found)[0] == "No"


def test_the_best_map_is_one_beyond_chance_if_there_is_any(made: ReportData) -> None:
    names = made.names
    strong = [f for f in made.check_results if f.method != names[-1]]
    strong = [replace(f, supports=f.check not in ("deletion", "insertion")) for f in strong]
    weak = [f for f in made.check_results if f.method == names[-1]]
    weak = [replace(f, supports=f.check in ("deletion", "insertion")) for f in weak]
    found = replace(made, check_results=(*strong, *weak))
    assert found.standing() == [names[-1]]
    best = found.best()
    assert best is not None
    assert best.method == names[-1]
    assert why(found)[0] == f"1 of {len(found.judged())} maps can say where"
    assert replace(made, explanations=(), check_results=()).best() is None


def test_every_column_is_explained_on_the_page(reader: Reader, made: ReportData) -> None:
    """What appears under the mouse is neither on paper nor on a phone."""
    for name in ("deletion", "insertion", "randomization"):
        assert f"{find_check(name).question} Good: {find_check(name).good}." in reader.text


def test_headings_are_in_order(reader: Reader) -> None:
    levels = [int(name[1]) for name, _ in reader.elements if re.fullmatch(r"h\d", name)]
    assert levels[0] == 1
    assert levels.count(1) == 1
    assert all(after <= before + 1 for before, after in itertools.pairwise(levels))


CHROMIUM = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")


def browsed(page: Path, folder: Path, *words: str) -> subprocess.CompletedProcess[str]:
    """What headless Chromium, which may load nothing, does with a page."""
    assert CHROMIUM is not None
    command = [CHROMIUM, "--headless", "--no-sandbox", "--disable-gpu", "--disable-background-networking"]
    command += [f"--user-data-dir={folder / 'profile'}", "--enable-logging=stderr"]
    command += ["--virtual-time-budget=3000", *words, page.as_uri()]
    return subprocess.run(command, capture_output=True, text=True, timeout=120, check=True)


def framed(page: Path, folder: Path, *, width: int, script: str) -> str:
    """What ``script`` says of the page's document ``page`` in a frame ``width`` pixels wide."""
    inner = html.escape(page.read_text(), quote=True)
    place = folder / "frame.html"
    place.write_text(
        f"""<!doctype html><title>frame</title><p id="said"></p>
        <iframe id="frame" style="border:0;width:{width}px;height:900px" srcdoc="{inner}"></iframe>
        <script>document.getElementById("frame").addEventListener("load", (event) => {{
          const page = event.target.contentDocument, view = event.target.contentWindow;
          document.getElementById("said").textContent = "said " + JSON.stringify({script});
        }});</script>"""
    )
    found = re.search(r'id="said">said (.*?)</p>', browsed(place, folder, "--dump-dom").stdout)
    assert found is not None
    return html.unescape(found[1])


needs_chromium = pytest.mark.skipif(CHROMIUM is None, reason="Chromium is not installed")


@pytest.mark.browser
@needs_chromium
def test_a_browser_shows_it_without_a_complaint(written: Path, tmp_path: Path) -> None:
    """The script ran under the policy (the slider is shown), and the console is silent."""
    result = browsed(written, tmp_path, "--dump-dom")
    assert re.search(r'<div class="slider">', result.stdout)
    assert "--overlay: 0.75" in result.stdout
    complaints = [line for line in result.stderr.splitlines() if "CONSOLE" in line or "Refused" in line]
    assert complaints == []


@pytest.mark.browser
@needs_chromium
@pytest.mark.parametrize("width", [320, 390, 1400])
def test_nothing_is_wider_than_the_window(
    made: ReportData, other: ReportData, tmp_path: Path, width: int
) -> None:
    two = write_report(tmp_path / "two.html", [made, other])[0]
    entries = [entry_of(made, "two.html"), entry_of(other, "two.html")]
    index = write_index(tmp_path, entries, "net-5", failed={"x.png": "broken"})
    for page in (two, index):
        script = (
            "[page.documentElement.scrollWidth, view.innerWidth, page.querySelectorAll('section').length]"
        )
        wide, window, sections = json.loads(framed(page, tmp_path, width=width, script=script))
        assert wide <= window == width
        assert sections >= 3


@pytest.mark.browser
@needs_chromium
def test_the_slider_fades_every_map_and_takes_the_other_along(
    made: ReportData, other: ReportData, tmp_path: Path
) -> None:
    two = write_report(tmp_path / "two.html", [made, other])[0]
    script = """(() => {
      const sliders = [...page.querySelectorAll("input[type=range]")];
      const shown = () => new Set([...page.querySelectorAll(".map")].map((m) => view.getComputedStyle(m).opacity));
      const before = [...shown()];
      sliders[0].value = 20;
      sliders[0].dispatchEvent(new view.Event("input", {bubbles: true}));
      return [before, [...shown()], sliders.map((s) => s.value),
        sliders.map((s) => page.querySelector(`output[for="${s.id}"]`).textContent)];
    })()"""
    before, after, values, words = json.loads(framed(two, tmp_path, width=800, script=script))
    assert before == ["0.75"]
    assert after == ["0.2"]
    assert values == ["20", "20"]
    assert words == ["20 %", "20 %"]


@pytest.mark.browser
@needs_chromium
def test_a_dark_desktop_prints_on_light_paper(written: Path, tmp_path: Path) -> None:
    """Plots included: what is painted is in the PDF's streams, as shares of red, green and blue."""
    words = ("--blink-settings=preferredColorScheme=0", "--no-pdf-header-footer")
    browsed(written, tmp_path, f"--print-to-pdf={tmp_path / 'page.pdf'}", *words)
    painted = set[tuple[int, ...]]()
    for stream in re.findall(rb"stream\r?\n(.*?)endstream", (tmp_path / "page.pdf").read_bytes(), re.S):
        with contextlib.suppress(zlib.error):  # fonts and pictures are packed in other ways
            colors = re.findall(rb"([\d.]+) ([\d.]+) ([\d.]+) rg\b", zlib.decompress(stream))
            painted |= {tuple(round(255 * float(part)) for part in color) for color in colors}
    assert hexadecimal(Theme.LIGHT.ink) in painted  # text of the plots
    assert hexadecimal(Theme.DARK.paper) not in painted
    assert hexadecimal(Theme.DARK.ink) not in painted
    script = (
        "[...page.querySelectorAll('.plot img')].map((i) => [i.className, view.getComputedStyle(i).display])"
    )
    shown = json.loads(framed(written, tmp_path, width=800, script=script))
    assert {tuple(entry) for entry in shown} == {("day", "block"), ("night", "none")}


def hexadecimal(color: str) -> tuple[int, ...]:
    return tuple(bytes.fromhex(color.removeprefix("#")))


@pytest.mark.browser
@needs_chromium
def test_it_prints_with_every_detail_open(written: Path, tmp_path: Path) -> None:
    browsed(written, tmp_path, f"--print-to-pdf={tmp_path / 'page.pdf'}", "--no-pdf-header-footer")
    printed = (tmp_path / "page.pdf").read_bytes()
    assert printed.startswith(b"%PDF")
    assert len(re.findall(rb"/Type\s*/Page\b", printed)) >= 4
    script = """(() => {
      const details = [...page.querySelectorAll("details")];
      view.dispatchEvent(new view.Event("beforeprint"));
      const open = details.every((d) => d.open);
      view.dispatchEvent(new view.Event("afterprint"));
      return [details.length, open, details.some((d) => d.open)];
    })()"""
    count, open_in_print, open_after = json.loads(framed(written, tmp_path, width=800, script=script))
    assert count > len(METHODS)
    assert (open_in_print, open_after) == (True, False)


def test_the_page_can_be_made_twice_alike(written: Path, made: ReportData) -> None:
    command = "deepdream report x"
    places = [written, written.with_suffix(".json"), written.with_suffix(".npz")]
    page = report_page([made], report_dict([made], command), places, command=command)
    assert page == written.read_text()


def test_a_page_can_compare_two_classes(model: Model, picture: Picture) -> None:
    options = ReportOptions(
        ("saliency", "grad-cam"), ("degeneracy", "deletion"), target="dog", against="elk", budget=60
    )
    found = investigate(model, picture, options)
    assert [made.against for made in found.explanations] == [4, 4]
    assert headline(found) == "Why “dog”, not “elk”?"
    first_two = [answer.index for answer in found.prediction.top[:2]]
    assert ("“elk” gets" in lead(found)) is (4 not in first_two)
    assert plot_removal(found, "blur").canvas.axes[0].get_ylabel() == "share of two"
    assert report_dict([found], "")["recipe"]["against"] == 4
