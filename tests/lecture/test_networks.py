"""Networks: activations, losses, distances, forward pass, counting, training."""

from __future__ import annotations

import math
import warnings

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from scipy.spatial.distance import minkowski as their_minkowski
from sklearn.cluster import KMeans
from sklearn.linear_model import LogisticRegression
from sklearn.metrics.pairwise import haversine_distances
from sklearn.model_selection import train_test_split
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from deepdream.errors import UnknownNameError, UsageError
from deepdream.lecture import distances, losses
from deepdream.lecture.activations import ACTIVATIONS, find_activation
from deepdream.lecture.classifier import NetworkClassifier
from deepdream.lecture.clusters import inertia
from deepdream.lecture.counting import count_parameters, hyperparameter_table
from deepdream.lecture.datasets import bundled, one_hot, toy
from deepdream.lecture.mlp import INITS, MLP
from deepdream.lecture.training import TrainingSettings, fit, train

double = {"dtype": torch.float64}


@pytest.mark.parametrize("name", sorted(ACTIVATIONS))
def test_derivatives_agree_with_autograd(name: str) -> None:
    f = find_activation(name)
    z = torch.linspace(-3, 3, 10, **double).reshape(5, 2).requires_grad_()
    slope = torch.linspace(0.5, 2, 10, **double).reshape(5, 2)
    a = f(z) + 0 * z  # so that the step, too, depends on z for autograd
    (expected,) = torch.autograd.grad(a, z, slope)
    torch.testing.assert_close(f.pull_back(z.detach(), slope), expected)


def test_sigmoid_facts() -> None:
    f = find_activation("sigmoid")
    z = torch.tensor([0.0, -800.0, 800.0, 1.0], **double)
    assert f(z)[:3].tolist() == [0.5, 0.0, 1.0]
    assert f.prime(z)[0] == 0.25
    torch.testing.assert_close(f.prime(z), f(z) * (1 - f(z)))
    assert find_activation("step")(torch.tensor([-0.1, 0.0, 0.1])).tolist() == [0, 1, 1]
    with pytest.raises(UnknownNameError, match="Did you mean 'sigmoid'"):
        find_activation("sigmiod")


def test_losses_agree_with_torch_and_with_each_other() -> None:
    generator = torch.Generator().manual_seed(0)
    y, a = (torch.rand(6, 3, generator=generator, **double) for _ in range(2))
    mse = torch.nn.functional.mse_loss(a, y)
    assert losses.squared_error(y, a) == mse
    assert losses.l1(y, a) == torch.nn.functional.l1_loss(a, y)
    assert losses.quadratic_cost(y, a).item() == pytest.approx(0.5 * 3 * mse.item())
    assert losses.quadratic_cost(y, a, "sum").item() == pytest.approx(6 * losses.quadratic_cost(y, a).item())
    assert losses.l1(y, a, "none").shape == (6, 3)
    binary = torch.nn.functional.binary_cross_entropy(a[:, :1], y[:, :1])
    assert losses.cross_entropy(y[:, :1], a[:, :1]).item() == pytest.approx(binary.item())


def test_the_first_softmax_loss_is_the_log_of_the_classes() -> None:
    wine = bundled("wine").standardized()
    model = MLP([13, 8, 3], output="softmax", init="zeros")
    assert losses.cross_entropy(one_hot(wine.y, 3), model(wine.X).detach()).item() == pytest.approx(
        math.log(3)
    )


def test_inertia_is_that_of_k_means() -> None:
    X = bundled("iris").X
    model = KMeans(3, n_init=1, random_state=0).fit(X)
    assert inertia(X, model.labels_) == pytest.approx(model.inertia_)


