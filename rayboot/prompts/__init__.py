"""Prompts, feedback, and extraction of programs from completions: pure functions of problems, verdicts and text."""

from rayboot.prompts.blocks import is_fenced
from rayboot.prompts.builder import PromptBuilder
from rayboot.prompts.completion import program_of
from rayboot.prompts.feedback import SIMPLE, FeedbackMode, feedback_text
from rayboot.prompts.style import ChatStyle, Message, PlainStyle, Render
from rayboot.prompts.templates import PromptTemplate, TemplateLibrary, template_name

__all__ = [
    "SIMPLE",
    "ChatStyle",
    "FeedbackMode",
    "Message",
    "PlainStyle",
    "PromptBuilder",
    "PromptTemplate",
    "Render",
    "TemplateLibrary",
    "feedback_text",
    "is_fenced",
    "program_of",
    "template_name",
]
