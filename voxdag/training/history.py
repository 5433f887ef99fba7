"""The table of a training: one row per epoch of each member."""

# epoch, step, lr, train_<loss>, grad_norm, skipped, dev_<criterion>; and whose they are
HISTORY = {"fold": str, "seed": int, "epoch": int, "step": int, "skipped": int, "*": float}
