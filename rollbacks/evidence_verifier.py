#!/usr/bin/env python3
"""Check an evidence pack of Config Vault: one file, the standard library, and a public key.

    python3 verify.py PACK.zip PUBLIC_KEY [--checkpoints FILE]

PUBLIC_KEY is the console's Ed25519 key, 64 hexadecimal digits, got by another way than this pack: whoever made the pack
could have put a key of their own into it. FILE is a copy of the checkpoints that somebody kept outside the console.

What is checked, in this order:

1. links        every entry of the rollback: hash = SHA-256(0x00 | previous hash | SHA-256(payload))
2. chain        the entries of the tenant from the first of these to the last follow one another, number by number;
                of entries that are none of this rollback's business only the SHA-256 of the payload is here
3. signature    the checkpoint is signed (Ed25519, RFC 8032) with PUBLIC_KEY
4. inclusion    every entry is a leaf of the tree whose root the checkpoint signs (RFC 6962, section 2.1.1)
5. content      the bytes that were sent, and the canonical content before and after, have the digests in the entries

What the entries then say is proven to be what the console recorded, no later than the checkpoint was signed. It does
not prove that the console recorded the truth. Exit code 0: everything holds. 1: something does not. 2: wrong use.
3: nothing is wrong, but no checkpoint covers the entries, so the chain is all there is.
"""

import hashlib
import json
import sys
import zipfile

# --- Ed25519 (RFC 8032, section 5.1): only what verifying needs -------------------------------------------------------

