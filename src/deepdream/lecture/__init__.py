"""The lecture, runnable: neurons, perceptrons, networks, training, decisions. Code short enough to read aloud.

Everything is float64. Weights are (out, in), as in torch. ``z`` is a neuron's weighted sum, ``a`` its
activation, ``y_true`` the target, ``y_pred`` the prediction. An import has no effect.
"""
