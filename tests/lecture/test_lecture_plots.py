"""One quick test for each file of ``lecture/plots``: axes are labeled, and what is drawn is the known numbers."""

from __future__ import annotations

import pkgutil
from typing import Any

import numpy as np
import pytest
import torch

import deepdream.lecture.plots
from deepdream.figures import Figure, Theme, drawn, new_figure
from deepdream.lecture import (
    MLP,
    Embedding,
    McCullochPittsNeuron,
    Perceptron,
    RegressionAndClassification,
    Scores,
    TradeoffPoint,
    TrainingSettings,
    backprop,
    best_threshold,
    bundled,
    chain_rule_neuron,
    check_gradients,
    climb_example,
    cluster,
    convergence_bound,
    count_parameters,
    descend,
    fit,
    gradient_descent,
    grow_tree,
    hyperparameter_table,
    left_right_runs,
    line_loss,
    line_samples,
    mazur,
    network_loss,
    one_hot,
    principal_slice,
    timeline,
    toy,
    train_playground,
)
from deepdream.lecture.plots.clusters_plots import plot_clusters
from deepdream.lecture.plots.decision_plots import plot_odds, plot_sweep, plot_threshold
from deepdream.lecture.plots.descent_plots import (
    plot_climb,
    plot_descent,
    plot_in_space,
    plot_network_descent,
)
from deepdream.lecture.plots.distance_plots import plot_distances, plot_losses
from deepdream.lecture.plots.embedding_plots import plot_embeddings
from deepdream.lecture.plots.left_right_plots import plot_left_right
from deepdream.lecture.plots.mlp_plots import animate_training, plot_mlp
from deepdream.lecture.plots.network_diagram import Diagram, draw_network
from deepdream.lecture.plots.neuron_plots import plot_activations, plot_neuron, plot_xor
from deepdream.lecture.plots.perceptron_plots import plot_perceptron
from deepdream.lecture.plots.plane_drawing import draw_map, plain_ticks, plane_grid, scatter_classes
from deepdream.lecture.plots.regression_plots import plot_regression_and_classification
from deepdream.lecture.plots.structure_plots import (
    plot_backprop,
    plot_count,
    plot_forward,
    plot_hyperparameters,
    plot_knobs,
)
from deepdream.lecture.plots.timeline_plots import plot_timeline
from deepdream.lecture.plots.tradeoff_plots import plot_tradeoff
from deepdream.lecture.plots.training_plots import (
    plot_chain,
    plot_check,
    plot_collapse,
    plot_smoothness,
    plot_vanishing,
)
from deepdream.lecture.plots.tree_plots import plot_tree


def panels(figure: Any) -> list[Any]:
    """The axes of a figure or an animation that are to be read: those that are not switched off."""
    canvas = figure.canvas if isinstance(figure, Figure) else figure.figure.canvas
    return [axes for axes in canvas.axes if axes.axison or hasattr(axes, "zaxis")]


def labels(figure: Any) -> list[tuple[str, str]]:
    return [(axes.get_xlabel(), axes.get_ylabel()) for axes in panels(figure)]


def words(axes: Any) -> list[str]:
    return [text.get_text() for text in axes.texts]


def test_every_file_of_plots_is_tested_here() -> None:
    files = {module.name for module in pkgutil.iter_modules(deepdream.lecture.plots.__path__)}
    assert files == {name.removeprefix("test_of_") for name in globals() if name.startswith("test_of_")}


def test_of_distance_plots() -> None:
    losses = plot_losses()
    assert labels(losses)[0] == ("error = prediction − target", "loss")
    l1, squared, quadratic = panels(losses)[0].lines
    assert (l1.get_ydata()[0], squared.get_ydata()[0], quadratic.get_ydata()[0]) == (2, 4, 2)
    distances = plot_distances(frozenset("ab"), frozenset("bc"))
    balls, circle = panels(distances)
    assert len(balls.lines) == 5
    assert np.abs(balls.lines[1].get_xydata()).sum(1) == pytest.approx(1)  # p = 1: a diamond
    assert circle.get_xlabel() == "true distance (m)"
    assert max(circle.lines[1].get_ydata()) < 1e-6  # the haversine formula
    assert distances.numbers["jaccard"] == pytest.approx(1 / 3)


