"""The platform's own domains; the list is PLATFORM.md's, "Access", and nothing else is a fixed host."""

DOMAINS: tuple[str, ...] = (
    "mypurecloud.com",
    "use2.us-gov-pure.cloud",
    "usw2.pure.cloud",
    "cac1.pure.cloud",
    "mxc1.pure.cloud",
    "sae1.pure.cloud",
    "mypurecloud.ie",
    "euw2.pure.cloud",
    "mypurecloud.de",
    "euc2.pure.cloud",
    "edee1.eusc-pure.cloud",
    "mec1.pure.cloud",
    "aps1.pure.cloud",
    "mypurecloud.jp",
    "apne2.pure.cloud",
    "apne3.pure.cloud",
    "apse1.pure.cloud",
    "mypurecloud.com.au",
)

CUSTOM = "custom"
"""The region of a tenant whose hosts are its own; allowed only with CONSOLE_ALLOW_CUSTOM_HOSTS."""


def api_host(domain: str) -> str:
    """Give the base URL of the API of a region's domain."""
    return f"https://api.{domain}"


def login_host(domain: str) -> str:
    """Give the base URL of the token endpoint of a region's domain."""
    return f"https://login.{domain}"
