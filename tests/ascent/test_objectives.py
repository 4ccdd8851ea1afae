"""Objectives: algebra as algebra, text that reads itself, and scores against direct computation."""

from __future__ import annotations

import dataclasses
import re
from dataclasses import replace

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from deepdream.ascent import Objective, channel, layer, logit, parse_objective, total_variation
from deepdream.ascent.climbing import measure_gradient
from deepdream.ascent.objectives import KINDS, LOGITS, Scene, Term, layers_objective
from deepdream.errors import UnknownNameError, UsageError
from deepdream.models import Model
from deepdream.plan import Plan
from deepdream.tensors import generator

NAMES = st.from_regex(r"[a-z_][a-z0-9_]{0,6}(\.[0-9]{1,2}){0,2}", fullmatch=True)
WEIGHTS = st.floats(-1e6, 1e6).filter(lambda w: abs(w) > 1e-6)


@st.composite
def terms(draw: st.DrawFn) -> Objective:
    return draw(
        st.one_of(
            st.builds(layer, NAMES),
            st.builds(channel, NAMES, st.integers(0, 2000)),
            st.builds(logit, st.integers(0, 999)),
            st.builds(total_variation),
        )
    )


OBJECTIVES = st.lists(st.tuples(WEIGHTS, terms()), min_size=1, max_size=4).map(
    lambda pairs: sum((w * o for w, o in pairs[1:]), pairs[0][0] * pairs[0][1])
)


class Plain:
    """A scene in which every layer's activation has a known value."""

    def __init__(self) -> None:
        self.scene = Scene(_Any(), torch.linspace(0, 1, 3 * 5 * 7, dtype=torch.float64).reshape(1, 3, 5, 7))

    def value(self, objective: Objective) -> float:
        return float(sum(weight * score for weight, score in objective.scores(self.scene)))


class _Any(dict[str, torch.Tensor]):
    def __missing__(self, name: str) -> torch.Tensor:
        chance = torch.Generator().manual_seed(sum(map(ord, name)))
        return torch.randn(1, 2001, 1, 2, generator=chance, dtype=torch.float64)


@given(a=OBJECTIVES, b=OBJECTIVES, w=WEIGHTS)
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
@settings(max_examples=100, deadline=None)
def test_an_objective_reads_what_it_printed(objective: Objective) -> None:
    assert parse_objective(str(objective)) == objective


@given(OBJECTIVES, OBJECTIVES)
@settings(max_examples=40, deadline=None)
def test_the_text_of_a_sum_is_the_sum_of_the_texts(a: Objective, b: Objective) -> None:
    assert parse_objective(f"{a} + {b}") == a + b
    assert parse_objective(f"{a}+{b}".replace(" ", "")) == a + b


@given(st.text(alphabet="layerchn0123456789.*+-() ,_eE", max_size=40))
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
        ("layer(a", "at 'layer(a'."),
        ("layer(a) * 2", "at '* 2'."),
        ("layre(a)", "No objective 'layre'. Did you mean 'layer'?"),
        ("channel(a)", "channel() takes (str, int), not 1 arguments."),
        ("channel(a, b)", "channel() takes a int where 'b' stands."),
        ("channel(a, 1.5)", "channel() takes a int where '1.5' stands."),
        ("layer()", "layer() takes (str), not 0 arguments."),
        ("__import__(os)", "No objective '__import__'."),
        ("nan*layer(a)", "at 'nan*layer(a)'."),
        ("1e999*layer(a)", "is too large"),
        ("1e300*1e300*layer(a)", "is too large"),
        (f"logit({'9' * 5000})", "logit() takes a int"),
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


def test_weights_by_layer_keep_their_order() -> None:
    assert layers_objective({"b": 2.0, "a": 1.0}) == 2 * layer("b") + layer("a")


# One of each kind, as it would be asked of the small network. A kind that is missing here fails below.
EXAMPLES = {
    "layer": layer("second"),
    "channel": channel("second", 4),
    "logit": logit(2),
    "total_variation": total_variation(),
}


