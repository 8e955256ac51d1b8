"""Measure deepdiff on many pairs of files: `python histories.py PAIRS`, in the peers' environment.

`PAIRS` is a file with a JSON list of pairs of paths. Prints the seconds of the processor for all of them, once, and how
many changes deepdiff tells. Reading the documents is not measured.
"""

import json
import sys
import time
from pathlib import Path

from deepdiff import DeepDiff


def main():
    """Measure and print."""
    pairs = json.loads(Path(sys.argv[1]).read_bytes())
    known = {path: json.loads(Path(path).read_bytes()) for pair in pairs for path in pair}
    DeepDiff([1], [2])
    seconds, changes = 0.0, 0
    for before, after in pairs:
        began = time.process_time()
        found = DeepDiff(known[before], known[after], view="tree")
        seconds += time.process_time() - began
        changes += sum(len(entries) for entries in found.values())
    print(json.dumps({"seconds": seconds, "changes": changes}))


if __name__ == "__main__":
    main()
