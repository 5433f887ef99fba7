"""Scores in, numbers out: metrics and their intervals, for any task."""
