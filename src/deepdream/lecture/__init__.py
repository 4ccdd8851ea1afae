"""The lecture, runnable: neurons, perceptrons, networks, training, decisions. Code short enough to read aloud.

    from deepdream.lecture import MLP, Perceptron, backprop, find_data

Everything is float64. Weights are (out, in), as in torch. ``z`` is a neuron's weighted sum, ``a`` its activation,
``y_true`` the target, ``y_pred`` the prediction. Importing this package loads none of its files; a name does so on
first use. ``docs/lecture.md`` lists the names with the lesson that each belongs to.
"""

from __future__ import annotations

import importlib
from typing import Any

#: What can be imported from here: the file, the lesson that uses it most, and its names.
CONTENTS = {
    "losses": (
        "losses",
        "Loss binary_cross_entropy cross_entropy find_loss l1 quadratic_cost squared_error",
    ),
    "distances": ("distances", "great_circle great_circle_arccos jaccard_similarity minkowski unit_ball"),
    "neuron": (
        "neuron",
        "LabelError McCullochPittsNeuron Separability ThresholdRange boolean_inputs count_separable "
        "is_linearly_separable separability signs threshold_for xor_network",
    ),
    "perceptron": ("perceptron", "MistakeBound Perceptron PerceptronUpdate convergence_bound"),
    "activations": ("activations", "Activation find_activation"),
    "xor": ("xor", "XorSettings XorStarts least_squares_outputs relu_outputs solve_from_many_starts"),
    "mlp": ("mlp", "MLP LayerState initialize"),
    "classifier": ("mlp", "NetworkClassifier"),
    "saving": ("mlp", "load_network save_network"),
    "training": ("mlp", "Epoch GradientDescent TrainingHistory TrainingSettings fit train"),
    "counting": (
        "count",
        "Hyperparameter LayerCount ParameterCount count_parameters hyperparameter_table optimizer_arguments",
    ),
    "descent": (
        "descent",
        "Climb DescentPath climb_example critical_rate gradient_descent hessian line_loss line_samples load_line "
        "neuron_activation",
    ),
    "surface": ("descent", "WeightSlice descend network_loss principal_slice"),
    "backpropagation": (
        "backprop",
        "BackpropTrace ChainGraph GradientCheck LayerTrace backprop chain_rule_neuron check_gradients "
        "gradient_norms mazur take_step",
    ),
    "notebook_bug": (
        "check-gradients",
        "notebook_backprop notebook_samples right_line train_notebook wrong_line",
    ),
    "play": ("play", "Play braille_picture train_playground"),
    "playground_page": ("play", "play_page"),
    "datasets": ("mlp", "Dataset bundled find_data is_table_file load_table one_hot toy"),
    "csv_columns": ("threshold", "load_columns load_words"),
    "scores": (
        "threshold",
        "Scores breast_cancer_scores csv_scores digit_pair_scores out_of_fold_scores table_scores",
    ),
    "decision": (
        "threshold",
        "BestThreshold Confusion area_under_roc best_threshold brier_score ratio theoretical_threshold "
        "threshold_table",
    ),
    "identification": ("odds", "IdentificationOdds identification_odds"),
    "tradeoff": (
        "tradeoff",
        "TradeoffPoint features_used measure_tradeoff numbers_to_hold ties_with_best",
    ),
    "tradeoff_models": ("tradeoff", "classifiers regressors usual_models"),
    "tree": ("tree", "ReadableTree grow_tree"),
    "regression": (
        "regression-vs-classification",
        "RegressionAndClassification compare_regression_and_classification",
    ),
    "clusters": ("clusters", "Clustering between_cluster_variance cluster inertia"),
    "left_right": ("left-right", "LeftRightRun learn_left_right left_right_runs show_mark"),
    "embedding": ("embed", "Embedding embed embedding_grid grid_settings nearest_neighbor_score"),
    "tiles": ("embed", "Tiles cut_tiles pooled_features"),
    "texts": ("glossary", "TimelineEvent card card_title cards define glossary timeline"),
    "course": ("", "find_lesson lessons lessons_markdown names_table"),
    "course.lesson": ("", "Lesson LessonAnswer Option TextTable lesson"),
}

# Each name with its file, the other way round than the table, which is ordered to be read.
_FILES = {name: file for file, (_, names) in CONTENTS.items() for name in names.split()}

__all__ = list(_FILES)


def __getattr__(name: str) -> Any:
    if name not in _FILES:
        raise AttributeError(f"module 'deepdream.lecture' has no attribute {name!r}")
    value = getattr(importlib.import_module(f"deepdream.lecture.{_FILES[name]}"), name)
    globals()[name] = value  # the next use is an ordinary look-up
    return value


def __dir__() -> list[str]:
    return sorted(__all__)
