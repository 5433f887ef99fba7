"""Regression: a number for each recording."""
