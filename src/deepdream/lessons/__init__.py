"""Lessons that join the dream, the explanation and the lecture: one function per lesson.

    from deepdream.lessons import hierarchy, ladder, trace, unit

Every lesson returns an :class:`Exhibit`: a question, an answer with its numbers, a figure with caption and alt text,
and notes for the lecturer. This package computes nothing of its own; it uses the packages below it. A name is loaded
on first use, so that importing this package loads no torch.
"""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from deepdream.lessons.accountable import accountability
    from deepdream.lessons.all_lessons import lessons_page, tell_all
    from deepdream.lessons.audit_trail import AuditTrail, audit
    from deepdream.lessons.exhibit import Exhibit, run_record
    from deepdream.lessons.fooling import Fooling, fool, fool_network
    from deepdream.lessons.ladder_lesson import ladder
    from deepdream.lessons.reason_lesson import reason
    from deepdream.lessons.reasons import Reason, find_reason
    from deepdream.lessons.rungs import Rung, climb_ladder
    from deepdream.lessons.shortcut_lesson import wrong_reasons
    from deepdream.lessons.shortcuts import Shortcut, plant_shortcut
    from deepdream.lessons.stages import Stage, climb_stages, hierarchy
    from deepdream.lessons.traces import Trace, trace_dream
    from deepdream.lessons.tracing import trace
    from deepdream.lessons.unit_lesson import unit
    from deepdream.lessons.units import Portrait, portray

#: The file of each name. A lesson that is not in this index is found too, but every file is then imported.
_HOMES = {
    "AuditTrail": "audit_trail",
    "Exhibit": "exhibit",
    "Fooling": "fooling",
    "Portrait": "units",
    "Reason": "reasons",
    "Rung": "rungs",
    "Shortcut": "shortcuts",
    "Stage": "stages",
    "Trace": "traces",
    "accountability": "accountable",
    "audit": "audit_trail",
    "climb_ladder": "rungs",
    "climb_stages": "stages",
    "find_reason": "reasons",
    "fool": "fooling",
    "fool_network": "fooling",
    "hierarchy": "stages",
    "ladder": "ladder_lesson",
    "lessons_page": "all_lessons",
    "plant_shortcut": "shortcuts",
    "portray": "units",
    "reason": "reason_lesson",
    "run_record": "exhibit",
    "tell_all": "all_lessons",
    "trace": "tracing",
    "trace_dream": "traces",
    "unit": "unit_lesson",
    "wrong_reasons": "shortcut_lesson",
}


__all__ = [
    "AuditTrail", "Exhibit", "Fooling", "Portrait", "Reason", "Rung", "Shortcut", "Stage", "Trace",
    "accountability", "audit", "climb_ladder", "climb_stages", "find_reason", "fool", "fool_network",
    "hierarchy", "ladder", "lessons_page", "plant_shortcut", "portray", "reason", "run_record",
    "tell_all", "trace", "trace_dream", "unit", "wrong_reasons",
]  # fmt: skip


def __getattr__(name: str) -> Any:
    """A name of ``_HOMES``, or the function of a lesson that has registered itself."""
    if name in _HOMES:
        return getattr(importlib.import_module(f"{__name__}.{_HOMES[name]}"), name)
    if not name.startswith("_"):
        from deepdream.lessons.page_lessons import page_lessons

        for lesson in page_lessons():
            if lesson.function.__name__ == name:
                return lesson.function
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")


def __dir__() -> list[str]:
    return list(__all__)
