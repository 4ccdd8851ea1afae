"""What a network is fed with: pictures cut out, normalized, and in the layout of memory that it needs."""

from __future__ import annotations

from functools import cached_property
from typing import Any

import torch
from torch import Tensor, nn

from deepdream.models.answers import answers, in_words
from deepdream.models.copies import unchanged
from deepdream.models.feeding import channel_statistics, cropped, in_channels, normalized, uncropped
from deepdream.models.memory_layout import CONTIGUOUS, runs_channels_last
from deepdream.models.records import Preprocessing, WeightsRecord
from deepdream.tensors import generator


class FedNetwork:
    """The part of ``Model`` about its input, the meaning of its outputs and its record; the fields are the model's."""

    module: nn.Module
    name: str
    preprocessing: Preprocessing
    device: torch.device
    channels: int
    kind: str
    weights: WeightsRecord
    notes: tuple[str, ...]
    channels_last: bool | None

    def normalize(self, image: Tensor) -> Tensor:
        """(image - mean) / std, on this model's device, in its memory layout.

        Raises:
            UsageError: not a floating-point tensor of pictures (B, channels, H, W); RGB where they are made gray.
        """
        pictures = in_channels(image.to(self.device), self.channels, self.name)
        pictures = pictures.to(self._example_picture.dtype)  # that of the weights, such as float64
        return normalized(pictures, *self._statistics, channels_last=self.uses_channels_last)

    @property
    def uses_channels_last(self) -> bool:
        """The memory layout of pictures and copies, found by ``wrap``, or at the first use, by trying both."""
        if self.channels_last is None:
            pictures = torch.rand(2, *self._example_picture.shape[1:], generator=generator(0), device="cpu")
            example = normalized(pictures.to(self._example_picture), *self._statistics)
            with unchanged(self.module):
                self.channels_last = runs_channels_last(self.module, example)
            if not self.channels_last:
                self.notes += (CONTIGUOUS,)
        return self.channels_last

    def crop(self, image: Tensor) -> Tensor:
        """What is classified: the shorter side resized, then a centered square (B, 3, crop, crop)."""
        return cropped(image, self.preprocessing)

    def uncrop(self, values: Tensor, height: int, width: int) -> Tensor:
        """(B, C, H, W): ``values`` (B, C, crop, crop) of what ``crop`` saw, in their place; zero around it."""
        return uncropped(values, self.preprocessing, height, width)

    @cached_property
    def _statistics(self) -> tuple[Tensor, Tensor]:
        """The mean and the standard deviation, each (1, channels, 1, 1), float32."""
        return channel_statistics(self.preprocessing, self.device)

    @cached_property
    def _example_picture(self) -> Tensor:
        dtype = next((p.dtype for p in self.module.parameters() if p.is_floating_point()), torch.float32)
        return torch.rand(
            1, self.channels, *self.preprocessing.size, generator=generator(0), device="cpu"
        ).to(self.device, dtype)

    @property
    def _example(self) -> Tensor:
        return self.normalize(self._example_picture)

    @property
    def output_kind(self) -> str:
        """``kind``; of a single output without a given kind ``regression``: its softmax is always 100 %."""
        model: Any = self  # counting the classes runs the network, which is for ``Model``
        return "regression" if self.kind == "softmax" and model.classes == 1 else self.kind

    def answers(self, logits: Tensor) -> Tensor:
        """float64 (..., classes): probabilities, or of a regression the numbers; see ``deepdream.models.answers``."""
        return answers(logits, self.output_kind)

    def in_words(self, value: float, digits: int = 1) -> str:
        """A value of ``answers`` for people: ``12.3%``, or a number."""
        return in_words(value, self.output_kind, digits)

    def record(self) -> dict[str, Any]:
        """What a recipe, a report and a table keep of this network, ready for JSON.

        ``name``; ``origin``, ``sha256`` and ``license`` of its weights; for a network of the user's own also its file.
        """
        weights = self.weights
        return {
            "name": self.name,
            "origin": weights.origin,
            "sha256": weights.sha256,
            "license": weights.license,
            **weights.code_record,
        }
