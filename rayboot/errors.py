"""Errors whose message is written for the user at the command line."""

from __future__ import annotations


class RaybootError(Exception):
    """A failure that the user's input did not cause. The command line prints the message and exits with 1."""


class UserError(RaybootError):
    """Wrong input. The message names what is wrong and what would be right; the command line exits with 2."""
