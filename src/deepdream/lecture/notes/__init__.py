"""What the lecturer may say at each lesson, and what is wrong on the slide. One tuple per part."""

from deepdream.lecture.notes import networks, neurons, training

ALL = (*neurons.LESSONS, *networks.LESSONS, *training.LESSONS)
