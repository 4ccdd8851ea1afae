"""Objectives: algebra as algebra, text that reads itself, and scores against direct computation."""

from __future__ import annotations

import dataclasses
import re
from pathlib import Path

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from deepdream.ascent import Objective, channel, layer, logit, masked, parse_objective, total_variation
from deepdream.ascent.objectives import (
    KINDS,
    LOGITS,
    Term,
    TermInputs,
    caricature,
    direction,
    guide,
    l2,
    neuron,
)
from deepdream.errors import UnknownNameError, UsageError
from deepdream.provenance import Resource

NAMES = st.from_regex(r"[a-z_][a-z0-9_]{0,6}(\.[0-9]{1,2}){0,2}", fullmatch=True)
WEIGHTS = st.floats(-1e6, 1e6).filter(lambda w: abs(w) > 1e-6)


RESOURCES = st.builds(
    Resource,
    st.text(
        st.characters(exclude_categories=("C", "Z"), exclude_characters="/\\\\"), min_size=1, max_size=12
    ).filter(lambda name: name not in (".", "..", "input")),
    st.text("0123456789abcdef", min_size=12, max_size=12),
)
PATHS = st.text(
    st.characters(codec="utf-8", exclude_categories=("C", "Zl", "Zp")), min_size=1, max_size=15
).filter(str.isprintable)
FILES = RESOURCES | PATHS
NUMBERS = st.floats(-100, 100, allow_subnormal=False)
SHARES = st.floats(0, 1, allow_subnormal=False)
VECTORS = st.lists(NUMBERS, min_size=1, max_size=4)


@st.composite
def terms(draw: st.DrawFn) -> Objective:
    """One term of any kind, under up to two masks."""
    kind = draw(st.sampled_from(sorted(KINDS)))
    values = {
        "layer": NAMES,
        "index": st.integers(0, 2000),
        "class": st.integers(0, 999) | st.text("abc d\"'\\\\", min_size=1, max_size=8),
        "network": st.sampled_from(["", "efficientnet_lite1", "timm:some.net_v2"]),
        "picture": FILES,
        "vector": VECTORS | FILES,
        "number": SHARES,
    }
    wanted = KINDS[kind].parameters
    given = draw(st.integers(sum(p.default is None for p in wanted), len(wanted)))
    objective = Objective(((1.0, KINDS[kind].term(*(draw(values[p.role]) for p in wanted[:given]))),))
    if KINDS[kind].spread != "whole":
        for _ in range(draw(st.integers(0, 2))):
            objective = masked(objective, draw(FILES), draw(st.just(0.0) | SHARES))
    return objective


@st.composite
def plain_terms(draw: st.DrawFn) -> Objective:
    """One term that needs nothing but activations and the picture."""
    return draw(
        st.one_of(
            st.builds(layer, NAMES),
            st.builds(channel, NAMES, st.integers(0, 2000)),
            st.builds(logit, st.integers(0, 999)),
            st.builds(total_variation),
            st.builds(l2, SHARES),
        )
    )


def sums(of: st.SearchStrategy[Objective]) -> st.SearchStrategy[Objective]:
    return st.lists(st.tuples(WEIGHTS, of), min_size=1, max_size=4).map(
        lambda pairs: sum((w * o for w, o in pairs[1:]), pairs[0][0] * pairs[0][1])
    )


OBJECTIVES = sums(terms())
PLAIN = sums(plain_terms())


class Plain:
    """A scene in which every layer's activation has a known value."""

    def __init__(self) -> None:
        self.inputs = TermInputs(
            _Any(), torch.linspace(0, 1, 3 * 5 * 7, dtype=torch.float64).reshape(1, 3, 5, 7)
        )

    def value(self, objective: Objective) -> float:
        return float(sum(weight * score for weight, score in objective.scores(self.inputs)))


class _Any(dict[str, torch.Tensor]):
    def __missing__(self, name: str) -> torch.Tensor:
        rng = torch.Generator().manual_seed(sum(map(ord, name)))
        return torch.randn(1, 2001, 1, 2, generator=rng, dtype=torch.float64)