def test_of_neuron_plots() -> None:
    square = panels(plot_neuron(McCullochPittsNeuron(2), 2))[0]
    assert (square.get_xlabel(), square.get_ylabel()) == ("x₁", "x₂")
    assert [len(points.get_offsets()) for points in square.collections] == [3, 1]  # silent, firing: AND
    assert square.lines[0].get_xydata().sum(1) == pytest.approx(2)  # the line x1 + x2 = 2
    cube = panels(plot_neuron(McCullochPittsNeuron(2), 3))[0]
    assert len(cube.lines) == 12  # edges
    sigmoid = panels(plot_activations(["sigmoid"]))[0]
    value, slope = sigmoid.lines
    assert (value.get_ydata()[200], slope.get_ydata()[200]) == (0.5, 0.25)  # at z = 0
    assert sigmoid.get_xlabel() == "z"
    assert words(panels(plot_xor())[1]) == ["0.5"] * 4


def test_of_perceptron_plots() -> None:
    table = toy("and")
    model = Perceptron().fit(table.X, table.y)
    animation = plot_perceptron(table, model, convergence_bound(table.X, table.y))
    plane, count = panels(animation)
    assert animation.count == 18
    assert labels(animation) == [("x1", "x2"), ("epoch (pass through all samples)", "mistakes so far")]
    assert count.lines[0].get_ydata()[-1] == 18
    assert "bound (R/γ)² = 51" in words(count)
    line = plane.lines[0].get_xydata()
    assert line @ model.weights_ + model.bias_ == pytest.approx([0, 0])  # w·x + b = 0
    animation.update(0)
    assert len(count.lines[0].get_ydata()) == 1


def test_of_structure_plots() -> None:
    forward = plot_forward(MLP([2, 3, 1], seed=1), [1.0, 0.0])
    with torch.no_grad():
        output = MLP([2, 3, 1], seed=1)([[1.0, 0.0]]).item()
    assert forward.numbers["texts"][-1] == [f"{output:.3g}"]
    model, x, y_true = mazur()
    backward = plot_backprop(model, x[0].tolist(), backprop(model, x, y_true))
    assert backward.title == "Backward: cost 0.298371"
    knobs = plot_knobs()
    assert labels(knobs) == [("x", "a = σ(w x + b)")] * 2
    assert panels(knobs)[1].lines[1].get_xdata() == [2]  # b = -6, w = 3: it switches at 2
    count = plot_count([3, 4, 1], count_parameters([3, 4, 1]))
    assert count.title == "3-4-1: 21 parameters"
    assert "3 × 4 + 4\n= 16" in words(count.canvas.axes[0])
    rows = hyperparameter_table([3, 4, 1], "SGD")
    table = plot_hyperparameters(rows)
    assert table.numbers["total"] == sum(row.count for row in rows)
    assert "lr, momentum, dampening, weight_decay, nesterov" in words(table.canvas.axes[0])


def test_of_network_diagram() -> None:
    @drawn
    def diagram(sizes: list[int], weights: list[Any], *, theme: Theme = Theme.LIGHT) -> Any:
        _, axes = new_figure(title="A network", theme=theme)
        draw_network(axes[0, 0], Diagram(sizes, weights, edge_labels=bool(weights)), theme)
        return axes[0, 0]

    small = diagram([2, 1], [np.array([[1.0, -0.5]])])
    assert len(small.patches) == 3  # neurons
    assert [line.get_linestyle() for line in small.lines] == ["-", "--"]  # the sign, not by color alone
    assert small.lines[0].get_linewidth() > small.lines[1].get_linewidth()
    assert {"1", "-0.5"} <= set(words(small))
    wide = diagram([20, 1], [])
    assert len(wide.patches) == 8  # 7 of 20, and the output
    assert "⋮ 13 more" in words(wide)


def test_of_mlp_plots() -> None:
    circle = toy("circle", n=40).standardized()
    targets = one_hot(circle.y, 2)
    model = MLP([2, 3, 1], "tanh", init="xavier")
    history = fit(model, circle.X, targets, TrainingSettings(epochs=5), val=(circle.X, targets))
    figure = plot_mlp(circle, model, history)
    titles = [axes.get_title() for axes in panels(figure)]
    assert [f"hidden neuron {j}" for j in (1, 2, 3)] == [title for title in titles if "hidden" in title]
    assert ("epoch", "loss (log scale)") in labels(figure)
    training = next(axes for axes in panels(figure) if axes.get_xlabel() == "epoch").lines[0]
    assert list(training.get_ydata()) == [epoch.loss for epoch in history.epochs]
    digits = bundled("digits")
    network = MLP([64, 12, 10], output="softmax")
    pictures = plot_mlp(
        digits, network, fit(network, digits.X[:50], one_hot(digits.y[:50], 10), TrainingSettings(epochs=1))
    )
    images = [axes.images[0].get_array() for axes in pictures.canvas.axes if axes.images]
    assert np.allclose(images[3], network.linear[0].weight[3].detach().reshape(8, 8))
    play = train_playground(toy("gauss", n=20), [2], TrainingSettings(epochs=6), frames=3)
    animation = animate_training(play)
    assert animation.count == 4
    animation.update(0)
    assert panels(animation)[-2].get_title().startswith("epoch 0: accuracy")


