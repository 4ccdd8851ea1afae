"""The notebook of the second half: runs from top to bottom, and holds nothing but imports and short calls."""

from __future__ import annotations

import ast
from pathlib import Path

import nbformat
import pytest

NOTEBOOK = Path(__file__).parents[2] / "docs" / "lecture-transparency.ipynb"


@pytest.fixture
def notebook():
    return nbformat.read(NOTEBOOK, as_version=4)


def test_only_imports_and_short_calls(notebook):
    for cell in notebook.cells:
        if cell.cell_type == "code":
            tree = ast.parse(cell.source)
            assert len(cell.source.splitlines()) <= 12
            allowed = (ast.Import, ast.ImportFrom, ast.Assign, ast.Expr)
            assert all(isinstance(statement, allowed) for statement in tree.body), cell.source


def test_it_is_stored_without_outputs(notebook):
    assert not any(cell.get("outputs") for cell in notebook.cells)


@pytest.mark.slow
@pytest.mark.weights
# The kernel's client is noisy about event loops; what counts here is the notebook.
@pytest.mark.filterwarnings("default")
def test_it_runs_and_every_plot_is_shown(notebook):
    from nbclient import NotebookClient

    NotebookClient(notebook, timeout=300, resources={"metadata": {"path": str(NOTEBOOK.parent)}}).execute()
    shown = [output for cell in notebook.cells for output in cell.get("outputs", [])]
    plots = [output for output in shown if "image/png" in output.get("data", {})]
    calls = [cell for cell in notebook.cells if cell.cell_type == "code" and "\nplot_" in f"\n{cell.source}"]
    assert len(plots) == len(calls) >= 9
