"""Code of the sandbox's own processes, which are started as `python -S`: it imports only the standard library."""
