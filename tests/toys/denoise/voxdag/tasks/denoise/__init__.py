"""Denoising: waves to waves."""
