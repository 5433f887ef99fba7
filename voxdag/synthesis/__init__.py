"""Recordings that are made up: a conditional GAN on log-mel spectrograms, and how good what it makes is."""
