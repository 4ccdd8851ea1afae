"""What the lecturer may say at each lesson, and what is wrong on the slide. One tuple per part."""

from deepdream.lecture.notes import decisions, networks, neurons, spaces, training, words

ALL = (
    *neurons.LESSONS,
    *networks.LESSONS,
    *training.LESSONS,
    *spaces.LESSONS,
    *decisions.LESSONS,
    *words.LESSONS,
)
