"""Failed requests to a server with the OpenAI API: why they failed, and whether others may succeed."""

from __future__ import annotations

import os
import re
from urllib.parse import urljoin, urlsplit
from urllib.request import proxy_bypass

try:
    import httpx2 as http  # used by newer versions of openai
except ImportError:
    import httpx as http  # type: ignore[no-redef]

from openai import APIConnectionError, APIError, APIStatusError, APITimeoutError, OpenAIError

from rayboot.config import OpenAIConfig
from rayboot.engines.openai.messages import PATHS
from rayboot.errors import RaybootError, UserError
from rayboot.problems.types import clean

ReadTimeout = http.ReadTimeout
"""Timeout of a try: the client treats it as its own, and retries."""
RETRY_COUNT = "x-stainless-retry-count"
"""Header with the number of the client's retries."""
EXCERPT = 300
"""Maximum characters of a server's message that an error quotes."""

_TOO_LONG = re.compile(r"context[ _](length|window)|max_model_len", re.IGNORECASE)
_FILTERED = re.compile(
    r"content[ _](filter|policy|management)|moderation"
    r"|invalid_prompt|(prompt|input) was flagged"  # OpenAI, OpenRouter
    r"|content exists risk"  # DeepSeek
    r"|data_inspection_failed|inappropriate content",  # DashScope
    re.IGNORECASE,
)


def is_filtered(error: OpenAIError) -> bool:
    """Return whether a provider's content filter refuses this request."""
    return isinstance(error, APIStatusError) and bool(_FILTERED.search(f"{error.code} {_message(error)}"))


def is_unanswered(error: OpenAIError) -> bool:
    """Return whether the server received this request and failed: it may well answer others.

    False if the server cannot be reached or limits requests, which affects all of them.
    """
    if isinstance(error, APIStatusError):
        return error.status_code == 408 or error.status_code >= 500
    return isinstance(error, APITimeoutError) and not isinstance(error.__cause__, http.ConnectTimeout)


def explain(error: OpenAIError, config: OpenAIConfig, key: str | None, tag: str) -> RaybootError:
    """Return the error to raise in place of the client's, for the request with this tag.

    The client's text may quote the key, which is masked here: raise the error `from None`.
    """
    if isinstance(error, APIStatusError):
        return _explain_status(error, config, key, f"request {tag!r}" if tag else "a request")
    if isinstance(error, APIConnectionError):
        if is_unanswered(error):
            return RaybootError(
                f"{config.base_url} did not answer within {config.timeout:g} s (generation.openai.timeout), "
                f"{_tries(error)}"
            )
        reason = excerpt(str(error.__cause__ or "") or str(error), key)
        return RaybootError(
            f"no connection with {config.base_url}, {_tries(error)}: {reason}; is the server running, and is "
            f"generation.openai.base_url right?{_proxy_hint(config.base_url)}"
        )
    return RaybootError(f"{config.base_url}: {excerpt(str(error), key)}")


def _explain_status(
    error: APIStatusError, config: OpenAIConfig, key: str | None, request: str
) -> RaybootError:
    status, url = error.status_code, config.base_url
    message = excerpt(_message(error), key)
    if status in (408, 409, 429) or status >= 500:  # after these the client has tried again
        return RaybootError(f"{url} answered {request} with {status}, {_tries(error)}: {message}")
    if "location" in error.response.headers:
        target = urljoin(str(error.response.url), error.response.headers["location"])
        target = excerpt(target.removesuffix(PATHS[config.api]), key)
        return UserError(f"{url} is redirected to {target}: set generation.openai.base_url to that")
    if status in (401, 403):
        return UserError(
            f"{url} refuses the key ({status}: {message}): set the "
            f"environment variable {config.api_key_env} (generation.openai.api_key_env) to a valid key where the "
            "replicas run: on a cluster, before `ray start` on each node"
        )
    if _TOO_LONG.search(message):
        return UserError(f"{request} does not fit the context of {config.model}: {message}")
    if status == 404:
        return UserError(
            f"{url} has no {config.api} API or no model {config.model} (404: {message}): check "
            "generation.openai.base_url, which usually ends with /v1, and generation.openai.model"
        )
    hint = ""
    if re.search(r"max_(completion_)?tokens", message):
        name = "its name with generation.openai.chat_token_limit and " if config.api == "chat" else ""
        hint = f". Set {name}its value with policy.max_completion_tokens"
    elif "temperature" in message:
        hint = ". Set evaluation.temperature to a value that it accepts"
    return UserError(f"{url} refuses {request} ({status}): {message}{hint}")


def _proxy_hint(url: str) -> str:
    """Return which environment variable puts a proxy before a server, and how to bypass it; empty if none does."""
    address = urlsplit(url)
    if proxy_bypass(address.hostname or ""):
        return ""
    for variable in (f"{address.scheme}_proxy", "all_proxy"):
        for name in (variable, variable.upper()):
            if os.environ.get(name):
                return (
                    f" Requests go through the proxy of the environment variable {name}: "
                    f"NO_PROXY={address.hostname} bypasses it"
                )
    return ""


def excerpt(text: str, key: str | None) -> str:
    """Return the beginning of a server's message, in one line and without the key.

    Lone surrogates are replaced: an error whose text UTF-8 cannot encode kills the actor that raises it.
    """
    line = " ".join(clean(text.replace(key, "***") if key else text).split())
    return line if len(line) <= EXCERPT else line[:EXCERPT] + " ..."


def _tries(error: APIError) -> str:
    """Return the number of tries as words.

    It may be below `max_retries` + 1: a server can forbid retries, or ask for a pause of more than two minutes.
    """
    retries = int(error.request.headers.get(RETRY_COUNT, 0))
    return f"tried {retries + 1} times" if retries else "tried once"


def _message(error: APIStatusError) -> str:
    """Return the server's message if it sends one as JSON, else its whole answer."""
    if isinstance(error.body, dict) and isinstance(error.body.get("message"), str):
        return str(error.body["message"])
    return error.response.text