def test_distances() -> None:
    measured = [distances.minkowski((0, 0), (3, 4), p) for p in (1, 2, 3, math.inf)]
    assert measured == pytest.approx([7, 5, 4.4979, 4], abs=1e-4)
    assert distances.jaccard_similarity({1, 2}, {2, 3}) == pytest.approx(1 / 3)
    assert distances.jaccard_similarity((), ()) == 1
    with pytest.raises(UsageError, match="positive"):
        distances.minkowski((0,), (1,), 0)


@given(st.lists(st.floats(-1e3, 1e3), min_size=1, max_size=5), st.sampled_from([1, 1.5, 2, 4, math.inf]))
def test_minkowski_agrees_with_scipy(x: list[float], p: float) -> None:
    assert distances.minkowski(x, [0.5] * len(x), p) == pytest.approx(their_minkowski(x, [0.5] * len(x), p))


@pytest.mark.parametrize("p", [0.5, 1, 2, math.inf])
def test_unit_balls_are_at_distance_one(p: float) -> None:
    assert [distances.minkowski(point, (0, 0), p) for point in distances.unit_ball(p, 50)] == pytest.approx(
        [1] * 50
    )


def test_great_circles() -> None:
    assert distances.great_circle((0, 0), (90, 0)) == pytest.approx(10007.557, abs=1e-3)
    assert distances.great_circle((0, 0), (0, 180)) == pytest.approx(20015.114, abs=1e-3)
    near = ((0, 0), (0, 1e-9))
    assert distances.great_circle(*near) * 1000 == pytest.approx(1.11e-4, rel=2e-3)
    assert distances.great_circle_arccos(*near) == 0.0
    newark, naples = (39.68, -75.75), (40.85, 14.27)
    theirs = haversine_distances(np.radians([newark, naples]))[0, 1] * distances.EARTH_RADIUS_KM
    assert distances.great_circle(newark, naples) == pytest.approx(theirs)
    assert distances.great_circle_arccos(newark, naples) == pytest.approx(theirs)


def test_the_forward_pass_is_torchs() -> None:
    ours = MLP([3, 4, 2], "tanh", output="softmax", seed=1)
    theirs = torch.nn.Sequential(ours.linear[0], torch.nn.Tanh(), ours.linear[1], torch.nn.Softmax(-1))
    x = torch.rand(5, 3, **double)
    torch.testing.assert_close(ours(x), theirs(x))
    assert [tuple(layer.weight.shape) for layer in ours.linear] == [(4, 3), (2, 4)]
    assert repr(ours) == "MLP(3-4-2, tanh, softmax)"


def test_equations_can_be_computed() -> None:
    model = MLP([2, 3, 1], "tanh", seed=3)
    x = [0.3, -1.2]
    names = {"x1": x[0], "x2": x[1], "tanh": math.tanh, "sigmoid": lambda z: 1 / (1 + math.exp(-z))}
    for line in model.equations(12).splitlines():
        name, formula = line.split(" = ")
        names[name] = eval(formula, {}, names)
    assert names["a2_1"] == pytest.approx(model([x]).item(), abs=1e-9)


def test_a_network_without_activations_is_one_layer() -> None:
    model = MLP([3, 5, 4, 2], "identity", output="identity")
    W, b = model.collapse()
    x = torch.rand(7, 3, **double)
    torch.testing.assert_close(model(x), x @ W.T + b, rtol=0, atol=1e-12)
    with pytest.raises(UsageError, match="this one has tanh"):
        MLP([2, 2, 1], "tanh").collapse()


@pytest.mark.parametrize("init", sorted(INITS))
def test_starts_are_reproducible(init: str) -> None:
    first, same, other = (MLP([4, 6, 2], init=init, seed=seed).linear[0].weight for seed in (1, 1, 2))
    assert torch.equal(first, same)
    assert torch.equal(first, other) == (init == "zeros")


