"""Chat completions of any OpenAI-compatible server."""

import json
import os
import re
from typing import NamedTuple

import requests
from requests.adapters import HTTPAdapter
from urllib3.util.retry import Retry

RETRIED = (408, 409, 425, 429, 500, 502, 503, 504)
# Of these, the next request would hear the same.
HOPELESS = (401, 402, 403, 404)


class EndpointError(Exception):
    """One of the three below."""


class EndpointClosed(EndpointError):
    """No request will succeed: a wrong key, a wrong model, no credit."""


class RequestRefused(EndpointError):
    """The server does not take this request; others may pass."""


class RequestFailed(EndpointError):
    """No answer after all retries; it may come another time."""


class Completion(NamedTuple):
    text: str
    is_cut: bool  # by max_tokens or a filter
    prompt_tokens: int
    completion_tokens: int


class _Bearer(requests.auth.AuthBase):
    """As a header of the session's, it would give way to an entry of ~/.netrc."""

    def __init__(self, key):
        self.key = key

    def __call__(self, request):
        if self.key:
            request.headers["Authorization"] = f"Bearer {self.key}"
        return request


class Endpoint:
    """Safe to share among threads."""

    def __init__(self, base_url, model, api_key="", connections=8, retries=6, timeout_s=600.0, extra_body=None):
        # Waits as long as Retry-After says; without it 0, 2, 4, 8 ... s and up to 1 s more, so that clients do not come back together.
        retry = Retry(total=retries, status_forcelist=RETRIED, allowed_methods=None, backoff_factor=1, backoff_max=60, backoff_jitter=1, raise_on_status=False)
        self.session = requests.Session()
        for scheme in ("http://", "https://"):
            self.session.mount(scheme, HTTPAdapter(pool_maxsize=connections, max_retries=retry))
        self.session.auth = _Bearer(api_key)
        self.url = base_url.rstrip("/") + "/chat/completions"
        self.model, self.timeout_s, self.extra_body = model, timeout_s, extra_body or {}

    def complete(self, messages, max_tokens, temperature=None):
        body = {"model": self.model, "messages": messages, "max_tokens": max_tokens, "temperature": temperature, **self.extra_body}
        try:
            response = self.session.post(self.url, json={name: value for name, value in body.items() if value is not None}, timeout=self.timeout_s)
        except requests.RequestException as error:
            raise RequestFailed(str(error)) from error
        if response.status_code in HOPELESS:
            raise EndpointClosed(f"{self.url} says {response.status_code}: {response.text[:300]}")
        if response.status_code >= 500 or response.status_code in RETRIED:
            raise RequestFailed(f"{response.status_code}: {response.text[:300]}")
        if not response.ok:
            raise RequestRefused(f"{response.status_code}: {response.text[:300]}")
        try:
            return completion_of(response.json())
        except (ValueError, KeyError, IndexError, TypeError) as error:
            raise RequestFailed(f"No chat completion: {response.text[:300]}") from error


def completion_of(body):
    choice, usage = body["choices"][0], body.get("usage") or {}
    text = choice["message"].get("content") or ""
    # Some servers leave the thoughts in the content.
    text = re.sub(r"^\s*<think>.*?(</think>|$)", "", text, flags=re.S).strip()
    is_cut = choice.get("finish_reason") in ("length", "content_filter")
    return Completion(text, is_cut, usage.get("prompt_tokens", 0), usage.get("completion_tokens", 0))


def add_endpoint_options(parser, prefix="", what="that answers"):
    """--base-url and its like; with a prefix, those of a second endpoint."""
    parser.add_argument(f"--{prefix}base-url", help=f"of the OpenAI-compatible server {what}, such as http://127.0.0.1:8000/v1")
    parser.add_argument(f"--{prefix}model", help="its name there")
    parser.add_argument(f"--{prefix}api-key-env", default="OPENAI_API_KEY", metavar="NAME", help="environment variable with the key (default: OPENAI_API_KEY); without one, none is sent")
    parser.add_argument(f"--{prefix}extra-body", type=json.loads, default={}, metavar="JSON", help='fields for every request; null leaves one out: {"max_tokens": null, "max_completion_tokens": 2048}')


def endpoint_of(args, prefix, connections):
    """The endpoint of these options; None without a --base-url."""
    url, model, name, extra = (getattr(args, f"{prefix}{option}") for option in ("base_url", "model", "api_key_env", "extra_body"))
    if url is None:
        return None
    if model is None:
        raise SystemExit(f"--{prefix.replace('_', '-')}model is missing")
    return Endpoint(url, model, os.environ.get(name, ""), connections=connections, extra_body=extra)
