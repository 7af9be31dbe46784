"""A run and its life: launch, experiments, evaluation of one model, verification of files."""
