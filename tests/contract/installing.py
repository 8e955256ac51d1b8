"""Make the environment that the vendor's SDK lives in: pinned, with hashes, beside the product's and apart from it."""

import hashlib
import os
import shutil
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path

REQUIREMENTS = Path(__file__).parent / "requirements.txt"
_LONGEST = 240  # seconds for one way of installing


class NotInstalled(Exception):
    """The SDK cannot be installed; `reachable` tells whether an index answered, so that this is a fault of ours."""

    def __init__(self, reason: str, *, reachable: bool) -> None:
        super().__init__(reason)
        self.reachable = reachable


def install(folder: Path, *, environ: Mapping[str, str] | None = None, requirements: Path = REQUIREMENTS) -> Path:
    """Return the Python of an environment in `folder` that holds exactly what the requirements name.

    An environment that holds it already is used as it is. Raises `NotInstalled`.
    """
    environ = dict(environ or os.environ)
    environ.pop("VIRTUAL_ENV", None)
    python = folder / "bin" / "python"
    wanted = hashlib.sha256(requirements.read_bytes()).hexdigest()
    ready = folder / ".ready"
    if ready.exists() and ready.read_text() == wanted and python.exists():
        return python
    shutil.rmtree(folder, ignore_errors=True)
    uv = Path(sys.executable).with_name("uv")
    sync = [str(uv), "pip", "sync", "--quiet", "--require-hashes", "--python", str(python), str(requirements)]
    pip = [str(python), "-m", "pip", "install", "--quiet", "--disable-pip-version-check", "--require-hashes", "-r"]
    # As in the Makefile: uv first, then uv with the machine's certificates (a company's proxy), then pip.
    ways: list[tuple[list[str], dict[str, str]]] = [
        (sync, {}),
        (sync, {"UV_NATIVE_TLS": "1", "UV_SYSTEM_CERTS": "1"}),
        ([*pip, str(requirements)], {}),
    ]
    said = _run([sys.executable, "-m", "venv", str(folder)], environ)
    for command, more in ways if said is None else []:
        said = _run(command, environ | more)
        if said is None:
            ready.write_text(wanted)
            return python
        if "hash" in said.lower():
            raise NotInstalled(f"A package is not the one that was pinned: {said}", reachable=True)
    raise NotInstalled(said or "no way of installing was found", reachable=False)


def _run(command: list[str], environ: dict[str, str]) -> str | None:
    """Run a command; return None when it went well, else what it said last."""
    try:
        done = subprocess.run(command, env=environ, capture_output=True, text=True, timeout=_LONGEST, check=False)
    except subprocess.TimeoutExpired:
        return f"{Path(command[0]).name} took more than {_LONGEST} seconds."
    except OSError as error:
        return f"{command[0]} cannot be started ({error})."
    if done.returncode == 0:
        return None
    lines = [line.strip() for line in (done.stderr or done.stdout).splitlines() if line.strip()]
    return " ".join(lines[-4:])[-600:] or f"{Path(command[0]).name} ended with {done.returncode}."
