"""The notebook of the first half runs from top to bottom, and is made of imports and short calls."""

from __future__ import annotations

import os
from pathlib import Path

import nbformat
import pytest
from nbclient import NotebookClient

ROOT = Path(__file__).parents[2]
NOTEBOOK = ROOT / "docs" / "lecture-neurons.ipynb"


def test_the_notebook_has_no_code_of_its_own() -> None:
    cells = [cell for cell in nbformat.read(NOTEBOOK, as_version=4).cells if cell.cell_type == "code"]
    assert len(cells) > 12
    for cell in cells:
        assert cell.outputs == []
        assert "def " not in cell.source
        assert len(cell.source.splitlines()) <= 8


@pytest.mark.slow
@pytest.mark.filterwarnings("default")  # the kernel's client library warns about itself
def test_the_notebook_runs_and_gives_the_lectures_numbers(monkeypatch: pytest.MonkeyPatch) -> None:
    paths = [str(ROOT / "src"), *filter(None, [os.environ.get("PYTHONPATH")])]
    monkeypatch.setenv("PYTHONPATH", os.pathsep.join(paths))
    notebook = nbformat.read(NOTEBOOK, as_version=4)
    NotebookClient(notebook, timeout=120, kernel_name="python3").execute()
    outputs = [output for cell in notebook.cells if cell.cell_type == "code" for output in cell.outputs]
    text = "\n".join(str(output.get("text", "")) + str(output.get("data", "")) for output in outputs)
    for number in ("(18,", "bound=5", "solved=100", "0.2983711", "0.29102777369", "0.29681240"):
        assert number in text
    assert sum("image/png" in output.get("data", {}) for output in outputs) == 6
