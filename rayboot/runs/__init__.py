"""Launch runs and experiments, evaluate one model, verify files of solutions, check references."""
