"""Where the dream, the explanation and the lecture meet: one function per lesson.

Every lesson gives an :class:`Exhibit`: a question, an answer with its numbers, a figure with caption and alt
text, and what to say about it. This room has no engine of its own; it uses those of the rooms below it.
"""

from deepdream.lessons.accountable import accountability
from deepdream.lessons.audit_trail import AuditTrail, audit
from deepdream.lessons.exhibit import Exhibit, run_record
from deepdream.lessons.fooling import Fooling, fool, fool_network
from deepdream.lessons.lessons_page import lessons_page, tell_all
from deepdream.lessons.reasons import Reason, find_reason, reason
from deepdream.lessons.rungs import Rung, climb_ladder, ladder
from deepdream.lessons.shortcuts import Shortcut, plant_shortcut, wrong_reasons
from deepdream.lessons.stages import Stage, climb_stages, hierarchy
from deepdream.lessons.traces import Trace, trace_dream
from deepdream.lessons.tracing import trace
from deepdream.lessons.units import Portrait, portray, unit

__all__ = [
    "AuditTrail", "Exhibit", "Fooling", "Portrait", "Reason", "Rung", "Shortcut", "Stage", "Trace",
    "accountability", "audit", "climb_ladder", "climb_stages", "find_reason", "fool", "fool_network",
    "hierarchy", "ladder", "lessons_page", "plant_shortcut", "portray", "reason", "run_record",
    "tell_all", "trace", "trace_dream", "unit", "wrong_reasons",
]  # fmt: skip
