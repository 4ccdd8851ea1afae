"""``deepdream objectives``: the registry, told in three ways."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from deepdream.ascent.objectives import KINDS

DOCS = Path(__file__).parents[2] / "docs"


def test_every_kind_is_listed(command: Any) -> None:
    done = command("objectives")
    assert done.code == 0
    assert all(f"\n{kind.signature}\n" in f"\n{done.out}" for kind in KINDS.values())
    assert max(map(len, done.out.splitlines())) <= 100


def test_json_has_every_kind(command: Any) -> None:
    told = json.loads(command("objectives", "--json").out)
    assert [entry["name"] for entry in told["objectives"]] == list(KINDS)
    assert {entry["name"] for entry in told["objectives"] if not entry["local"]} == {"logit", "diversity"}


def test_the_documentations_table_is_the_registrys(command: Any) -> None:
    done = command("objectives", "--markdown")
    assert done.out.strip() in (DOCS / "objectives.md").read_text("utf-8")


def test_one_form_at_a_time(command: Any) -> None:
    assert command("objectives", "--json", "--markdown").code == 2