def test_from_zeros_hidden_neurons_stay_the_same_for_ever() -> None:
    xor = toy("xor")
    model = MLP([2, 3, 1], init="zeros")
    fit(model, xor.X, one_hot(xor.y, 2), TrainingSettings(epochs=200))
    assert torch.equal(model.linear[0].weight[0], model.linear[0].weight[2])
    torch.testing.assert_close(model(xor.X), torch.full((4, 1), 0.5, **double))


@pytest.mark.parametrize(
    ("sizes", "total"),
    [
        ([3, 1], 4), ([3, 4, 1], 21), ([3, 4, 3, 1], 35), ([3, 4, 4, 1], 41), ([3, 4, 2], 26), ([2, 2, 1], 9),
        ([3, 5, 1], 26), ([2, 4, 2, 1], 25), ([2, 16, 16, 1], 337), ([64, 30, 10], 2260),
        ([784, 15, 10], 11_935), ([784, 30, 10], 23_860), ([784, 100, 10], 79_510),
        ([784, 16, 16, 10], 13_002), ([784, 128, 10], 101_770), ([784, 320, 32, 32, 10], 262_858),
        ([784, 128, 10, 1], 101_781), ([7, 12, 8, 1], 209),
    ],
)  # fmt: skip
def test_counts(sizes: list[int], total: int) -> None:
    count = count_parameters(sizes)
    assert (count.total, count.trainable) == (total, total)
    for layer in count.layers:
        assert eval(layer.formula.replace("x", "*")) == layer.total
    if total < 30_000:
        assert count_parameters(MLP(sizes)).total == total


def test_counts_of_convolutional_and_shared_layers() -> None:
    assert count_parameters("lenet5").total == 61_706
    nn = torch.nn
    vgg = nn.Sequential(
        nn.Conv2d(1, 10, 3), nn.ReLU(), nn.Conv2d(10, 10, 3), nn.ReLU(), nn.Conv2d(10, 10, 3), nn.Linear(5, 2)
    )
    assert count_parameters(vgg).total == sum(p.numel() for p in vgg.parameters())
    tied = nn.Linear(4, 4)
    assert count_parameters(nn.Sequential(tied, nn.ReLU(), tied)).total == 20
    frozen = nn.Linear(2, 1).requires_grad_(False)
    assert (count_parameters(frozen).total, count_parameters(frozen).trainable) == (3, 0)


@pytest.mark.parametrize(
    ("optimizer", "knobs"),
    [
        ("SGD", "lr, momentum, dampening, weight_decay, nesterov"),
        ("adam", "lr, betas, eps, weight_decay, amsgrad, decoupled_weight_decay"),
    ],
)
def test_hyperparameters(optimizer: str, knobs: str) -> None:
    rows = {row.name: row for row in hyperparameter_table([3, 4, 3, 1], optimizer)}
    assert set(knobs.split(", ")) - {"decoupled_weight_decay"} <= set(
        rows["parameters of the method"].note.split(", ")
    )
    assert rows["neurons per layer"].count == 2
    assert rows["connectivity"].count == 0
    free = hyperparameter_table([3, 4, 3, 1], connectivity="free")[3]
    assert "2^27 networks" in free.note
    assert {row.role for row in rows.values()} == {"architecture", "training", "fixed by the data"}
    with pytest.raises(UnknownNameError, match="Did you mean 'Adam'"):
        hyperparameter_table([3, 1], "Adan")


def test_training_gives_every_epoch_and_keeps_states() -> None:
    circle = toy("circle", n=80)
    targets = one_hot(circle.y, 2)
    settings = TrainingSettings(loss="cross-entropy", lr=0.5, epochs=100)
    history = fit(
        MLP([2, 4, 1], "tanh", init="xavier"), circle.X[:60], targets[:60], settings,
        val=(circle.X[60:], targets[60:]), snapshot_every=25,
    )  # fmt: skip
    assert [epoch.number for epoch in history.epochs] == list(range(101))
    assert history.epochs[-1].loss < 0.2 * history.epochs[0].loss
    assert history.best.val_loss == min(epoch.val_loss for epoch in history.epochs)
    assert [number for number, _ in history.snapshots] == [0, 25, 50, 75, 100]
    stopped = fit(MLP([2, 4, 1]), circle.X, targets, settings, stop=lambda epoch: epoch.number == 7)
    assert stopped.epochs[-1].number == 7