def test_of_plane_drawing() -> None:
    table = toy("xor")

    @drawn
    def draw(*, theme: Theme = Theme.LIGHT) -> Any:
        _, axes = new_figure(title="XOR", theme=theme)
        panel = axes[0, 0]
        x, y, inputs = plane_grid(table, 5)
        assert inputs.shape == (25, 2)
        assert (x[0], x[-1]) == pytest.approx((-0.15, 1.15))
        draw_map(panel, (x, y), np.eye(5), theme, limits=(0, 1))
        scatter_classes(panel, table, theme)
        panel.set_yscale("log")
        panel.set_ylim(0.01, 1)
        plain_ticks(panel)
        return panel

    panel = draw()
    assert [len(points.get_offsets()) for points in panel.collections] == [2, 2]
    assert panel.yaxis.get_major_formatter()(0.02) == "0.02"


def test_of_descent_plots() -> None:
    x, y = line_samples(8)
    f = line_loss(x, y)
    paths = {"0.1": gradient_descent(f, [-1.5, -1.5], 0.1, 5)}
    animation = plot_descent(x, y, paths, frames=3)
    surface, line = panels(animation)
    assert labels(animation) == [("slope", "intercept"), ("x", "y")]
    assert len(surface.lines[0].get_xdata()) == 6  # the start and five steps
    assert list(line.lines[0].get_xdata()) == list(x)
    animation.update(0)
    assert line.get_title() == "step 0: y = -1.50 x + -1.50"

    table = toy("xor")
    path = descend(MLP([2, 2, 1], seed=3), table, TrainingSettings(epochs=4))
    plane, heights = principal_slice([path]), network_loss(MLP([2, 2, 1]), table, "quadratic")
    network = plot_network_descent(heights, {"0.5": path}, plane)
    assert list(panels(network)[1].lines[0].get_ydata()) == list(path.values)
    space = plot_in_space(
        lambda points: (points**2).sum(1), paths, [paths["0.1"].points], names=("slope", "intercept")
    )
    assert panels(space)[0].get_zlabel() == "loss"
    climb = climb_example()
    climbing = plot_climb(climb)
    assert labels(climbing)[1] == ("x₁", "x₂")
    assert panels(climbing)[1].lines[0].get_xydata() == pytest.approx(climb.path.points)


def test_of_training_plots() -> None:
    step, sigmoid = panels(plot_smoothness())
    assert words(step)[1].startswith("Δa = 0.00") or "Δa = 0.00" in words(step)
    assert sigmoid.get_xlabel() == "weight w"
    chain = plot_chain(chain_rule_neuron())
    assert "0.1966" in words(chain.canvas.axes[0])  # dz of CS231n
    check = check_gradients(*mazur())
    checked = plot_check({"right": check})
    assert labels(checked) == [("by finite differences", "by formula")]
    assert len(panels(checked)[0].lines[1].get_xdata()) == len(check.rows)
    vanishing = plot_vanishing({"sigmoid": [0.1, 1.0], "relu": [1.0, 1.0]})
    assert list(panels(vanishing)[0].lines[0].get_ydata()) == [0.1, 1.0]
    flat = MLP([2, 1], "identity", output="identity", init="zeros")
    assert "0.00 everywhere" in words(panels(plot_collapse(toy("xor"), {"flat": flat}))[0])


def scores() -> Scores:
    y_true = np.array([0, 0, 0, 1, 1, 1] * 4)
    score = np.array([0.1, 0.2, 0.6, 0.4, 0.8, 0.9] * 4)
    return Scores(y_true, score, "sick", "healthy", "24 people", True, tuple("ab" * 12))


def test_of_decision_plots() -> None:
    data = scores()
    figure = plot_threshold(data, best_threshold(data.y_true, data.score), 0.5)
    assert set(labels(figure)) >= {
        ("score", "samples (log scale)"),
        ("false positive rate", "true positive rate"),
        ("threshold t", "cost of all errors"),
        ("miss rate", "group"),
    }
    assert panels(figure)[0].get_title() == "t = 0.5: 4 missed, 4 false alarms"
    assert figure.numbers["chosen"]["tp"] == 8
    sweep = plot_sweep(data, count=3)
    sweep.update(2)
    assert panels(sweep)[0].lines[0].get_xdata()[0] == 0.9
    odds = plot_odds(1e-6, 49_000_000)
    assert "49" in words(panels(odds)[0])
    assert labels(odds) == [("people in the gallery, N", "false matches to expect")]