P = 2**255 - 19
L = 2**252 + 27742317777372353535851937790883648493
D = -121665 * pow(121666, P - 2, P) % P
SQRT_M1 = pow(2, (P - 1) // 4, P)
BASE_Y = 4 * pow(5, P - 2, P) % P


def recover_x(y, sign):
    """Give the x of a point from its y and the lowest bit of x; None where there is no such point."""
    if y >= P:
        return None
    x2 = (y * y - 1) * pow(D * y * y + 1, P - 2, P) % P
    x = pow(x2, (P + 3) // 8, P)
    if (x * x - x2) % P:
        x = x * SQRT_M1 % P
    if (x * x - x2) % P or (x == 0 and sign):
        return None
    return P - x if x & 1 != sign else x


def point(encoded):
    """Read a point of 32 bytes in extended coordinates; None where it is none."""
    number = int.from_bytes(encoded, "little")
    y, sign = number & (1 << 255) - 1, number >> 255
    x = recover_x(y, sign)
    return None if x is None else (x, y, 1, x * y % P)


def add(p, q):
    """Add two points."""
    a, b = (p[1] - p[0]) * (q[1] - q[0]) % P, (p[1] + p[0]) * (q[1] + q[0]) % P
    c, d = 2 * p[3] * q[3] * D % P, 2 * p[2] * q[2] % P
    e, f, g, h = b - a, d - c, d + c, b + a
    return e * f % P, g * h % P, f * g % P, e * h % P


def multiply(number, p):
    """Add a point to itself so many times."""
    total = (0, 1, 1, 0)
    while number:
        if number & 1:
            total = add(total, p)
        p = add(p, p)
        number >>= 1
    return total


BASE = (recover_x(BASE_Y, 0), BASE_Y, 1, recover_x(BASE_Y, 0) * BASE_Y % P)


def is_signed(public_key, message, signature):
    """Tell whether the Ed25519 signature over the message is that of the key."""
    if len(public_key) != 32 or len(signature) != 64:
        return False
    a, r = point(public_key), point(signature[:32])
    s = int.from_bytes(signature[32:], "little")
    if a is None or r is None or s >= L:
        return False
    k = int.from_bytes(hashlib.sha512(signature[:32] + public_key + message).digest(), "little") % L
    left, right = multiply(s, BASE), add(r, multiply(k, a))
    return (left[0] * right[2] - right[0] * left[2]) % P == 0 and (left[1] * right[2] - right[1] * left[2]) % P == 0


# --- The chain and the tree -------------------------------------------------------------------------------------------


def sha256(data):
    """Give the SHA-256 of bytes."""
    return hashlib.sha256(data).digest()


def root_from(leaf, index, size, proof):
    """Give the root that a proof of inclusion leads to (RFC 9162, section 2.1.3.2); None for another shape."""
    if not 0 <= index < size:
        return None
    at, last, node = index, size - 1, sha256(b"\x00" + leaf)
    for part in proof:
        if last == 0:
            return None
        if at & 1 or at == last:
            node = sha256(b"\x01" + part + node)
            while at and not at & 1:
                at, last = at >> 1, last >> 1
        else:
            node = sha256(b"\x01" + node + part)
        at, last = at >> 1, last >> 1
    return node if last == 0 else None


# --- The pack ---------------------------------------------------------------------------------------------------------


class Checks:
    """What was checked, and what did not hold."""

    def __init__(self):
        """Begin with nothing."""
        self.wrong = 0

    def that(self, holds, sentence):
        """Print one check."""
        self.wrong += not holds
        print(("  ok    " if holds else "  WRONG ") + sentence)
        return holds


def entry_of(line):
    """Take a line of entries.jsonl apart without spelling the payload anew: the hash is over exactly these bytes."""
    told = json.loads(line)
    payload = line[len(b'{"payload":') : line.rindex(b',"previous_hash":"')]
    previous, own = bytes.fromhex(told["previous_hash"]), bytes.fromhex(told["hash"])
    spelled = b'{"payload":%s,"previous_hash":"%s","hash":"%s"}' % (
        payload,
        previous.hex().encode(),
        own.hex().encode(),
    )
    if line != spelled:
        raise ValueError("a line of entries.jsonl is not spelled as the console spells it")
    return payload, json.loads(payload), previous, own


def check_links(check, entries):
    """Check each entry by itself, and that all are of one tenant and one rollback."""
    for payload, fields, previous, own in entries:
        check.that(
            sha256(b"\x00" + previous + sha256(payload)) == own,
            "entry %d  %s  %s by %s: %s" % tuple(fields[name] for name in ("seq", "at", "action", "actor", "outcome")),
        )
    tenants = {fields["tenant"]["id"] for _, fields, _, _ in entries}
    rollbacks = {fields["rollback"] for _, fields, _, _ in entries}
    check.that(len(tenants) == len(rollbacks) == 1, "all of them are of one tenant and one rollback")


def check_chain(check, entries, links):
    """Check that the tenant's entries follow one another from the first of these to the last."""
    known = {fields["seq"]: own for _, fields, _, own in entries}
    wanted, previous, seen = min(known), entries[0][2], 0
    for line in links:
        told = json.loads(line)
        own = sha256(b"\x00" + previous + bytes.fromhex(told["payload_sha256"]))
        if told["seq"] != wanted or own.hex() != told["hash"] or known.get(wanted, own) != own:
            check.that(seen < 0, "entry %d does not follow the one before it" % wanted)
            return
        wanted, previous, seen = wanted + 1, own, seen + 1
    check.that(
        wanted == max(known) + 1, "entries %d to %d follow one another (%d links)" % (min(known), wanted - 1, seen)
    )


def check_checkpoint(check, line, public_key, tenant):
    """Check a checkpoint's signature and whose it is, and give what it says."""
    head, tail = len(b'{"checkpoint":'), len(b',"signature":""}') + 128
    body, told = line[head:-tail], json.loads(line)
    said = told["checkpoint"]
    signature = bytes.fromhex(told["signature"])
    check.that(
        json.loads(body) == said and is_signed(public_key, b"config-vault checkpoint v1\n" + body, signature),
        "checkpoint %d of %s over %d entries is signed with the public key"
        % (said["number"], said["at"], said["size"]),
    )
    check.that(said["tenant"]["id"] == tenant, "it is of the same tenant, %s" % said["tenant"]["slug"])
    return said


def check_inclusion(check, entries, said, proofs):
    """Check that each entry is in the tree that the checkpoint signs."""
    for _, fields, _, own in entries:
        proof = [bytes.fromhex(part) for part in proofs.get(str(fields["seq"]), [])]
        root = root_from(own, fields["seq"] - 1, said["size"], proof)
        check.that(root == bytes.fromhex(said["root"]), "entry %d is in the tree of the checkpoint" % fields["seq"])


def named(value, keys, path=()):
    """Give every text in a JSON value that stands under one of these paths of names."""
    if isinstance(value, dict):
        for key, inner in value.items():
            yield from named(inner, keys, (*path, key))
    elif isinstance(value, list):
        for inner in value:
            yield from named(inner, keys, path)
    elif any(path[-len(key) :] == key for key in keys):
        yield value


def check_content(check, entries, files):
    """Check the bytes in the pack against the digests that the entries name."""
    places = {
        "before.canonical.json": [("base", "digest")],
        "target.canonical.json": [("target", "digest"), ("target_digest",)],
        "after.canonical.json": [("after", "digest")],
    }
    for name in sorted(files):
        where = [("body_sha256",)] if name.startswith("body-") else places.get(name)
        if where:
            told = {text for _, fields, _, _ in entries for text in named(fields["details"], where)}
            check.that(sha256(files[name]).hex() in told, "%s has the digest that the entries name" % name)


def verify(files, public_key, kept):
    """Check everything in a pack, given its files by name, and return the exit code."""
    check = Checks()
    entries = [entry_of(line) for line in files["entries.jsonl"].splitlines()]
    print("Entries of the rollback")
    check_links(check, entries)
    print("Chain")
    if files.get("links.jsonl"):
        check_chain(check, entries, files["links.jsonl"].splitlines())
    else:
        print("  not in this pack: there are too many entries in between; the tree proves their place")
    print("Checkpoint")
    line = files.get("checkpoint.json", b"").strip()
    if line:
        said = check_checkpoint(check, line, public_key, entries[0][1]["tenant"]["id"])
        check_inclusion(check, entries, said, json.loads(files["proofs.json"]))
        if kept is not None:
            check.that(line in kept, "the copy that was kept outside the console has this checkpoint")
    else:
        print("  NONE  no checkpoint covers these entries")
    print("Content")
    check_content(check, entries, files)
    if check.wrong:
        print("\n%d of these do NOT hold. The pack is not what the console recorded." % check.wrong)
        return 1
    if not line:
        print("\nNothing is wrong, but no checkpoint covers the entries: the chain is all there is.")
        return 3
    print("\nEverything holds: this is what the console recorded, no later than %s." % said["at"])
    return 0


def main(words):
    """Read the command line, the pack and the key."""
    kept = None
    if len(words) == 4 and words[2] == "--checkpoints":
        with open(words[3], "rb") as file:
            kept = file.read().splitlines()
    elif len(words) != 2:
        print("\n".join(__doc__.splitlines()[2:7]))
        return 2
    try:
        with zipfile.ZipFile(words[0]) as pack:
            files = {name: pack.read(name) for name in pack.namelist()}
        public_key = bytes.fromhex(words[1])
    except (OSError, ValueError, zipfile.BadZipFile) as error:
        print("The pack or the key cannot be read: %s" % error)
        return 2
    try:
        return verify(files, public_key, kept)
    except (KeyError, ValueError, TypeError, IndexError, AttributeError, RecursionError) as error:
        print("\nThe pack is not what the console makes: %s: %s. It does NOT hold." % (type(error).__name__, error))
        return 1


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
