"""Corpora: where the audio and the labels of a task come from, and the layouts that we write ourselves."""
