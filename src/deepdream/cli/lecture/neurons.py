"""Commands from loss and distance to the perceptron and XOR."""

from __future__ import annotations

import math
from collections.abc import Iterable
from typing import Annotated

import typer

from deepdream.cli.lecture.showing import Data, LessonAnswer, Seed, Target, TextTable, add_lesson, plots
from deepdream.errors import UnknownNameError, UsageError


def register(app: typer.Typer) -> None:
    """Add the lessons of this part to ``app``."""
    for name, command in (
        ("losses", losses),
        ("distances", distances),
        ("neuron", neuron),
        ("perceptron", perceptron),
        ("activations", activations),
        ("xor", xor),
    ):
        add_lesson(app, name, command)


def numbers_of(text: str, option: str) -> list[float]:
    """``"1,2.5"`` as [1.0, 2.5]. Raises UsageError."""
    try:
        numbers = [float(part) for part in text.replace(" ", ",").split(",") if part]
    except ValueError:
        numbers = [math.nan]
    if not all(map(math.isfinite, numbers)):
        raise UsageError(f"{option} wants numbers with commas between, as in 1,0,1; not {text!r}.")
    return numbers


def losses(
    truth: Annotated[str, typer.Option("--true", help="Targets, with commas.")] = "1,0,1",
    prediction: Annotated[str, typer.Option("--pred", help="Predictions, with commas.")] = "0.9,0.2,0.4",
) -> LessonAnswer:
    """Every loss for one target and prediction, summed and averaged."""
    y, a = numbers_of(truth, "--true"), numbers_of(prediction, "--pred")
    if len(y) != len(a) or not y:
        raise UsageError(
            f"--true has {len(y)} values and --pred {len(a)}: as many are needed, and at least one."
        )
    from deepdream.lecture import losses as room

    outputs = [[value] for value in y], [[value] for value in a]
    probabilities = all(0 <= value <= 1 for value in (*y, *a))
    rows = [
        (name, formula, float(loss(*outputs, "sum")), float(loss(*outputs, "mean")))
        for name, formula, loss in (
            ("L1", "|y - a|", room.l1),
            ("squared error", "(y - a)²", room.squared_error),
            ("quadratic cost", "½ (y - a)²", room.quadratic_cost),
            ("cross-entropy", "-y ln a - (1-y) ln(1-a)", room.cross_entropy),
        )
        if name != "cross-entropy" or probabilities
    ]
    return LessonAnswer(
        {"losses": {name: {"sum": total, "mean": mean} for name, _, total, mean in rows}},
        tables=[TextTable(("loss", "formula per sample", "sum", "mean"), rows)],
        plot=lambda theme: plots("neurons").plot_losses(theme=theme),
        closing="" if probabilities else "Cross-entropy needs targets and predictions between 0 and 1.",
    )


def distances(
    x: Annotated[str, typer.Option("--x", help="A point, with commas.")] = "0,0",
    y: Annotated[str, typer.Option("--y", help="Another point.")] = "3,4",
    a: Annotated[str, typer.Option("--set-a", help="Words of a set.")] = "cat,dog,fish",
    b: Annotated[str, typer.Option("--set-b", help="Words of another set.")] = "dog,fish,owl,bee",
    start: Annotated[str, typer.Option("--from", help="Latitude,longitude in degrees.")] = "39.68,-75.75",
    end: Annotated[str, typer.Option("--to", help="Latitude,longitude in degrees.")] = "40.85,14.27",
) -> LessonAnswer:
    """Minkowski between two points, Jaccard between two sets, the great circle between two places."""
    from deepdream.lecture import distances as room

    points = numbers_of(x, "--x"), numbers_of(y, "--y")
    places = numbers_of(start, "--from"), numbers_of(end, "--to")
    if len(points[0]) != len(points[1]):
        raise UsageError("--x and --y must have the same number of coordinates.")
    if any(len(place) != 2 or abs(place[0]) > 90 for place in places):
        raise UsageError("A place is latitude,longitude in degrees, the latitude from -90 to 90.")
    sets = [frozenset(word.strip() for word in words.split(",") if word.strip()) for words in (a, b)]
    names = ((0.5, "no metric"), (1, "Manhattan"), (2, "Euclid"), (3, ""), (math.inf, "Chebyshev"))
    rows = [(f"Minkowski p={p:g}", room.minkowski(*points, p), name) for p, name in names]
    rows.append(("Jaccard similarity", room.jaccard_similarity(*sets), "common / in either"))
    rows.append(("great circle (km)", room.great_circle(*places), "haversine"))
    return LessonAnswer(
        {name: value for name, value, _ in rows},
        tables=[TextTable(("distance", "value", "also called"), rows)],
        plot=lambda theme: plots("neurons").plot_distances(*sets, theme=theme),
    )


