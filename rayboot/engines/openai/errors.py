"""What a server's refusal means for the person at the command line."""

from __future__ import annotations

import os
import re
from urllib.parse import urljoin, urlsplit
from urllib.request import proxy_bypass

try:
    import httpx2 as http  # what newer versions of openai stand on
except ImportError:
    import httpx as http  # type: ignore[no-redef]

from openai import APIConnectionError, APIError, APIStatusError, APITimeoutError, OpenAIError

from rayboot.config import OpenAIConfig
from rayboot.engines.openai.messages import PATHS
from rayboot.errors import RaybootError, UserError
from rayboot.problems.types import clean

ReadTimeout = http.ReadTimeout
"""What the client takes for an answer that comes too late, and asks again."""
RETRY_COUNT = "x-stainless-retry-count"
"""Header in which the client says how often it has repeated a request."""
EXCERPT = 300
"""Characters of a server's own words that an error message quotes."""

_TOO_LONG = re.compile(r"context[ _](length|window)|max_model_len", re.IGNORECASE)
_FILTERED = re.compile(
    r"content[ _](filter|policy|management)|moderation"
    r"|invalid_prompt|(prompt|input) was flagged"  # OpenAI, OpenRouter
    r"|content exists risk"  # DeepSeek
    r"|data_inspection_failed|inappropriate content",  # DashScope
    re.IGNORECASE,
)


def is_filtered(error: OpenAIError) -> bool:
    """Whether a provider's filter refuses this request, whatever it thinks of others."""
    return isinstance(error, APIStatusError) and bool(_FILTERED.search(f"{error.code} {_message(error)}"))


def is_unanswered(error: OpenAIError) -> bool:
    """Whether the server took this request and failed at it: it may well have answers to others.

    One that is not there, or has had too many requests, has none to any.
    """
    if isinstance(error, APIStatusError):
        return error.status_code == 408 or error.status_code >= 500
    return isinstance(error, APITimeoutError) and not isinstance(error.__cause__, http.ConnectTimeout)


def explain(error: OpenAIError, config: OpenAIConfig, key: str | None, tag: str) -> Exception:
    """The error to raise in place of the client's, and not from it: its text may quote the key.

    Args:
        key: It is blotted out of what a server says.
        tag: The request's.
    """
    if isinstance(error, APIStatusError):
        said = excerpt(_message(error), key)
        request = f"request {tag!r}" if tag else "a request"
        if _is_passing(error.status_code):
            return RaybootError(
                f"{config.base_url} answered {request} with {error.status_code}, {_tries(error)}: {said}"
            )
        if "location" in error.response.headers:
            target = urljoin(str(error.response.url), error.response.headers["location"])
            target = excerpt(target.removesuffix(PATHS[config.api]), key)
            return UserError(
                f"{config.base_url} is redirected to {target}: set generation.openai.base_url to that"
            )
        return _refusal(error.status_code, said, config, request)
    if isinstance(error, APITimeoutError) and not isinstance(error.__cause__, http.ConnectTimeout):
        return RaybootError(
            f"{config.base_url} did not answer within {config.timeout:g} s (generation.openai.timeout), {_tries(error)}"
        )
    if isinstance(error, APIConnectionError):
        reason = excerpt(str(error.__cause__ or "") or str(error), key)
        return RaybootError(
            f"no connection with {config.base_url}, {_tries(error)}: {reason}; is the server running, and is "
            f"generation.openai.base_url right?{proxy_hint(config.base_url)}"
        )
    return RaybootError(f"{config.base_url}: {excerpt(str(error), key)}")


def proxy_hint(url: str) -> str:
    """Which of the environment's proxies stands before a server, and how to go round it; empty without one."""
    address = urlsplit(url)
    if proxy_bypass(address.hostname or ""):
        return ""
    for variable in (f"{address.scheme}_proxy", "all_proxy"):
        name = next((name for name in (variable, variable.upper()) if os.environ.get(name)), None)
        if name is not None:
            goes_round = f"NO_PROXY={address.hostname} goes round it"
            return f" Requests go through the proxy of the environment variable {name}: {goes_round}"
    return ""


def excerpt(text: str, key: str | None) -> str:
    """The beginning of a server's words, in one line and without the key.

    And without lone surrogates: an error whose text UTF-8 cannot hold kills the actor that raises it.
    """
    line = " ".join(clean(text.replace(key, "***") if key else text).split())
    return line if len(line) <= EXCERPT else line[:EXCERPT] + " ..."


def _refusal(status: int, said: str, config: OpenAIConfig, request: str) -> Exception:
    if status in (401, 403):
        return UserError(
            f"{config.base_url} refuses the key ({status}: {said}): put a key that is valid there into the "
            f"environment variable {config.api_key_env} (generation.openai.api_key_env). It must be set where the "
            "replicas run: on a cluster, where `ray start` is called on each node"
        )
    if _TOO_LONG.search(said):
        return ValueError(f"{request} does not fit the context of {config.model}: {said}")
    if status == 404:
        return UserError(
            f"{config.base_url} knows no {config.api} API there or no model {config.model} (404: {said}): see "
            "generation.openai.base_url, which mostly ends with /v1, and generation.openai.model"
        )
    return UserError(f"{config.base_url} refuses {request} ({status}): {said}{_cure(said, config)}")


def _cure(said: str, config: OpenAIConfig) -> str:
    """What in a recipe to change where a server refuses one of its values; empty where that is not known."""
    if re.search(r"max_(completion_)?tokens", said):
        name = (
            "generation.openai.chat_token_limit gives it another name, and " if config.api == "chat" else ""
        )
        return f". {name}policy.max_completion_tokens is its value"
    return ". Set evaluation.temperature to what it takes" if "temperature" in said else ""


def _is_passing(status: int) -> bool:
    """Whether the client repeats a request that is answered so: the fault is not the request's."""
    return status in (408, 409, 429) or status >= 500


def _tries(error: APIError) -> str:
    """The client repeats less than it may where a server asks for it, or for a pause of more than two minutes."""
    retries = int(error.request.headers.get(RETRY_COUNT, 0))
    return f"tried {retries + 1} times" if retries else "tried once"


def _message(error: APIStatusError) -> str:
    """The server's own sentence where it sends one as JSON, else its whole answer."""
    if isinstance(error.body, dict) and isinstance(error.body.get("message"), str):
        return str(error.body["message"])
    return error.response.text
