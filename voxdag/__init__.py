"""Reproducible speech and audio experiments as one DVC pipeline."""
