"""Training: recipes, the trainer, checkpoints and evaluation."""
