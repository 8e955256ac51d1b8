"""Take configurations that nobody here wrote through everything that the console does: `python -m tests.real DIR`.

Each folder of `DIR` is the history of one real configuration (v0001.json …). A practice platform in a process of its
own serves them; the console imports, shows, compares and rolls back over HTTP, and what it did is held against the
files and against the platform's own log.
"""
