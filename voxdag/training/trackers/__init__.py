"""Trackers, one a module: what `voxdag.training.tracking` says of them, each of the package that it is called after.

A module offers `start(training)`, which gives a Tracker. It is loaded only where VOXDAG_TRACKERS names it, and is in no
stage's import closure. Each keeps the two clocks apart in its own way, and takes up a run where it was.
"""
