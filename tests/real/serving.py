"""The practice platform as a process of its own, and a plain look at what it serves."""

import json
import os
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import requests
from django.conf import settings

SECONDS = 60
ORGANIZATION = "archive"


class Served:
    """What the practice platform says over HTTP, asked for without the console's client."""

    def __init__(self, url: str, organization: str, credentials: dict[str, str]) -> None:
        self.url = url
        self.organization = organization
        self.credentials = credentials
        self._session = requests.Session()
        self._session.trust_env = False
        answer = self._session.post(
            f"{url}/oauth/token",
            data={"grant_type": "client_credentials"},
            auth=(credentials["client_id"], credentials["client_secret"]),
            timeout=SECONDS,
        )
        self._token = answer.json()["access_token"]

    def close(self) -> None:
        """Close the connection."""
        self._session.close()

    def get(self, object_id: str, version: int | None = None) -> requests.Response:
        """Give the whole answer for a version, or for live."""
        path = f"{self.url}/api/v2/agentassist/configs/{object_id}"
        return self._asked("GET", path if version is None else f"{path}/versions/{version}")

    def bytes_of(self, object_id: str, version: int | None = None) -> bytes:
        """Give the exact body of the answer for a version, or for live."""
        return self.get(object_id, version).content

    def put(self, object_id: str, body: bytes, *, if_match: str) -> requests.Response:
        """Write an object as any script would, with the least that the platform asks for."""
        path = f"{self.url}/api/v2/agentassist/configs/{object_id}"
        return self._asked("PUT", path, data=body, headers={"If-Match": if_match, "Content-Type": "application/json"})

    def _asked(
        self, method: str, url: str, *, data: bytes | None = None, headers: dict[str, str] | None = None
    ) -> requests.Response:
        known = {"Authorization": f"Bearer {self._token}", "Accept-Encoding": "identity"}
        answer = self._session.request(method, url, data=data, headers=known | (headers or {}), timeout=SECONDS)
        answer.raise_for_status()
        return answer

    def writes(self, object_id: str) -> list[dict[str, Any]]:
        """Give the platform's own log of the writes that it accepted."""
        query = {"object": object_id, "organization": self.organization}
        found: list[dict[str, Any]] = self._session.get(
            f"{self.url}/practice/writes", params=query, timeout=SECONDS
        ).json()
        return found


@contextmanager
def serving(history: Path | None = None, *, organization: str = ORGANIZATION) -> Iterator[Served]:
    """Run `manage.py practice` and give what one organization is served; it ends with the block."""
    with TemporaryDirectory(prefix="config-vault-real-") as folder:
        command = [sys.executable, "manage.py", "practice", "--port", "0", "--data", folder]
        process = subprocess.Popen(
            [*command, *(() if history is None else ("--history", str(history.resolve())))],
            cwd=settings.BASE_DIR,
            env={**os.environ, "DJANGO_SETTINGS_MODULE": "tests.settings"},
            stdout=subprocess.PIPE,
            text=True,
        )
        try:
            assert process.stdout is not None
            first = process.stdout.readline()
            if not first.startswith("Practice platform on "):
                raise RuntimeError(f"The practice platform did not start: {first or 'see the lines above'}")
            credentials = json.loads((Path(folder) / "credentials.json").read_text())[organization]
            served = Served(first.split()[3], organization, credentials)
            try:
                yield served
            finally:
                served.close()
        finally:
            process.terminate()
            process.communicate(timeout=SECONDS)
