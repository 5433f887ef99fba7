"""Speech emotion recognition: tell which emotion an utterance was spoken in."""
