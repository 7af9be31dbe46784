"""Studies of recorded attempts and live models: sampling against repair at equal cost.

Nothing is imported here, so that the command line can take options from `units` without numpy and Ray.
"""
