"""Speaks HTTPS to the dump servers: an allow-list of hosts, polite retries, and nothing else.

The downloader is given wiki codes and dates, never addresses. Every address is built here from a base on the
allow-list, and an answer that points off that list is refused, so that a hostile name in a catalogue or a
redirect cannot reach another machine.
"""

from __future__ import annotations

import ipaddress
import socket
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from importlib.metadata import version
from urllib.parse import urljoin, urlsplit

import requests
from requests.adapters import HTTPAdapter
from requests.utils import get_environ_proxies
from urllib3.util.retry import Retry

from schemas.errors import InputCorrupt, InputMissing, UsageError

PRIMARY = "https://dumps.wikimedia.org"
"""Where the files' checksums are always read from, whatever mirror serves the bytes."""

MAX_CONNECTIONS = 2
"""Wikimedia asks for no more than two or three connections from one address."""

MAX_REDIRECTS = 3
MAX_DOCUMENT_BYTES = 64 << 20
"""Catalogues and listings are small; the largest, `dumpstatus.json` of English, is about 1 MB."""

RETRIED = frozenset({429, 500, 502, 503, 504})
REDIRECTS = frozenset({301, 302, 303, 307, 308})


class NotOnServer(InputMissing):
    """The server answers, and says that there is no such file."""


class DumpServer:
    """The hosts that dumps may come from, and one polite session to them.

    `plain_loopback` is for tests alone: it lets `primary` be `http://127.0.0.1:PORT`. No flag reaches it.
    """

    def __init__(
        self,
        *,
        primary: str = PRIMARY,
        mirrors: tuple[str, ...] = (),
        contact: str = "",
        timeout_seconds: float = 60.0,
        retries: int = 8,
        backoff_seconds: float = 1.0,
        plain_loopback: bool = False,
    ) -> None:
        self.primary = primary.rstrip("/")
        self.mirrors = tuple(mirror.rstrip("/") for mirror in mirrors)
        self.timeout_seconds = timeout_seconds
        self.retries = retries
        self.backoff_seconds = backoff_seconds
        self._plain_loopback = plain_loopback
        self._hosts = frozenset(_netloc(base) for base in (self.primary, *self.mirrors))
        self._resolved: set[str] = set()
        for base in (self.primary, *self.mirrors):
            self.check(base)
        self._session = _session(user_agent(contact), retries, backoff_seconds)
        if plain_loopback:
            self._session.trust_env = False

    def bases(self) -> tuple[str, ...]:
        """Return where bytes may be fetched, in order of preference: the mirrors, then the primary host."""
        return (*self.mirrors, self.primary)

    def check(self, url: str) -> None:
        """Refuse an address that is not https, not on the allow-list, or on a private network.

        Raises:
            UsageError: with the rule that the address breaks.
        """
        parts = urlsplit(url)
        if parts.scheme != "https" and not (self._plain_loopback and parts.scheme == "http"):
            raise UsageError(f"{url!r} is not an https address; dumps are fetched over https only")
        if parts.username or parts.password:
            raise UsageError("an address of a dump server must not hold a user name or password")
        if parts.netloc not in self._hosts:
            raise UsageError(
                f"{parts.netloc or url!r} is not one of the allowed dump hosts ({', '.join(sorted(self._hosts))}); "
                "name a mirror with --mirrors if you trust it"
            )
        self._check_literal(parts.hostname or "")

    def _check_literal(self, host: str) -> None:
        if self._plain_loopback:
            return
        if host == "localhost" or "." not in host and ":" not in host:
            raise UsageError(f"{host!r} is a name on a local network, not a dump server")
        try:
            address = ipaddress.ip_address(host)
        except ValueError:
            return
        if not address.is_global:
            raise UsageError(f"{host} is a private address; dumps are fetched from public hosts only")

    def _check_resolved(self, url: str) -> None:
        """Refuse a host name that leads to a private address. Behind a proxy the proxy looks names up."""
        host = urlsplit(url).hostname or ""
        if self._plain_loopback or host in self._resolved or get_environ_proxies(url):
            return
        try:
            found = {entry[4][0] for entry in socket.getaddrinfo(host, 443, proto=socket.IPPROTO_TCP)}
        except OSError as error:
            raise InputMissing(f"cannot find the host {host}: {error}; is this machine online?") from error
        private = sorted(str(item) for item in found if not ipaddress.ip_address(item).is_global)
        if private:
            raise UsageError(f"{host} leads to the private address {private[0]}; refused")
        self._resolved.add(host)

    @contextmanager
    def open(
        self, url: str, headers: Mapping[str, str] | None = None, method: str = "GET"
    ) -> Iterator[requests.Response]:
        """Open `url` for streaming, following redirects on the allow-list only. The status is left to the caller.

        Raises:
            UsageError: for an address off the list, in `url` or in a redirect.
            InputMissing: if no answer came after all retries.
        """
        for _ in range(MAX_REDIRECTS + 1):
            self.check(url)
            self._check_resolved(url)
            response = self._request(method, url, headers)
            location = response.headers.get("Location")
            if response.status_code not in REDIRECTS or location is None:
                break
            response.close()
            url = urljoin(url, location)
        else:
            raise InputMissing(f"{url} redirects more than {MAX_REDIRECTS} times")
        with response:
            yield response

    def _request(self, method: str, url: str, headers: Mapping[str, str] | None) -> requests.Response:
        try:
            return self._session.request(
                method,
                url,
                headers=dict(headers or {}),
                stream=True,
                allow_redirects=False,
                timeout=self.timeout_seconds,
            )
        except requests.RequestException as error:
            raise InputMissing(
                f"no answer from {urlsplit(url).netloc} after {self.retries + 1} tries ({error.__class__.__name__}); "
                "what was fetched so far is kept, so run the same command again later"
            ) from error

    def read(self, path: str) -> bytes:
        """Return a small document (a catalogue, a listing) of the primary host.

        Raises:
            InputMissing: if it is not there, or the server kept refusing.
            InputCorrupt: if it is larger than any such document.
        """
        url = f"{self.primary}/{path}"
        with self.open(url) as response:
            check_status(url, response)
            body = bytearray()
            for chunk in response.iter_content(1 << 16):
                body += chunk
                if len(body) > MAX_DOCUMENT_BYTES:
                    raise InputCorrupt(f"{url} is larger than {MAX_DOCUMENT_BYTES} bytes, which no catalogue is")
            return bytes(body)

    def size(self, path: str) -> int:
        """Return the size in bytes that the primary host states for the file at `path`."""
        url = f"{self.primary}/{path}"
        with self.open(url, {"Accept-Encoding": "identity"}, method="HEAD") as response:
            check_status(url, response)
            length = response.headers.get("Content-Length", "")
        if not length.isdigit():
            raise InputCorrupt(f"{url}: the server states no size, so the file could not be checked")
        return int(length)


