"""Prompts, feedback, and programs out of completions: pure functions of problems, verdicts and text."""

from rayboot.prompts.builder import PromptBuilder
from rayboot.prompts.feedback import SIMPLE, FeedbackMode, feedback_text
from rayboot.prompts.template import PromptTemplate, template_for

__all__ = ["SIMPLE", "FeedbackMode", "PromptBuilder", "PromptTemplate", "feedback_text", "template_for"]
