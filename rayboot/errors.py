"""Errors whose message is written for the person at the command line."""

from __future__ import annotations


class RaybootError(Exception):
    """Something went wrong that is not the user's doing. The command line prints the message and exits with 1."""


class UserError(RaybootError):
    """The input is wrong. The message names what is wrong and what would be right; the command line exits with 2."""