def check_status(url: str, response: requests.Response) -> None:
    """Turn an HTTP status that is not a success into an error that says what to do.

    Raises:
        NotOnServer: for a file that does not exist.
        InputMissing: for every other status from 300 on.
    """
    status = response.status_code
    if status < 300:
        return
    if status in (404, 410):
        raise NotOnServer(f"{url} does not exist (HTTP {status})")
    if status in RETRIED:
        raise InputMissing(
            f"{url}: the server still answers HTTP {status} after all retries; run the same command later"
        )
    raise InputMissing(f"{url}: the server answered HTTP {status}, which trying again does not change")


def user_agent(contact: str) -> str:
    """Name the program to the server, as Wikimedia's policy asks; `contact` is an address to reach its user at."""
    tail = f"; {contact}" if contact else ""
    return f"xlm-k-dump-downloader/1.0 (data set build{tail}) python-requests/{version('requests')}"


def _session(agent: str, retries: int, backoff_seconds: float) -> requests.Session:
    """Build a session that retries what may pass and keeps to two connections.

    `Retry` honours `Retry-After`, and waits backoff * 2**n seconds plus jitter otherwise.
    """
    retry = Retry(
        total=retries,
        redirect=0,
        status_forcelist=RETRIED,
        allowed_methods={"GET", "HEAD"},
        backoff_factor=backoff_seconds,
        backoff_jitter=backoff_seconds,
        backoff_max=120,
        respect_retry_after_header=True,
        raise_on_status=False,
        raise_on_redirect=False,
    )
    session = requests.Session()
    session.headers["User-Agent"] = agent
    session.mount("https://", HTTPAdapter(pool_maxsize=MAX_CONNECTIONS, pool_block=True, max_retries=retry))
    session.mount("http://", HTTPAdapter(pool_maxsize=MAX_CONNECTIONS, pool_block=True, max_retries=retry))
    return session


def _netloc(url: str) -> str:
    return urlsplit(url).netloc
