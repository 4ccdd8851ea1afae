"""Every option of every method: found, described, read from text, and refused out of range."""

from __future__ import annotations

from typing import Annotated

import pytest
from networks import bend, picture

from deepdream.attribution import explain, find_method, methods
from deepdream.attribution.method_options import Meaning, MethodOption, options_of
from deepdream.attribution.registry import read_options
from deepdream.errors import UnknownNameError, UsageError

OPTIONS = [(name, option) for name, method in methods().items() for option in method.options.values()]


@pytest.mark.parametrize(("method", "option"), OPTIONS, ids=lambda value: getattr(value, "name", value))
def test_every_option_says_what_it_does_and_reads_its_own_default(method: str, option: MethodOption) -> None:
    assert option.meaning.text.endswith(".")
    assert option.range
    text = "auto" if option.default is None else str(option.default)
    assert read_options(method, [f"{option.name}={text}"]) == {option.name: option.default}
    with pytest.raises(UsageError, match=rf"^({option.name} must be|No {option.name} ')"):
        read_options(method, [f"{option.name}=-1e9"])


@pytest.mark.parametrize(
    ("method", "text", "value"),
    [
        ("lrp", "rule=epsilon", "epsilon"),
        ("grad-cam", "rectify=no", False),
        ("grad-cam", "rectify = TRUE", True),
        ("blur-ig", "sigma=20", 20.0),
        ("blur-ig", "sigma=auto", None),
        ("occlusion", "window=3", 3),
    ],
)
def test_texts_become_values_of_the_options_type(method: str, text: str, value: object) -> None:
    (read,) = read_options(method, [text]).values()
    assert (read, type(read)) == (value, type(value))


@pytest.mark.parametrize(
    ("method", "text", "message"),
    [
        ("lrp", "rule", "Cannot read 'rule' as an option of lrp: write NAME=VALUE, such as samples=50."),
        ("lrp", "rul=epsilon", "lrp has no option 'rul'. Did you mean 'rule'? Its options: rule."),
        ("saliency", "samples=3", "saliency has no option 'samples'. It has no options."),
        ("lrp", "rule=epsilom", "No rule 'epsilom'. Did you mean 'epsilon'?"),
        ("rise", "samples=1.5", "samples must be a whole number, at least 1, not '1.5'."),
        ("rise", "samples=0", "samples must be a whole number, at least 1, not 0."),
        ("rise", "keep=inf", "keep must be a number, above 0, at most 1, not inf."),
        ("rise", "keep=auto", "keep must be a number, above 0, at most 1, not 'auto'."),
        ("grad-cam", "rectify=maybe", "rectify must be true or false, not 'maybe'."),
    ],
)
def test_a_wrong_text_gets_one_clear_line(method: str, text: str, message: str) -> None:
    with pytest.raises(UsageError) as caught:
        read_options(method, [text])
    assert str(caught.value) == message


def test_of_an_unknown_method_the_nearest_is_named() -> None:
    with pytest.raises(UnknownNameError, match="Did you mean 'lrp'"):
        read_options("lrpp", [])


def test_a_wrong_value_is_refused_before_the_network_runs() -> None:
    model, passes = bend(), []
    model.module.register_forward_hook(lambda *_: passes.append(1))
    with pytest.raises(UsageError, match="samples must be"):
        explain(model, picture(16), "rise", samples=0)
    assert not passes


def test_an_option_changes_the_map() -> None:
    model, image = bend(), picture(16)
    whole = explain(model, image, "grad-cam", 1, **read_options("grad-cam", ["rectify=no"]))
    assert whole.signed
    assert find_method("grad-cam").defaults == {"rectify": True}


def test_a_method_whose_option_says_nothing_cannot_be_registered() -> None:
    def without_meaning(score_function: object, *, steps: int = 3) -> None: ...
    def without_default(score_function: object, *, steps: Annotated[int, Meaning("Steps.")]) -> None: ...

    for function in (without_meaning, without_default):
        with pytest.raises(TypeError, match="option 'steps' needs a default and a type"):
            options_of(function)
