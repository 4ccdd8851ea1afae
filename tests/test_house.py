"""The rules of the house: names, imports, sizes, and plain words in every text that a user or a reader meets."""

from __future__ import annotations

import ast
import importlib
import re
from collections import Counter
from functools import cache
from pathlib import Path
from typing import Any

import pytest

HOME = Path(__file__).parents[1]
SOURCE = HOME / "src"
FILES = sorted(SOURCE.rglob("*.py"))
PAGES = [
    *(HOME / name for name in ("README.md", "ARCHITECTURE.md", "CONTRIBUTING.md", "CHANGELOG.md")),
    *sorted((HOME / "docs").rglob("*.md")),
    *sorted((HOME / "docs").glob("*.ipynb")),
    *sorted((HOME / "benchmarks").glob("*.md")),
]
PACKAGES = sorted(path.parent for path in SOURCE.rglob("__init__.py"))

#: Riddles, metaphors and words for the reader's owner: none helps a reader whose first language is another.
FORBIDDEN = re.compile(
    r"\b(goes on|go on with|going on with|gone on with|drawn by chance|by chance|knows no way|knows nothing of"
    r"|of one's own|of our own|is told|are told|is said|are said|asked for|is asked|whoever|what nothing looks like"
    r"|to be had|shall)\b",
    re.IGNORECASE,
)


def named(path: Path) -> str:
    return str(path.relative_to(HOME))


@cache
def tree_of(path: Path) -> ast.Module:
    return ast.parse(path.read_text("utf-8"))


# Names.


def test_every_file_name_is_unique() -> None:
    names = Counter(path.name for path in FILES if path.name not in ("__init__.py", "__main__.py"))
    assert [name for name, count in names.items() if count > 1] == []


# Imports.


def module_of(path: Path) -> str:
    return ".".join(path.relative_to(SOURCE).with_suffix("").parts).removesuffix(".__init__")


@pytest.mark.parametrize("module", ["signal"])
def test_one_file_imports(module: str) -> None:
    files = [
        path.name
        for path in FILES
        if re.search(rf"^\s*(import|from) {module}\b", path.read_text("utf-8"), re.MULTILINE)
    ]
    assert files == ["process.py"]


# Words.


@pytest.mark.parametrize("page", PAGES, ids=named)
def test_words_of_a_page(page: Path) -> None:
    """Quoted words of others, such as the slides that a lesson corrects, are not counted."""
    hits = [line for line in page.read_text("utf-8").splitlines() if FORBIDDEN.search(line)]
    assert hits == []


def test_words_of_the_lecture() -> None:
    """The words of the lecture are Markdown files beside the code."""
    pages = [page for page in SOURCE.rglob("*.md") if FORBIDDEN.search(page.read_text("utf-8"))]
    assert pages == []


def test_every_line_of_the_readme_fits_a_window() -> None:
    lines = (HOME / "README.md").read_text("utf-8").splitlines()
    assert [line for line in lines if len(line) > 125] == []


# Sizes.


# Docstrings.


def is_documented(value: Any) -> bool:
    """A dataclass without a docstring gets its signature as one."""
    return bool(value.__doc__) and not value.__doc__.startswith(f"{value.__name__}(")


@pytest.mark.parametrize("package", PACKAGES, ids=lambda path: module_of(path / "__init__.py"))
def test_every_public_name_is_documented(package: Path) -> None:
    """Functions and classes of ``__all__``; a constant is documented beside its value."""
    module = importlib.import_module(module_of(package / "__init__.py"))
    values = {name: getattr(module, name) for name in getattr(module, "__all__", ())}
    assert [name for name, value in values.items() if callable(value) and not is_documented(value)] == []
