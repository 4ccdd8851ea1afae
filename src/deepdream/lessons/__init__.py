"""Where the dream, the explanation and the lecture meet: one function per lesson.

Every lesson gives an :class:`Exhibit`: a question, an answer with its numbers, a figure with caption and alt
text, and what to say about it. This room has no engine of its own; it uses those of the rooms below it.
"""

from deepdream.lessons.accountable import accountability
from deepdream.lessons.audit import Audit, audit
from deepdream.lessons.exhibit import Exhibit, run_record
from deepdream.lessons.fooling import Fooling, fool, fool_network
from deepdream.lessons.rungs import Rung, climb_ladder, ladder
from deepdream.lessons.shortcuts import Shortcut, plant_shortcut, wrong_reasons
from deepdream.lessons.tracing import Trace, trace, trace_dream

__all__ = [
    "Audit",
    "Exhibit",
    "Fooling",
    "Rung",
    "Shortcut",
    "Trace",
    "accountability",
    "audit",
    "climb_ladder",
    "fool",
    "fool_network",
    "ladder",
    "plant_shortcut",
    "run_record",
    "trace",
    "trace_dream",
    "wrong_reasons",
]
