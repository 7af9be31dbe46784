"""What a server's refusal means for the person at the command line."""

from __future__ import annotations

import os
import re
from urllib.parse import urlsplit
from urllib.request import proxy_bypass

from openai import APIConnectionError, APIError, APIStatusError, APITimeoutError, OpenAIError

from rayboot.config.generation import OpenAIConfig
from rayboot.errors import RaybootError, UserError

RETRY_COUNT = "x-stainless-retry-count"
"""Header in which the client says how often it has repeated a request."""
EXCERPT = 300
"""Characters of a server's own words that an error message quotes."""

_TOO_LONG = re.compile(r"context[ _](length|window)|max_model_len", re.IGNORECASE)
_FILTERED = re.compile(r"content[ _](filter|policy|management)|moderation", re.IGNORECASE)


def is_filtered(error: OpenAIError) -> bool:
    """Whether a provider's filter refuses this request, whatever it thinks of others."""
    return isinstance(error, APIStatusError) and bool(_FILTERED.search(f"{error.code} {_message(error)}"))


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
        return _refusal(error.status_code, said, config, request)
    if isinstance(error, APITimeoutError):
        return RaybootError(
            f"{config.base_url} did not answer within {config.timeout:g} s (generation.openai.timeout), {_tries(error)}"
        )
    if isinstance(error, APIConnectionError):
        reason = excerpt(str(error.__cause__ or error), key)
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
    """The beginning of a server's words, in one line and without the key."""
    line = " ".join((text.replace(key, "***") if key else text).split())
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
    return UserError(f"{config.base_url} refuses {request} ({status}): {said}")


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
