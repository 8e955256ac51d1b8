"""The vendor's SDK, and what is asked of every answer: that its model takes all of it, and nothing otherwise."""

import importlib
import json
from datetime import datetime
from typing import Any

OAUTH = ["PureCloud OAuth"]  # how the SDK calls its one way of authorizing


class Vendor:
    """One organization's client of the SDK."""

    def __init__(self, host: str, client_id: str, client_secret: str) -> None:
        """Fetch a token through the SDK."""
        self.sdk: Any = importlib.import_module("PureCloudPlatformClientV2")
        self.exception: Any = importlib.import_module("PureCloudPlatformClientV2.rest").ApiException
        self.client: Any = self.sdk.ApiClient(host=host)
        self._credentials = (client_id, client_secret)
        self.sign_in()

    def sign_in(self) -> None:
        """Fetch a new token."""
        self.client.get_client_credentials_token(*self._credentials)

    def api(self, name: str) -> Any:
        """Return one of the SDK's groups of calls."""
        return getattr(self.sdk, name)(self.client)

    def call(self, method: str, path: str, body: Any = None, **headers: str) -> Any:
        """Make a call that the SDK has no model for, through its own client; return the JSON."""
        # Every call of the SDK says which form it sends; so does this one.
        named = {"Content-Type": "application/json", **{key.replace("_", "-"): one for key, one in headers.items()}}
        return self.client.call_api(
            path, method, header_params=named, body=body, response_type="object", auth_settings=OAUTH
        )

    def header(self, name: str) -> str | None:
        """Return a header of the last answer."""
        value = self.client.last_response.getheader(name)
        return None if value is None else str(value)

    def told(self) -> Any:
        """Return the JSON of the last answer as it came."""
        return json.loads(self.client.last_response.data)

    def lost(self, parsed: Any) -> list[str]:
        """Return a line for everything in the last answer that the SDK's model does not have or has otherwise."""
        return differences(self.told(), self.client.sanitize_for_serialization(parsed), "")


def differences(told: Any, parsed: Any, where: str) -> list[str]:
    """Return where two JSON values differ; the SDK leaves out nulls and writes times with +00:00."""
    if isinstance(told, dict) and isinstance(parsed, dict):
        lines = [f"{where}/{key} is not in the answer" for key in parsed.keys() - told.keys()]
        for key, value in told.items():
            if key in parsed:
                lines += differences(value, parsed[key], f"{where}/{key}")
            elif value is not None:
                lines.append(f"{where}/{key} is unknown to the SDK: {value!r}")
        return lines
    if isinstance(told, list) and isinstance(parsed, list) and len(told) == len(parsed):
        pairs = zip(told, parsed, strict=True)
        return [line for n, (one, other) in enumerate(pairs) for line in differences(one, other, f"{where}/{n}")]
    alike = type(told) is type(parsed) or {type(told), type(parsed)} == {int, float}
    if alike and (told == parsed or _same_moment(told, parsed)):
        return []
    return [f"{where} is {parsed!r} for the SDK, not {told!r}"]


def _same_moment(told: Any, parsed: Any) -> bool:
    try:
        return datetime.fromisoformat(told) == datetime.fromisoformat(parsed)
    except (ValueError, TypeError):
        return False