@given(a=PLAIN, b=PLAIN, w=WEIGHTS)
@settings(max_examples=40, deadline=None)
def test_objectives_obey_the_rules_of_arithmetic(a: Objective, b: Objective, w: float) -> None:
    plain = Plain()
    x, y = plain.value(a), plain.value(b)
    near = {"rel": 1e-9, "abs": 1e-6 * (1 + abs(w)) * (1 + abs(x) + abs(y))}
    assert plain.value(a + b) == pytest.approx(x + y, **near)
    assert plain.value(a - b) == pytest.approx(x - y, **near)
    assert plain.value((a + b) * w) == pytest.approx(w * x + w * y, **near)
    assert plain.value(w * a + w * b) == pytest.approx(plain.value(w * (a + b)), **near)
    assert plain.value(-a) == pytest.approx(-x, **near)
    assert plain.value(a - a) == pytest.approx(0, **near)
    assert (a + b) + a == a + (b + a)


@given(OBJECTIVES)
@settings(max_examples=300, deadline=None)
def test_an_objective_reads_what_it_printed(objective: Objective) -> None:
    assert parse_objective(str(objective)) == objective


@given(OBJECTIVES, OBJECTIVES)
@settings(max_examples=40, deadline=None)
def test_the_text_of_a_sum_is_the_sum_of_the_texts(a: Objective, b: Objective) -> None:
    assert parse_objective(f"{a} + {b}") == a + b


@given(st.text(alphabet='layerchn0123456789.*+-() ,_eE:/[]"\\\\', max_size=40))
@settings(max_examples=100, deadline=None)
def test_any_text_is_read_or_refused_in_one_line(text: str) -> None:
    try:
        objective = parse_objective(text)
    except UsageError as error:
        lines = str(error).splitlines()
    else:
        lines = [str(objective)]
        assert parse_objective(lines[0]) == objective
    assert len(lines) == 1


def test_combining_does_not_change_the_parts() -> None:
    a, b = layer("x"), channel("y", 3)
    before = str(a), str(b)
    _ = 2 * a - b * 3
    assert (str(a), str(b)) == before
    with pytest.raises(dataclasses.FrozenInstanceError):
        a.terms = ()  # type: ignore[misc]


