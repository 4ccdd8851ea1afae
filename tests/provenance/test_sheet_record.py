"""The description inside a sheet is a stranger's text when it is read back."""

from __future__ import annotations

import json

import pytest

from deepdream.errors import PictureError
from deepdream.provenance import SheetRecord, is_sheet_text, read_sheet_text

RECORD = SheetRecord(
    {"steps": [1, 2]}, {"seed": 3}, {"name": "a.png", "sha256": "ab" * 32}, ({"settings": {"steps": 1}},)
)


def test_there_and_back() -> None:
    assert is_sheet_text(RECORD.to_text())
    assert read_sheet_text(RECORD.to_text()) == RECORD


@pytest.mark.parametrize(
    "change",
    [
        {"schema": 2},
        {"axes": []},
        {"axes": {"steps": 3}},
        {"cells": [{}]},
        {"cells": [7]},
        {"fixed": {"seed": "\x1b[2J"}},
        {"input": {"name": "a" * 3000}},
        {"more": 1},
        {"finished": "yes"},
    ],
)
def test_damage_is_refused(change: dict[str, object]) -> None:
    with pytest.raises(PictureError, match="description inside this sheet is damaged"):
        read_sheet_text(json.dumps({**RECORD.to_dict(), **change}))


def test_other_text_is_no_sheet() -> None:
    assert not is_sheet_text("[1]")
    assert not is_sheet_text("{")
    assert not is_sheet_text('{"schema":1}')
