"""Weights that others trained and that stages start from: the names of their files in the weights folder."""

DENOISERS = {"demucs": "dns64-a7761ff99a7d5bb6.th"}  # denoise -> file, of github.com/facebookresearch/denoiser