@pytest.mark.parametrize(
    ("text", "printed"),
    [
        ("layer(a)", "layer(a)"),
        ("-layer(a)", "-layer(a)"),
        ("- 2*layer(a)-0.5 * channel( b , 3 )", "-2.0*layer(a) - 0.5*channel(b, 3)"),
        ("layer(a) - -layer(b)", "layer(a) + layer(b)"),
        (".5*logit(7)", "0.5*logit(7)"),
        ("1e-3*total_variation()", "0.001*total_variation()"),
        ("2*3*layer(a)", "6.0*layer(a)"),
        ("blocks.4", "layer(blocks.4)"),
        ("blocks.4:17", "channel(blocks.4, 17)"),
        ("0.5*blocks.4:17-2*features.0", "0.5*channel(blocks.4, 17) - 2.0*layer(features.0)"),
        ("2*0 + 1:3", "2.0*layer(0) + channel(1, 3)"),
        ("blocks.3-5", "layer(blocks.3-5)"),
        ("blocks.3-5*blocks.4", "layer(blocks.3) - 5.0*layer(blocks.4)"),
        ("blocks.3 - 5*blocks.4", "layer(blocks.3) - 5.0*layer(blocks.4)"),
        ("blocks.*", "layer(blocks.*)"),
        ("blocks.*.conv_dw + blocks.*:3", "layer(blocks.*.conv_dw) + channel(blocks.*, 3)"),
        ("2*blocks.*-blocks.1", "2.0*layer(blocks.*) - layer(blocks.1)"),
        ("efficientnet_lite1/blocks.4", "layer(efficientnet_lite1/blocks.4)"),
        ("timm:resnet10t.c3_in1k/layer1.0:7", "channel(timm:resnet10t.c3_in1k/layer1.0, 7)"),
        ("2*(layer(a) - 3*layer(b))", "2.0*layer(a) - 6.0*layer(b)"),
        ("logit(golden retriever)", 'logit("golden retriever")'),
        ('logit("207")', "logit(207)"),
        ("guide(blocks.4, dahlia.jpg)", 'guide(blocks.4, "dahlia.jpg")'),
        ('layer("a name, with (brackets)")', 'layer("a name, with (brackets)")'),
        ("direction(a, [1,2e-3], 2)", "direction(a, [1.0, 0.002], 2.0)"),
    ],
)
def test_texts_are_read_as_people_write_them(text: str, printed: str) -> None:
    assert str(parse_objective(text)) == printed


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", "The objective '' is not complete. Example: layer(blocks.4) + 0.5*layer(blocks.3)"),
        ("layer(a) +", "is not complete"),
        ("2*", "is not complete"),
        ("layer(a) layer(b)", "Cannot read the objective 'layer(a) layer(b)' at 'layer(b)'."),
        ("layer(a", "is not complete"),
        ("layer(a) * 2", "at '* 2'."),
        ("layre(a)", "No objective 'layre'. Did you mean 'layer'?"),
        ("channel(a)", "It is channel(layer, index); channel() was given 1 arguments."),
        ("channel(a, b)", "channel() takes a whole number where 'b' stands."),
        ("channel(a, 1.5)", "channel() takes a whole number where '1.5' stands."),
        ("layer()", "It is layer(layer); layer() was given 0 arguments."),
        ("neuron(a, 1, 2)", "neuron() takes a number from 0 to 1 where '2' stands."),
        ("direction(a, [1, x])", "direction() takes a list of numbers or a file of them where"),
        ("direction(a, [1, 1e999])", "direction() takes a list of numbers or a file of them where"),
        ("direction(a, [1], nan)", "direction() takes a number where 'nan' stands."),
        ("masked(layer(a))", "at ')'."),
        ("masked(layer(a), [1])", "It is masked(objective, mask[, feather])"),
        ('masked(layer(a), "m.png", 7)', "masked() takes a number from 0 to 1 as its feather, not '7'."),
        ('masked(logit(1), "m.png")', "logit() looks at the picture as a whole: it cannot be masked."),
        ('guide(a, "open)', "Cannot read the objective"),
        ('guide(a, "bad\\q")', "Cannot read the quoted text"),
        ("(" * 30 + "layer(a)" + ")" * 30, "has too many brackets."),
        ("__import__(os)", "No objective '__import__'."),
        ("nan*layer(a)", "at '*layer(a)'."),
        ("1e999*layer(a)", "is too large"),
        ("1e300*1e300*layer(a)", "is too large"),
        (f"logit({'9' * 5000})", "logit() takes a class by number or name"),
    ],
)
def test_errors_say_what_and_where(text: str, message: str) -> None:
    with pytest.raises(UsageError, match=re.escape(message)):
        parse_objective(text)


def test_unknown_kinds_are_a_name_error() -> None:
    with pytest.raises(UnknownNameError):
        parse_objective("chanel(a, 1)")


def test_every_layer_is_computed_once() -> None:
    objective = layer("b") + channel("a", 1) - 2 * layer("b") + total_variation() + logit(3)
    assert objective.layers == ("b", "a", LOGITS)


def test_a_mask_is_laid_over_every_term() -> None:
    both = masked(2 * layer("a") - layer("b"), "m.png", 0.1)
    assert str(both) == '2.0*masked(layer(a), "m.png", 0.1) - masked(layer(b), "m.png", 0.1)'
    assert parse_objective('masked(2*layer(a) - layer(b), "m.png", .1)') == both


def test_arguments_that_have_their_default_are_not_printed() -> None:
    assert str(direction("a", [1, 2], 0)) == "direction(a, [1.0, 2.0])"
    assert str(neuron("a", 3, 0.25)) == "neuron(a, 3, 0.25)"
    assert str(caricature("a")) == "caricature(a)"
    assert str(caricature("a", "input", 2)) == "caricature(a, input, 2.0)"


def test_a_path_stands_between_quotes_and_may_hold_anything() -> None:
    path = Path("my pictures") / 'a "quoted" \\ one, (old).jpg'
    objective = guide("blocks.4", path)
    assert parse_objective(str(objective)) == objective
    assert objective.sources[0][0] == str(path)


def test_a_term_is_a_value() -> None:
    assert Term("channel", ("a", 1)) == channel("a", "1").terms[0][1]
    assert str(Term("channel", ("a", 1))) == "channel(a, 1)"


def test_objectives_are_multiplied_by_numbers_only() -> None:
    with pytest.raises(TypeError):
        _ = layer("a") * layer("b")  # type: ignore[operator]