def test_there_is_an_example_of_every_kind() -> None:
    assert set(EXAMPLES) == set(KINDS)


@pytest.mark.parametrize("kind", EXAMPLES)
def test_every_kind_can_be_climbed(kind: str, tiny_model: Model, photo: torch.Tensor) -> None:
    plan, chance = Plan(jitter=0), generator(0)
    image, first = photo, None
    for _ in range(10):
        gradient, score = measure_gradient(tiny_model, EXAMPLES[kind], image, plan, chance)
        first = score if first is None else first
        assert gradient.abs().max() > 0
        image = (image + 0.01 * gradient / gradient.abs().mean()).clamp(0, 1)
    assert first is not None
    assert measure_gradient(tiny_model, EXAMPLES[kind], image, plan, chance)[1] > first


@pytest.mark.parametrize("kind", EXAMPLES)
def test_every_kind_descends_with_a_negative_weight(
    kind: str, tiny_model: Model, photo: torch.Tensor
) -> None:
    plan = Plan(jitter=0)
    up, score = measure_gradient(tiny_model, EXAMPLES[kind], photo, plan, generator(0))
    down, negative = measure_gradient(tiny_model, -EXAMPLES[kind], photo, plan, generator(0))
    assert float(negative) == -float(score)
    torch.testing.assert_close(down, -up)


def test_half_sum_is_google_s_set_the_difference_to_the_activation(
    tiny_model: Model, photo: torch.Tensor
) -> None:
    """``dst.diff[:] = dst.data`` in Google's notebook: act.backward(act)."""
    plan = Plan(jitter=0, reduction="half-sum")
    gradient, score = measure_gradient(tiny_model, layer("second"), photo, plan, generator(0))
    image = photo.clone().requires_grad_()
    activation = tiny_model.activations(image, ["second"])["second"]
    activation.backward(activation.detach())
    torch.testing.assert_close(gradient, image.grad)
    torch.testing.assert_close(score, activation.detach().square().sum() / 2)


def test_values_are_those_of_a_direct_computation(tiny_model: Model, photo: torch.Tensor) -> None:
    network = tiny_model.module.eval()
    with torch.no_grad():
        x = (photo - 0.5) / 0.25
        hidden = network.second(network.norm(network.first(x)).relu())
        logits = network.head(hidden.relu().mean((2, 3)))
        across = (photo[..., 1:] - photo[..., :-1]).abs().mean()
        down = (photo[..., 1:, :] - photo[..., :-1, :]).abs().mean()
    expected = {
        "layer": hidden.square().mean(),
        "channel": hidden[0, 4].mean(),
        "logit": logits[0, 2],
        "total_variation": across + down,
    }
    for kind, objective in EXAMPLES.items():
        _, score = measure_gradient(tiny_model, objective, photo, Plan(jitter=0), generator(0))
        torch.testing.assert_close(score, expected[kind], rtol=1e-4, atol=1e-6)


def test_a_picture_one_pixel_wide_has_a_total_variation() -> None:
    image = torch.tensor([0.0, 0.25, 1.0]).expand(1, 3, 3)[..., None]  # 3 rows, 1 column
    ((_, score),) = total_variation().scores(Scene({}, image))
    assert float(score) == pytest.approx(0.5)


@pytest.mark.parametrize(
    ("objective", "message"),
    [
        (channel("second", 12), "second has channels 0 to 11; there is no channel 12."),
        (channel("second", -1), "there is no channel -1."),
        (logit(5), "The network has classes 0 to 4; there is no class 5."),
        (logit(-1), "there is no class -1."),
    ],
)
def test_indexes_that_are_not_there(
    objective: Objective, message: str, tiny_model: Model, photo: torch.Tensor
) -> None:
    with pytest.raises(UsageError, match=re.escape(message)):
        measure_gradient(tiny_model, objective, photo, replace(Plan(), jitter=0), generator(0))


def test_a_term_is_a_value() -> None:
    assert Term("channel", ("a", 1)) == channel("a", "1").terms[0][1]
    assert str(Term("channel", ("a", 1))) == "channel(a, 1)"
