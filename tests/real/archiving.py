"""Keep the files of each history in the archive by themselves, drop some, and weigh what it takes beside git.

Every file is kept as it is, also what is no JSON, packed against the one before it. Each reads back exactly; then every
third goes, as retention lets versions go, and the others still do. git gets the same files in one repository for each
history: loose, packed as `git gc` does, and as `git repack --aggressive` does; its commits and trees are not counted.
"""

import hashlib
import shutil
import subprocess
from pathlib import Path
from tempfile import TemporaryDirectory

from django.db import connection, transaction

from tenants import archive, chains, repacking
from tests.real.judging import History
from tests.real.reporting import Report, Weighed

PACKINGS = {"git gc": 10, "git aggressive": 250}
"""How many neighbours git tries for each: its own defaults."""


def weigh_all(histories: list[History], report: Report) -> None:
    """Weigh every history and note what does not read back."""
    for history in histories:
        raws = [file.raw for file in history.files]
        report.weighed.append(Weighed(history.name, len(raws), sum(map(len, raws)), _kept(history.name, raws, report)))
        if shutil.which("git"):
            with TemporaryDirectory(prefix="config-vault-git-") as folder:
                report.weighed[-1].git = _git(raws, Path(folder))


def _kept(name: str, raws: list[bytes], report: Report) -> int:
    """Keep a history and give the bytes of its packed bodies; nothing of it is left at the end."""
    keys: list[str] = []
    for raw in raws:
        with report.timed("archive: keep a version", f"{name}, {len(raw)} bytes"):
            keys.append(archive.keep(raw, after=keys[-1] if keys else None).pk)
    report.check(keys == [hashlib.sha256(raw).hexdigest() for raw in raws], f"{name}: kept under other keys.")
    with report.timed("archive: read a history back", f"{name}, {len(raws)}"):
        found = archive.bytes_of_all(keys)
    report.check(found == dict(zip(keys, raws, strict=True)), f"{name} does not read back from the archive exactly.")
    report.counts["versions read back from the archive exactly"] += len(raws)
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT sum(octet_length(body)) FROM tenants_document WHERE sha256 = ANY(%s)", (chains.keys(keys),)
        )
        size = int(cursor.fetchone()[0])
    going = set(keys[::3])
    with report.timed("archive: drop every third", f"{name}, {len(raws)}"), transaction.atomic():
        repacking.drop(going)
    left = {key: raw for key, raw in zip(keys, raws, strict=True) if key not in going}
    report.check(archive.bytes_of_all(keys) == left, f"{name} does not read back exactly after every third went.")
    report.counts["of them after every third was dropped"] += len(left)
    with transaction.atomic():
        repacking.drop(left)
    return size


def _git(raws: list[bytes], folder: Path) -> dict[str, int]:
    def git(*words: str, said: str = "") -> bytes:
        return subprocess.run(["git", *words], cwd=folder, input=said.encode(), capture_output=True, check=True).stdout

    git("init", "--quiet")
    names = [f"v{number:04}.json" for number in range(len(raws))]
    for name, raw in zip(names, raws, strict=True):
        (folder / name).write_bytes(raw)
    keys = git("hash-object", "-w", "--no-filters", "--stdin-paths", said="\n".join(names)).decode().split()
    loose = (folder / ".git" / "objects").glob("??/*")
    sizes = {"git loose": sum(file.stat().st_size for file in loose)}
    listed = "".join(f"{key} config.json\n" for key in dict.fromkeys(keys))
    for name, window in PACKINGS.items():
        words = ("pack-objects", "--quiet", "--stdout", f"--window={window}", "--depth=50")
        sizes[name] = len(git(*words, said=listed))
    return sizes
