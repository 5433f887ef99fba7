"""Music emotion recognition: tell the valence and arousal that listeners hear in a clip of music."""
