"""Arrays in, arrays out: decoding, spectra, voice analysis, augmentation."""
