"""Speech enhancement: noisy speech in, clean speech out, as long as it was."""
