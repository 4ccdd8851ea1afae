"""``from deepdream.lecture import ...``: complete, quick, documented, and every function with an example that runs."""

from __future__ import annotations

import doctest
import importlib
import inspect
import pkgutil
import subprocess
import sys
from pathlib import Path

import pytest

import deepdream.lecture
from deepdream.lecture.course import lessons, lessons_markdown

HEAVY = ("torch", "matplotlib", "sklearn", "scipy", "numpy")
PRIVATE = {  # helpers of other files, not for a discussion
    "csv_columns": {"filled", "number", "read_csv"},
}
FUNCTIONS = [
    name for name in deepdream.lecture.__all__ if inspect.isfunction(getattr(deepdream.lecture, name))
]


def test_importing_the_lecture_loads_nothing_heavy() -> None:
    code = f"import sys, deepdream.lecture; print([name for name in {HEAVY} if name in sys.modules])"
    result = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert result.stdout.strip() == "[]"


def test_the_names_are_those_of_the_files() -> None:
    """Every public function and class of every file is exported, with nothing beside them."""
    for module in pkgutil.iter_modules(deepdream.lecture.__path__):
        if module.ispkg:
            continue
        file = importlib.import_module(f"deepdream.lecture.{module.name}")
        public = {name for name in file.__all__ if callable(getattr(file, name))}
        _, names = deepdream.lecture.CONTENTS[module.name]
        assert set(names.split()) == public - PRIVATE.get(module.name, set()), module.name
    assert len(set(deepdream.lecture.__all__)) == len(deepdream.lecture.__all__)
    assert set(dir(deepdream.lecture)) >= {"MLP", "Perceptron", "backprop"}
    with pytest.raises(AttributeError, match="no attribute 'Perzeptron'"):
        deepdream.lecture.Perzeptron  # noqa: B018


def test_a_name_stays_what_it_is_after_its_file_was_imported() -> None:
    """No exported function shares its name with a file, which Python would put in its place."""
    files = {module.name for module in pkgutil.iter_modules(deepdream.lecture.__path__)}
    assert not files & set(deepdream.lecture.__all__)


def test_every_name_belongs_to_a_lesson_of_the_deck() -> None:
    known = {lesson.name for lesson in lessons()} | {""}
    assert {lesson for lesson, _ in deepdream.lecture.CONTENTS.values()} <= known


@pytest.mark.parametrize("name", FUNCTIONS)
def test_the_example_of_a_function_runs(name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    function = getattr(deepdream.lecture, name)
    module = sys.modules[function.__module__]
    tests = doctest.DocTestFinder(recurse=False).find(function, name, module=module, globs=dict(vars(module)))
    assert tests
    assert tests[0].examples, f"{name} has no example"
    report: list[str] = []
    results = doctest.DocTestRunner(optionflags=doctest.NORMALIZE_WHITESPACE).run(tests[0], out=report.append)
    assert results.failed == 0, "".join(report)


@pytest.mark.parametrize(
    "name", ["MLP", "Perceptron", "NetworkClassifier", "GradientDescent", "Activation", "Loss"]
)
def test_the_example_of_a_class_runs(name: str) -> None:
    kind = getattr(deepdream.lecture, name)
    module = sys.modules[kind.__module__]
    (test,) = doctest.DocTestFinder(recurse=False).find(kind, name, module=module, globs=dict(vars(module)))
    assert test.examples
    assert doctest.DocTestRunner().run(test).failed == 0


def test_the_page_of_the_docs_is_the_one_of_the_command() -> None:
    """If it fails: ``deepdream lecture --page > docs/lecture.md``."""
    page = Path(__file__).parents[2] / "docs" / "lecture.md"
    assert page.read_text("utf-8") == lessons_markdown() + "\n"
