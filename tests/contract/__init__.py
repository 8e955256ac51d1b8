"""Hold the practice platform against a client that nobody here wrote: `make contract`.

The vendor's Python SDK is installed in an environment of its own (`.venv-contract`), talks to `manage.py practice`
in a process of its own, and every answer has to come out of its models as it went in. What the SDK cannot parse is a
fault of the practice platform. `sdk_*.py` are run there, never by `make test`; the product does not use the SDK.
"""
