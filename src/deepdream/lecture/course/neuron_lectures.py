"""Lessons about one neuron: its threshold, how it learns, its activation, and what it cannot do."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Annotated

from deepdream.errors import UnknownNameError
from deepdream.lecture.course.lesson import (
    Argument,
    LessonAnswer,
    Option,
    TextTable,
    lesson,
    numbers_of,
    plots,
)
from deepdream.lecture.course.lesson_options import (
    Data,
    Momentum,
    Target,
)


@lesson(
    "neuron",
    "McCulloch-Pitts 1943: which threshold makes an AND?",
    place=13,
    notes="Inputs are 0 or 1, the neuron counts those that are on and fires if there are at least theta. "
    "Exercise: which theta gives AND? With n inputs, any theta in (n-1, n]. Theta = 1 is OR. NOT needs an "
    "inhibitory input: a sum of excitatory inputs can only grow. Picture: the corners of a cube, cut by "
    "a plane.",
    slide="The 1943 neuron has absolute inhibition: one active inhibitory input silences it. 'Exceeds the "
    "threshold' in words and '>=' in the formula disagree; here the neuron fires at sum >= theta.",
)
def neuron(
    theta: Annotated[float | None, Option("The threshold.")] = None,
    inputs: Annotated[int, Option("Number of inputs.", min=1, max=6)] = 3,
    inhibitory: Annotated[
        str, Option("Inhibitory inputs by number, counted from 1, separated by commas.")
    ] = "",
    solve: Annotated[str, Option("Find the threshold for a gate: AND, OR, MAJORITY, XOR, NAND or NOR.")] = "",
) -> LessonAnswer:
    """Prints the truth table for a threshold, or the threshold for a gate (--solve AND)."""
    from deepdream.lecture.neuron import GATES, McCullochPittsNeuron, threshold_for

    text = ""
    if solve:
        thresholds = threshold_for(solve.lower(), inputs)
        text = f"{solve.upper()} of {inputs} inputs: "
        if thresholds is None:
            text += (
                "no theta: the neuron only counts its inputs, and more of them can never silence it. "
                "It takes inhibitory inputs or a network (see the lesson 'xor')."
            )
            return LessonAnswer({"gate": solve.lower(), "threshold": None}, text=text)
        text += f"any theta in ({thresholds.low:g}, {thresholds.high:g}], canonical {thresholds.canonical}."
        theta = thresholds.canonical if theta is None else theta
    # People count inputs from 1, Python from 0.
    silencers = tuple(int(number) - 1 for number in numbers_of(inhibitory, "--inhibitory"))
    cell = McCullochPittsNeuron(2.0 if theta is None else theta, silencers)
    table = cell.truth_table(inputs)
    names = [f"x{i + 1}{' (inhibits)' if i in silencers else ''}" for i in range(inputs)]
    gates = [name for name, gate in GATES.items() if all(row[-1] == int(gate(row[:-1])) for row in table)]
    text += (
        f"\nThreshold {cell.threshold:g}: fires for {sum(row[-1] for row in table)} of {len(table)} inputs"
    )
    text += f"; this is {' and '.join(gates).upper()}." if gates else "."
    return LessonAnswer(
        {"threshold": cell.threshold, "truth_table": table, "gates": gates},
        text=text.strip(),
        tables=[TextTable((*names, "output"), table)],
        plot=(lambda theme: plots("neuron").plot_neuron(cell, inputs, theme=theme))
        if inputs in (2, 3)
        else None,
    )


@lesson(
    "perceptron",
    "Rosenblatt 1958: learning from mistakes, and their bound.",
    place=17,
    notes="On a mistake the line turns toward the point that is on the wrong side: w <- w + eta y x, b <- b + "
    "eta y, with y = -1 or +1. If a line exists at all, the number of mistakes is at most (R/gamma)^2: "
    "R is the length of the longest sample, gamma the margin of the best line (Novikoff 1962). The "
    "bound does not depend on the dimension, and eta does not change the count.",
    slide="The deck never states the learning rule. The bias b, the threshold theta and Z say the same thing "
    "three times: only theta = Z - b matters; here there is one bias and the threshold is 0. The "
    "Widrow-Hoff rule (LMS, ADALINE) is another rule. y on the slide is both the sum and the activated "
    "output: here z and a.",
)
def perceptron(
    data: Data = "and",
    target: Target = None,
    lr: Annotated[float, Option("Learning rate. It does not change the number of mistakes.")] = 1.0,
    epochs: Annotated[int, Option("Greatest number of passes through the samples.", min=1)] = 1000,
    positive: Annotated[str, Option("The class to separate from the rest, if there are more than two.")] = "",
    seed: int = 0,
) -> LessonAnswer:
    """Prints every mistake and the line after it. A .gif or .webp file shows the line turning."""
    from deepdream.lecture.datasets import find_data
    from deepdream.lecture.neuron import is_linearly_separable
    from deepdream.lecture.perceptron import Perceptron, convergence_bound

    dataset = find_data(data, seed=seed, target=target)
    if positive and positive not in dataset.classes:
        raise UnknownNameError("class", positive, dataset.classes, where=data)
    # A line has two sides: more classes become one against the rest.
    dataset = dataset.against_rest(dataset.classes.index(positive) if positive else 0)
    model = Perceptron(lr, epochs).fit(dataset.X, dataset.y)
    separable = is_linearly_separable(dataset.X, dataset.y)
    bound = convergence_bound(dataset.X, dataset.y)
    rows = [
        (number, step.epoch, step.sample + 1, _vector(step.weights), float(step.bias))
        for number, step in enumerate(model.updates_, start=1)
    ]
    last_rows = f" (the last 20 of {len(rows)})" if len(rows) > 20 else ""
    ending = "No mistakes remain." if model.converged_ else "It never ends."
    if separable and not model.converged_:
        ending = "It will end, but not within --epochs."
    most = f"{bound.bound:.4g} = ({bound.radius:.4g} / {bound.margin:.4g})²" if separable else "infinite"
    return LessonAnswer(
        {
            "mistakes": model.mistakes_, "epochs": model.epochs_, "converged": model.converged_,
            "weights": model.weights_.tolist(), "bias": model.bias_, "separable": separable,
            "bound": bound.bound if separable else None, "score": float(model.score(dataset.X, dataset.y)),
        },
        text=f"{dataset.about}: {'' if separable else 'NOT '}linearly separable.",
        tables=[TextTable(("mistake", "epoch", "sample", "w", "b"), rows[-20:], f"mistakes{last_rows}")],
        closing=f"{model.mistakes_} mistakes in {model.epochs_} epochs; the bound (R/γ)² is {most}. "
        + ending,
        plot=lambda theme: plots("perceptron").plot_perceptron(dataset, model, bound, theme=theme),
    )  # fmt: skip


def _vector(values: Iterable[float] | None) -> str:
    return "(" + ", ".join(f"{value:.4g}" for value in list(() if values is None else values)[:4]) + ")"


@lesson(
    "activations",
    "Step, sigmoid, tanh, ReLU ... and their derivatives.",
    place=22,
    notes="Learning uses the derivative. The step has none, the sigmoid's is at most 0.25, tanh's at most 1, "
    "ReLU's is 0 or 1.",
    slide="sigma' = sigma(1 - sigma) takes the *output* of the sigmoid: code that says dsigmoid(x) = x(1-x) "
    "expects sigma(z), not z. A sigmoid unit is logistic regression; Rosenblatt's unit had a step. Both "
    "have a straight boundary. 'Turns neurons on and off' is true for the step only.",
)
def activations(
    names: Annotated[list[str] | None, Argument("Names of activations. The default is all of them.")] = None,
    at: Annotated[str, Option("Values of z, separated by commas.")] = "-800,-2,0,2,800",
) -> LessonAnswer:
    """Prints values and derivatives, also for large z, where a careless sigmoid overflows."""
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
        plot=lambda theme: plots("neuron").plot_activations([f.name for f in chosen], theme=theme),
    )


@lesson(
    "xor",
    "What no line can do, and one hidden layer can.",
    place=26,
    notes="Three attempts: the perceptron makes 4 mistakes per epoch for ever and returns to w = 0; the best "
    "line by least squares gives 0.5 everywhere; two hidden neurons (OR and AND) solve it by hand, and "
    "training finds a solution from most starts, not from all.",
    slide="XOR fails for one neuron, McCulloch-Pitts or perceptron. A *network* of McCulloch-Pitts neurons "
    "computes it: h1 = OR, h2 = AND, output = 1 if h1 - h2 >= 1.",
)
def xor(
    starts: Annotated[int, Option("Number of random starts.", min=1, max=1000)] = 100,
    hidden: Annotated[int, Option("Number of hidden neurons.", min=1, max=16)] = 2,
    activation: Annotated[
        str, Option("Activation of the hidden neurons: sigmoid, tanh or relu.")
    ] = "sigmoid",
    loss: Annotated[str, Option("Loss: quadratic or cross-entropy.")] = "quadratic",
    init: Annotated[str, Option("Initial weights: uniform (-1 to 1) or normal.")] = "uniform",
    lr: Annotated[float, Option("Learning rate.", min=0)] = 0.5,
    momentum: Momentum = 0.9,
    sweeps: Annotated[int, Option("Greatest number of steps.", min=1, max=50_000)] = 5000,
    seed: int = 0,
) -> LessonAnswer:
    """Makes three attempts at XOR: the perceptron, the best line, a small network from many random starts."""
    from deepdream.lecture import xor as xor_module
    from deepdream.lecture.neuron import boolean_inputs, separability, xor_network
    from deepdream.lecture.perceptron import Perceptron

    X, y = xor_module.XOR_INPUTS, xor_module.XOR_TARGETS
    proof, cycling = separability(X, y), Perceptron().fit(X, y)
    attempt = xor_module.XorSettings(hidden, activation, loss, init, lr, momentum, sweeps)
    line = xor_module.least_squares_outputs()
    outcome = xor_module.solve_from_many_starts(attempt, starts=starts, seed=seed)
    # A point that mixtures of both classes share proves that no line can separate them.
    point = _vector(proof.common_point)
    reliability = ": not with these settings."
    if outcome.median_sweeps is not None:
        reliability = f" (median {outcome.median_sweeps:g} sweeps): possible, not guaranteed."
    rows = [
        (_vector(x), int(target), float(fitted), xor_network(x), float(relu))
        for x, target, fitted, relu in zip(boolean_inputs(2), y, line, xor_module.relu_outputs(), strict=True)
    ]
    return LessonAnswer(
        {
            "linearly_separable": proof.separable, "perceptron_mistakes": cycling.mistakes_,
            "perceptron_weights": cycling.weights_.tolist(), "least_squares": line.tolist(), "hidden": hidden,
            "solved": outcome.solved, "starts": outcome.starts, "median_sweeps": outcome.median_sweeps,
        },
        text=f"XOR is not linearly separable: {point} lies between the samples of either class.\n"
        f"A perceptron makes {cycling.mistakes_} mistakes in {cycling.epochs_} epochs and returns to "
        f"w = {_vector(cycling.weights_)}.",
        tables=[TextTable(("x", "XOR", "best line", "McCulloch-Pitts network", "ReLU network 2-2-1"), rows)],
        closing=f"A 2-{hidden}-1 {activation} network ({loss}) trained from {starts} random starts solves it "
        f"{outcome.solved} times{reliability}",
        plot=lambda theme: plots("neuron").plot_xor(theme=theme),
    )  # fmt: skip
