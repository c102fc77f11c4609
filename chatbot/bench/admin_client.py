"""An admin at the upload screen, over HTTP: what the browser sends, and what its page asks for."""

import json
import re
import secrets
import urllib.request
from http.cookiejar import CookieJar
from typing import Any
from urllib.parse import urlencode, urljoin

TIMEOUT_SECONDS = 120.0
UPLOADS = "/admin/customers/faqupload/"
_TOKEN = re.compile(r'name="csrfmiddlewaretoken" value="(\w+)"')


class AdminClient:
    """Somebody signed in to the admin of a server."""

    def __init__(self, url: str, *, username: str, password: str) -> None:
        self._url = url
        self._opener = urllib.request.build_opener(urllib.request.HTTPCookieProcessor(CookieJar()))
        login = "/admin/login/?next=/admin/"
        self.post(login, token=self.token(login), username=username, password=password)

    def get(self, path: str) -> str:
        """Return a page."""
        with self._opener.open(urljoin(self._url, path), timeout=TIMEOUT_SECONDS) as answer:
            return str(answer.read().decode())

    def token(self, path: str) -> str:
        """Return what a page's form proves itself with."""
        token = _TOKEN.search(self.get(path))
        if token is None:
            raise RuntimeError(f"The page {path} holds no form.")
        return token[1]

    def post(self, path: str, *, token: str, file: tuple[str, bytes] | None = None, **fields: str) -> str:
        """Send the form of a page, with a file (name, content) if there is one; returns where that led."""
        fields |= {"csrfmiddlewaretoken": token}
        body, kind = _multipart(fields, file) if file else (urlencode(fields).encode(), None)
        request = urllib.request.Request(urljoin(self._url, path), body)  # noqa: S310 -- our own server's
        request.add_header("Content-Type", kind or "application/x-www-form-urlencoded")
        with self._opener.open(request, timeout=TIMEOUT_SECONDS) as answer:
            return str(answer.geturl())

    def upload(self, *, tenant: str, file: tuple[str, bytes]) -> str:
        """Upload a file that names its locales to a tenant; returns the upload's page."""
        form = UPLOADS + "add/"
        return self.post(form, token=self.token(form), file=file, target=self._target(tenant))

    def progress(self, upload: str) -> dict[str, Any]:
        """Return what the page of an upload asks for while it waits."""
        return dict(json.loads(self.get(urljoin(upload, "../progress/"))))

    def _target(self, name: str) -> str:
        found = re.search(
            rf'<optgroup label="{re.escape(name)}">\s*<option value="(\d+:)"', self.get(UPLOADS + "add/")
        )
        if found is None:
            raise RuntimeError(f"The upload form offers no tenant {name}.")
        return found[1]


def _multipart(fields: dict[str, str], file: tuple[str, bytes]) -> tuple[bytes, str]:
    """Return a form with a file as multipart/form-data (RFC 7578), and its content type."""
    boundary = secrets.token_hex(16)
    parts = [
        f'--{boundary}\r\nContent-Disposition: form-data; name="{name}"\r\n\r\n{value}\r\n'.encode()
        for name, value in fields.items()
    ]
    head = (
        f'--{boundary}\r\nContent-Disposition: form-data; name="file"; filename="{file[0]}"\r\n'
        "Content-Type: application/octet-stream\r\n\r\n"
    )
    body = b"".join([*parts, head.encode(), file[1], f"\r\n--{boundary}--\r\n".encode()])
    return body, f"multipart/form-data; boundary={boundary}"
