"""Networks: loading them, preparing them for use, and their weight files.

The only room for torchvision and timm, which are imported only for the networks that need them.
"""

from deepdream.models.layers import Layer
from deepdream.models.loading import load_model
from deepdream.models.network import Model, Preprocessing, WeightsRecord

__all__ = ["Layer", "Model", "Preprocessing", "WeightsRecord", "load_model"]
