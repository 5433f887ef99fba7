"""Adversarial generation: descriptors of recordings of a kind."""
