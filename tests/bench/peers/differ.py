"""Measure one peer on two documents: `python differ.py NAME BEFORE AFTER ROUNDS`, in the peers' environment.

Prints the best seconds of the processor and how many changes the peer tells, as it counts them: entries of its own
result, and of difflib, which knows lines only, the places where lines differ. Reading the documents is not measured.
"""

import difflib
import json
import sys
import time
from pathlib import Path


def with_deepdiff(before, after):
    """Compare as deepdiff does by itself."""
    from deepdiff import DeepDiff

    return sum(len(entries) for entries in DeepDiff(before, after, view="tree").values())


def with_deepdiff_told(before, after):
    """Compare with deepdiff, told that items have an id."""
    from deepdiff import DeepDiff
    from deepdiff.helper import CannotCompare

    def same_item(one, other, _level=None):
        try:
            return one["id"] == other["id"]
        except (KeyError, TypeError):
            raise CannotCompare from None

    found = DeepDiff(before, after, view="tree", iterable_compare_func=same_item)
    return sum(len(entries) for entries in found.values())


def with_jsondiff(before, after):
    """Compare with jsondiff and count the leaves of its answer."""
    import jsondiff

    def leaves(found):
        if not isinstance(found, dict):
            return 1
        return sum(
            len(below) if key in (jsondiff.insert, jsondiff.delete) else leaves(below) for key, below in found.items()
        )

    found = jsondiff.diff(before, after)
    return leaves(found)


def with_dictdiffer(before, after):
    """Compare with dictdiffer; one entry may add or remove several members."""
    import dictdiffer

    return sum(1 if kind == "change" else len(what) for kind, _, what in dictdiffer.diff(before, after))


def with_jsonpatch(before, after):
    """Compare with jsonpatch, one operation a change."""
    import jsonpatch

    return len(jsonpatch.make_patch(before, after).patch)


def with_difflib(before, after):
    """Compare the printed lines with the standard library."""
    old, new = (json.dumps(side, indent=1, ensure_ascii=False).splitlines() for side in (before, after))
    return sum(line.startswith("@@") for line in difflib.unified_diff(old, new, n=0, lineterm=""))


def main():
    """Measure for at most a second or so many rounds, and print."""
    name, before, after = sys.argv[1], *(json.loads(Path(path).read_bytes()) for path in sys.argv[2:4])
    compare = globals()[f"with_{name}"]
    best, spent = float("inf"), 0.0
    for number in range(int(sys.argv[4]) + 1):
        began = time.process_time()
        changes = compare(before, after)
        seconds = time.process_time() - began
        spent += seconds
        # The first one imports, unless it is so slow that this does not matter.
        if number or seconds > 1:
            best = min(best, seconds)
        if spent > 1:
            break
    print(json.dumps({"seconds": best, "changes": changes}))


if __name__ == "__main__":
    main()
