"""Corpora made from equations and a seed, so that every task runs without a download."""