def neuron(
    theta: Annotated[float | None, typer.Option("--theta", help="The threshold.")] = None,
    inputs: Annotated[int, typer.Option("--inputs", min=1, max=6, help="How many inputs.")] = 3,
    inhibitory: Annotated[str, typer.Option(help="Numbers of the inhibitory inputs, from 1.")] = "",
    solve: Annotated[
        str, typer.Option("--solve", help="Find the threshold for AND, OR, MAJORITY, XOR ...")
    ] = "",
) -> LessonAnswer:
    """The truth table for a threshold, or the threshold for a gate (--solve AND)."""
    from deepdream.lecture import neuron as room

    said = ""
    if solve:
        found = room.threshold_for(solve.lower(), inputs)
        said = f"{solve.upper()} of {inputs} inputs: "
        if found is None:
            return _no_threshold(said, solve)
        said += f"any theta in ({found.low:g}, {found.high:g}], canonical {found.canonical}."
        theta = found.canonical if theta is None else theta
    silencers = tuple(int(number) - 1 for number in numbers_of(inhibitory, "--inhibitory"))
    cell = room.McCullochPittsNeuron(2.0 if theta is None else theta, silencers)
    table = cell.truth_table(inputs)
    names = [f"x{i + 1}{' (inhibits)' if i in silencers else ''}" for i in range(inputs)]
    gates = [
        name for name, gate in room.GATES.items() if all(row[-1] == int(gate(row[:-1])) for row in table)
    ]
    said += (
        f"\nThreshold {cell.threshold:g}: fires for {sum(row[-1] for row in table)} of {len(table)} inputs"
    )
    said += f"; this is {' and '.join(gates).upper()}." if gates else "."
    return LessonAnswer(
        {"threshold": cell.threshold, "truth_table": table, "gates": gates},
        text=said.strip(),
        tables=[TextTable((*names, "output"), table)],
        plot=(lambda theme: plots("neurons").plot_neuron(cell, inputs, theme=theme))
        if inputs in (2, 3)
        else None,
    )


def _no_threshold(said: str, gate: str) -> LessonAnswer:
    why = (
        "no theta: the neuron only counts its inputs, and more of them can never silence it. "
        "It takes inhibitory inputs or a network (see the lesson 'xor')."
    )
    return LessonAnswer({"gate": gate.lower(), "threshold": None}, text=said + why)


def perceptron(
    data: Data = "and",
    target: Target = None,
    lr: Annotated[float, typer.Option("--lr", help="Learning rate: it does not change the count.")] = 1.0,
    epochs: Annotated[int, typer.Option("--epochs", min=1, help="Passes at most.")] = 1000,
    positive: Annotated[str, typer.Option(help="The class to tell from the rest, if there are more.")] = "",
    seed: Seed = 0,
) -> LessonAnswer:
    """Every mistake and the line after it. A .gif or .webp shows the line turning."""
    from deepdream.lecture.datasets import find_data
    from deepdream.lecture.neuron import is_linearly_separable
    from deepdream.lecture.perceptron import Perceptron, convergence_bound

    table = find_data(data, seed=seed, target=target)
    if positive and positive not in table.classes:
        raise UnknownNameError("class", positive, table.classes, where=data)
    table = table.against_rest(table.classes.index(positive) if positive else 0)
    model, separable = Perceptron(lr, epochs).fit(table.X, table.y), is_linearly_separable(table.X, table.y)
    bound = convergence_bound(table.X, table.y)
    rows = [
        (number, step.epoch, step.sample + 1, _vector(step.weights), float(step.bias))
        for number, step in enumerate(model.updates_, start=1)
    ]
    left_out = f" (the last 20 of {len(rows)})" if len(rows) > 20 else ""
    most = f"{bound.bound:.4g} = ({bound.radius:.4g} / {bound.margin:.4g})²" if separable else "infinite"
    return LessonAnswer(
        {
            "mistakes": model.mistakes_, "epochs": model.epochs_, "converged": model.converged_,
            "weights": model.weights_.tolist(), "bias": model.bias_, "separable": separable,
            "bound": bound.bound if separable else None, "score": float(model.score(table.X, table.y)),
        },
        text=f"{table.about}: {'' if separable else 'NOT '}linearly separable.",
        tables=[TextTable(("mistake", "epoch", "sample", "w", "b"), rows[-20:], f"mistakes{left_out}")],
        closing=f"{model.mistakes_} mistakes in {model.epochs_} epochs; the bound (R/γ)² is {most}. "
        + _ending(model.converged_, separable),
        plot=lambda theme: plots("neurons").plot_perceptron(table, model, bound, theme=theme),
    )  # fmt: skip


