"""Glossary, timeline and cards: complete, sourced, and their numbers are ours."""

from __future__ import annotations

import re
import shlex
from pathlib import Path

import pytest
from sklearn.datasets import load_breast_cancer

from deepdream.errors import UnknownNameError
from deepdream.lecture.course import find_lesson
from deepdream.lecture.decision import threshold_table
from deepdream.lecture.identification import identification_odds
from deepdream.lecture.scores import breast_cancer_scores
from deepdream.lecture.texts import TOPICS, card, card_title, cards, define, glossary, timeline
from deepdream.lecture.tradeoff import measure_tradeoff
from deepdream.lecture.tradeoff_models import classifiers
from deepdream.lecture.tree import grow_tree
from deepdream.lessons import accountability, wrong_reasons

SECTIONS = ("## Facts", "## Our numbers", "## The slide", "## To ask")


def test_glossary_defines_every_term():
    words = glossary()
    assert len(words) >= 30
    assert all(len(meaning) > 20 and meaning.endswith(".") for meaning in words.values())
    assert "learn parameters from data" in define("Machine Learning")


def test_an_unknown_term_has_a_suggestion():
    with pytest.raises(UnknownNameError, match="Did you mean 'perplexity'"):
        define("perplexitty")


def test_timeline_is_in_order_and_sourced():
    events = timeline()
    years = [event.year for event in events]
    assert years == sorted(years)
    assert (years[0], years[-1]) == (1943, 2024)
    assert {event.about for event in events} == {"method", "accountability"}
    assert all(event.source for event in events)
    assert sum(event.source.startswith("https://") for event in events) >= 0.8 * len(events)


@pytest.mark.parametrize("topic", TOPICS)
def test_cards_have_dated_and_linked_facts(topic):
    text = card(topic)
    assert text.startswith(f"# {card_title(topic)}")
    places = [text.index(section) for section in SECTIONS]
    assert places == sorted(places)
    facts = [line for line in text[places[0] : places[1]].splitlines() if line.startswith("- ")]
    assert len(facts) >= 3
    for fact in facts:
        assert re.search(r"\b(19|20)\d\d\b", fact.split("https://")[0]), fact
        assert "https://" in fact, fact


@pytest.mark.parametrize("topic", TOPICS)
def test_cards_name_commands_that_exist(topic):
    commands = re.findall(r"`(deepdream lecture [^`]+)`", card(topic))
    assert len(commands) >= 2
    for command in commands:
        find_lesson(shlex.split(command)[2])


def test_unknown_topic():
    with pytest.raises(UnknownNameError, match="`deepdream lecture discuss` lists all"):
        card("accountable")


def test_the_numbers_on_the_cards_are_ours():
    scores = breast_cancer_scores()
    half, tenth = (threshold_table(scores.y_true, scores.score, [t])[0] for t in (0.5, 0.1))
    sentence = (
        f"misses {half.fn} with {half.fp} false alarms at t = .5, and misses {tenth.fn} with {tenth.fp} false"
    )
    assert sentence in card("accountability")
    assert round(28 / (535 * 25_000), 7) == 2.1e-6
    assert identification_odds(1e-6, 49_000_000).expected_false_matches == 49


def test_the_tree_on_the_cards_is_ours():
    data = load_breast_cancer()
    small, full = (
        grow_tree(data.data, data.target, features=data.feature_names, classes=data.target_names, depth=depth)
        for depth in (2, None)
    )
    assert f"depth 2 on the breast tumors has {small.leaves} leaves" in card("transparency")
    assert f"a full one has {full.leaves}" in card("transparency")
    assert f"right in {small.accuracy * 100:.0f} % of unseen" in card("right-to-explanation")


@pytest.mark.slow
def test_the_trade_off_on_the_cards_is_ours():
    X, y = load_breast_cancer(return_X_y=True)
    names = ("linear", "tree, full", "random forest")
    rows = {r.model: r for r in measure_tradeoff(X, y, models={n: classifiers()[n] for n in names})}
    linear, full, forest = (rows[name] for name in names)
    assert f"a linear model of {linear.numbers:.0f} numbers (.{linear.score * 1000:.0f})" in card("chart")
    assert f"a full tree gets .{full.score * 1000:.0f}" in card("chart")
    assert forest.numbers > 5000
    assert f"gives its answer in {forest.fidelity * 100:.0f} % of unseen" in card("right-to-explanation")


def test_the_cards_in_the_docs_are_those_of_the_command():
    docs = Path(__file__).parents[2] / "docs" / "discussion.md"
    assert docs.read_text("utf-8") == cards() + "\n"
    assert all(card_title(topic) in cards() for topic in TOPICS)


def test_the_costs_on_the_cards_are_ours():
    views = accountability().numbers["views"]
    misses, alarms = ([view[key] for view in views] for key in ("fn", "fp"))
    sentence = f"miss {min(misses)} to {max(misses)} tumors, and alarm {min(alarms)} to {max(alarms)} people"
    assert sentence in card("accountability")


@pytest.mark.slow
def test_the_shortcut_on_the_cards_is_ours():
    numbers = wrong_reasons().numbers
    right = {(a["network"], a["marked"]): a["accuracy"] for a in numbers["accuracies"]}
    revealing = sum(entry["reveals"] for entry in numbers["methods"])
    assert f"({right['cheater', 'as trained']:.0%} as trained".replace("%", " %") in card("transparency")
    assert f"{right['cheater', 'nobody']:.0%} without the mark".replace("%", " %") in card("transparency")
    assert f"by {revealing} of {len(numbers['methods'])} methods" in card("transparency")
