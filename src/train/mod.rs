//! Training: losses, regularization, EMA, the trainer, checkpoints and the run log.