def test_training_is_reproducible_and_batches_follow_the_seed() -> None:
    circle = toy("circle", n=40)

    def end(seed: int) -> float:
        settings = TrainingSettings(batch_size=10, epochs=5, seed=seed)
        return fit(MLP([2, 3, 1]), circle.X, one_hot(circle.y, 2), settings).epochs[-1].loss

    assert end(0) == end(0)
    assert end(0) != end(1)


def test_our_gradient_descent_is_torchs_sgd() -> None:
    circle = toy("circle", n=40)
    X, y = torch.as_tensor(circle.X), torch.as_tensor(one_hot(circle.y, 2))
    ours, theirs = MLP([2, 3, 1], seed=4), MLP([2, 3, 1], seed=4)
    fit(ours, X, y, TrainingSettings(lr=0.3, momentum=0.8, weight_decay=0.01, epochs=15))
    optimizer = torch.optim.SGD(theirs.parameters(), 0.3, momentum=0.8, weight_decay=0.01)
    for _ in range(15):
        optimizer.zero_grad()
        losses.quadratic_cost(y, theirs(X)).backward()
        optimizer.step()
    for a, b in zip(ours.parameters(), theirs.parameters(), strict=True):
        torch.testing.assert_close(a, b, rtol=0, atol=1e-12)


@pytest.mark.parametrize("optimizer", ["adam", "rmsprop"])
def test_other_optimizers_learn(optimizer: str) -> None:
    gauss = toy("gauss", n=40)
    settings = TrainingSettings(optimizer=optimizer, lr=0.05, momentum=0.0, epochs=30)
    epochs = fit(MLP([2, 3, 1]), gauss.X, one_hot(gauss.y, 2), settings).epochs
    assert epochs[-1].loss < 0.5 * epochs[0].loss


def test_training_checks_before_the_first_step() -> None:
    with pytest.raises(UsageError, match="takes 3 inputs and gives 1 outputs; the data have 2 features"):
        train(MLP([3, 1]), np.zeros((4, 2)), np.zeros((4, 1)), TrainingSettings())
    with pytest.raises(UnknownNameError, match="No optimizer 'sdg'"):
        train(MLP([2, 1]), np.zeros((4, 2)), np.zeros((4, 1)), TrainingSettings(optimizer="sdg"))


@pytest.mark.slow
def test_digits_as_in_nielsens_first_chapter() -> None:
    digits = bundled("digits")
    parts = train_test_split(digits.X, digits.y, test_size=0.25, stratify=digits.y, random_state=0)
    X, X_test, y, y_test = parts
    settings = TrainingSettings(lr=3.0, momentum=0.0, batch_size=10, epochs=12)
    ours = make_pipeline(StandardScaler(with_std=False), NetworkClassifier(settings=settings)).fit(X, y)
    assert ours.score(X_test, y_test) >= 0.95
    linear = LogisticRegression(max_iter=2000).fit(X, y).score(X_test, y_test)
    assert linear == pytest.approx(0.967, abs=0.02)


def test_the_classifier_keeps_names_of_classes() -> None:
    X, y = toy("gauss", n=60).X, np.array(["left", "right"] * 30)
    model = NetworkClassifier(hidden=(3,), settings=TrainingSettings(epochs=50)).fit(X, y)
    assert set(model.predict(X)) == {"left", "right"}
    assert model.score(X, y) > 0.95
    assert model.get_params()["hidden"] == (3,)
    with pytest.raises(ValueError, match="only one class"), warnings.catch_warnings():
        NetworkClassifier().fit(X, ["a"] * 60)