def test_of_tradeoff_plots() -> None:
    rows = [
        TradeoffPoint("constant", 0.5, 0.01, 1, 0, 1),
        TradeoffPoint("linear", 0.9, 0.02, 10, 5, 1),
        TradeoffPoint("forest", 0.91, 0.02, 1000, 5, 1),
    ]
    figure = plot_tradeoff(rows, about="toys")
    assert labels(figure)[0][1] == "accuracy, 5-fold mean ± sd"
    assert len(panels(figure)[0].containers) == 2  # the constant model is in the list only
    assert figure.numbers["ties_with_best"] == ["linear", "forest"]
    assert "linear" in words(figure.canvas.axes[1])


def test_of_tree_plots() -> None:
    X, y = np.arange(20.0)[:, None], np.repeat([0, 1], 10)
    figure = plot_tree(grow_tree(X, y, features=["size"], classes=["small", "large"]), about="20 things")
    assert "size\n≤ 9.5 ?\n50% small\nof 20" in words(figure.canvas.axes[0])
    assert {"yes", "no", "100% small\nof 10", "100% large\nof 10"} <= set(words(figure.canvas.axes[0]))


def test_of_clusters_plots() -> None:
    gauss = toy("gauss", n=40)
    clusterings = [cluster(gauss.X, k) for k in (2, 3)]
    figure = plot_clusters(
        gauss.X, gauss.y, clusterings, chosen=clusterings[0], features=gauss.features, classes=gauss.classes
    )
    assert labels(figure) == [
        ("x1", "x2"),
        ("x1", "x2"),
        ("number of clusters k", "intra-cluster variance (inertia)"),
        ("number of clusters k", "silhouette"),
    ]
    assert sum(len(line.get_xdata()) for line in panels(figure)[0].lines) == 40 + 2  # points and centers
    assert list(panels(figure)[2].lines[0].get_ydata()) == [one.inertia for one in clusterings]


def test_of_regression_plots() -> None:
    truth = np.arange(10)
    confusion = np.eye(10, dtype=np.int64)
    result = RegressionAndClassification(0.5, 0.9, 0.2, 0.9, 0.6, truth + 0.5, truth, confusion, confusion)
    answers, rounded, classes = panels(plot_regression_and_classification(result))
    assert (answers.get_xlabel(), answers.get_ylabel()) == (
        "true digit (spread sideways)",
        "number the regressor gives",
    )
    assert list(answers.lines[1].get_ydata()) == list(truth + 0.5)
    assert words(rounded) == ["1"] * 10
    assert classes.get_title() == "classification: 90.0% right"


def test_of_left_right_plots() -> None:
    run, other = left_right_runs(2, trials=60)
    figure = plot_left_right(run, [run, other])
    assert ("attempts", "mistakes so far") in labels(figure)
    curve = next(axes for axes in panels(figure) if axes.get_ylabel() == "mistakes so far").lines[0]
    assert curve.get_ydata()[-1] == run.mistakes.sum()
    retina = panels(figure)[0].images[0].get_array()
    assert (retina == 1).sum() == (retina == -1).sum() == 16  # a mark of 4 x 4 on either side
    assert np.array_equal(panels(figure)[1].images[0].get_array(), run.weights)


def test_of_embedding_plots() -> None:
    xy = np.repeat([[0.0, 0.0], [9.0, 9.0]], 10, axis=0)
    y = np.repeat([0, 1], 10)
    figure = plot_embeddings([("PCA", Embedding(xy, "PCA", None, 0.9))], y, names=["cats", "dogs"])
    (panel,) = panels(figure)
    assert (panel.get_xlabel(), panel.get_ylabel()) == ("first axis", "second axis")
    assert [len(line.get_xdata()) for line in panel.lines] == [10, 10]
    assert panel.get_title() == "PCA\n1-NN 1.000   trust 0.900"


def test_of_timeline_plots() -> None:
    events = timeline()
    figure = plot_timeline(events)
    bar, texts = figure.canvas.axes
    assert bar.get_ylabel() == "year"
    assert len(bar.lines) == 2 * len(events)  # a dot and a line for each
    assert words(texts)[0] == "1943"
