"""A server of OpenAI's chat completions, such as Ollama, llama.cpp or vLLM. It is given posts, so it must be local unless allowed."""

from __future__ import annotations

import ipaddress
import socket
from urllib.parse import urlsplit

from psy_agents.baselines.config import ChatConfig
from psy_agents.errors import UserError

LOCAL_NETWORKS = tuple(map(ipaddress.ip_network, ("127.0.0.0/8", "10.0.0.0/8", "172.16.0.0/12", "192.168.0.0/16", "::1/128", "fc00::/7")))
"""This machine, and the private networks (RFC 1918, RFC 4193)."""
RETRIES = 3
RETRIED_STATUSES = (429, 500, 502, 503, 504)
BACKOFF = 1.0  # Seconds before the second retry; doubled for each further one.


def is_local(url: str) -> bool:
    """Whether all addresses of the url's host are of this machine or of a private network.

    Raises:
        UserError: the host has no address.
    """
    host = urlsplit(url).hostname
    if host == "localhost":
        return True
    try:
        found = {host} if _is_address(host) else {str(each[4][0]) for each in socket.getaddrinfo(host, None)}
    except OSError:
        raise UserError("baselines.chat.url: its host is not found: check its name, or give its address.") from None
    addresses = [ipaddress.ip_address(each.partition("%")[0]) for each in found]
    return all(any((getattr(each, "ipv4_mapped", None) or each) in network for network in LOCAL_NETWORKS) for each in addresses)


def _is_address(host: str) -> bool:
    try:
        ipaddress.ip_address(host)
    except ValueError:
        return False
    return True


class ChatServer:
    """Asks a chat model. Texts go to the configured url alone: proxies of the environment and redirections are not followed.

    Raises:
        UserError: the url is not local, and ``allow_remote`` is false; or the file of the key cannot be read.
    """

    def __init__(self, config: ChatConfig) -> None:
        import requests
        from requests.adapters import HTTPAdapter
        from urllib3.util import Retry

        if not config.allow_remote and not is_local(config.url):
            raise UserError(
                "baselines.chat.url leads out of this machine and its private networks, and posts are sent there: name a local server, or "
                "set baselines.chat.allow_remote to true if the corpus's agreement allows it."
            )
        self._config, self._session = config, requests.Session()
        self._session.trust_env = False
        retry = Retry(RETRIES, status_forcelist=RETRIED_STATUSES, allowed_methods=None, backoff_factor=BACKOFF, raise_on_status=False)
        for scheme in ("http://", "https://"):
            self._session.mount(scheme, HTTPAdapter(pool_maxsize=config.requests_at_once, max_retries=retry))
        if config.key_file is not None:
            self._session.headers["Authorization"] = f"Bearer {_key(config)}"

    def ask(self, prompt: str) -> str:
        """The model's answer to one message, as deterministic as the server can be. Safe to call from several threads.

        Raises:
            UserError: the server does not answer, or not as OpenAI's chat completions.
        """
        import requests

        config = self._config
        asked = {
            "model": config.model, "messages": [{"role": "user", "content": prompt}], "temperature": 0, "seed": 0,
            "max_tokens": config.max_tokens,
        }  # fmt: skip
        address = f"{config.url.rstrip('/')}/chat/completions"
        try:
            response = self._session.post(address, json=asked, timeout=config.timeout, allow_redirects=False)
        except requests.RequestException as error:
            raise UserError(
                f"The server in baselines.chat.url does not answer ({type(error).__name__}): start it, or raise baselines.chat.timeout."
            ) from None
        if response.status_code != requests.codes.ok:
            raise UserError(
                f"The server in baselines.chat.url answers with status {response.status_code}: does it know the model in "
                f"baselines.chat.model, and does its context hold a post?"
            )
        try:
            return response.json()["choices"][0]["message"]["content"] or ""
        except (requests.JSONDecodeError, LookupError, TypeError):
            raise UserError("The server in baselines.chat.url does not answer as OpenAI's chat completions: must it end in /v1?") from None


def _key(config: ChatConfig) -> str:
    try:
        key = config.key_file.read_text(encoding="utf-8").strip()
    except (OSError, UnicodeDecodeError) as error:
        raise UserError(f"baselines.chat.key_file cannot be read ({type(error).__name__}): put the key there as its only line.") from None
    if not key.isascii() or not key.isprintable() or not key:
        raise UserError("baselines.chat.key_file holds no key: put the key there as its only line.")
    return key
