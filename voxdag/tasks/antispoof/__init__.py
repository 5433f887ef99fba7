"""Anti-spoofing: tell bona fide speech from synthetic, converted and replayed speech."""