def _ending(converged: bool, separable: bool) -> str:
    if converged:
        return "No mistakes remain."
    return "It will end, but not within --epochs." if separable else "It never ends."


def _how_soon(median_sweeps: float | None) -> str:
    if median_sweeps is None:
        return ": not with these settings."
    return f" (median {median_sweeps:g} sweeps): possible, not guaranteed."


def _vector(values: Iterable[float] | None) -> str:
    return "(" + ", ".join(f"{value:.4g}" for value in list(() if values is None else values)[:4]) + ")"


def activations(
    names: Annotated[list[str] | None, typer.Argument(help="Which; all if none is named.")] = None,
    at: Annotated[str, typer.Option("--at", help="Values of z, with commas.")] = "-800,-2,0,2,800",
) -> LessonAnswer:
    """Values and derivatives, also far out, where a careless sigmoid overflows."""
    import torch

    from deepdream.lecture.activations import ACTIVATIONS, find_activation

    chosen = [find_activation(name) for name in names or list(ACTIVATIONS)]
    points = numbers_of(at, "--at")
    rows, values = [], {}
    for f in chosen:
        # softmax compares neurons: here the neuron z beside one that stands at 0
        z = torch.tensor([[point, 0.0] if f.name == "softmax" else [point] for point in points]).double()
        a, slope = f(z)[:, 0].tolist(), f.prime(z)[:, 0].tolist()
        values[f.name] = {"formula": f.formula, "a": a, "slope": slope}
        rows += [(f.name, f.formula, point, *pair) for point, *pair in zip(points, a, slope, strict=True)]
    return LessonAnswer(
        {"z": points, "activations": values},
        tables=[TextTable(("name", "formula", "z", "a = f(z)", "f'(z)"), rows)],
        plot=lambda theme: plots("neurons").plot_activations([f.name for f in chosen], theme=theme),
    )


def xor(
    starts: Annotated[int, typer.Option("--starts", "--seeds", min=1, max=1000, help="Random starts.")] = 100,
    hidden: Annotated[int, typer.Option("--hidden", min=1, max=16, help="Hidden neurons.")] = 2,
    activation: Annotated[
        str, typer.Option("--activation", help="Hidden: sigmoid, tanh or relu.")
    ] = "sigmoid",
    loss: Annotated[str, typer.Option("--loss", help="quadratic or cross-entropy.")] = "quadratic",
    init: Annotated[str, typer.Option("--init", help="uniform (-1 to 1) or normal.")] = "uniform",
    lr: Annotated[float, typer.Option("--lr", min=0, help="Learning rate.")] = 0.5,
    momentum: Annotated[float, typer.Option("--momentum", min=0, max=0.999)] = 0.9,
    sweeps: Annotated[int, typer.Option("--sweeps", min=1, max=50_000, help="Steps at most.")] = 5000,
    seed: Seed = 0,
) -> LessonAnswer:
    """Three attempts at XOR: the perceptron, the best line, a small network from many random starts."""
    from deepdream.lecture import xor as room
    from deepdream.lecture.neuron import boolean_inputs, separability, xor_network
    from deepdream.lecture.perceptron import Perceptron

    X, y = room.XOR_INPUTS, room.XOR_TARGETS
    proof, cycling = separability(X, y), Perceptron().fit(X, y)
    how = room.Attempt(hidden, activation, loss, init, lr, momentum, sweeps)
    line, tried = room.least_squares_outputs(), room.solve_from_many_starts(how, starts=starts, seed=seed)
    point = _vector(proof.common_point)
    rows = [
        (_vector(x), int(target), float(fitted), xor_network(x), float(relu))
        for x, target, fitted, relu in zip(boolean_inputs(2), y, line, room.relu_outputs(), strict=True)
    ]
    return LessonAnswer(
        {
            "linearly_separable": proof.separable, "perceptron_mistakes": cycling.mistakes_,
            "perceptron_weights": cycling.weights_.tolist(), "least_squares": line.tolist(), "hidden": hidden,
            "solved": tried.solved, "starts": tried.starts, "median_sweeps": tried.median_sweeps,
        },
        text=f"XOR is not linearly separable: {point} lies between the samples of either class.\n"
        f"A perceptron makes {cycling.mistakes_} mistakes in {cycling.epochs_} epochs and returns to "
        f"w = {_vector(cycling.weights_)}.",
        tables=[TextTable(("x", "XOR", "best line", "McCulloch-Pitts network", "ReLU network 2-2-1"), rows)],
        closing=f"A 2-{hidden}-1 {activation} network ({loss}) trained from {starts} random starts solves it "
        f"{tried.solved} times" + _how_soon(tried.median_sweeps),
        plot=lambda theme: plots("neurons").plot_xor(theme=theme),
    )  # fmt: skip
