"""What runs in the sandbox's own processes, started as `python -S`: imports the standard library alone."""
