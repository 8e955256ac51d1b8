"""One tree of errors, split by what the console then knows.

    RemoteError
    ├── RemoteRefused   the answer is no, and nothing changed
    ├── RemoteWrong     an answer came that cannot be used
    └── RemoteUnknown   nobody knows (yet): reading decides

`sent` tells whether the request that was asked for may have left this machine. Where it is False nothing was sent,
whatever the branch: a write that found no token, for example.
"""


class RemoteError(Exception):
    """Say in a whole sentence what happened with the platform, what was not done, and what to do next."""

    def __init__(
        self,
        sentence: str,
        *,
        status: int | None = None,
        code: str = "",
        remote_message: str = "",
        correlation_id: str = "",
        retry_after: float | None = None,
        sent: bool = True,
    ) -> None:
        if correlation_id and correlation_id not in sentence:
            # By it the platform's support finds the request, so it goes wherever the sentence goes.
            sentence = f"{sentence} Correlation id {correlation_id}."
        super().__init__(sentence)
        self.sentence = sentence
        self.status = status
        self.code = code
        self.remote_message = remote_message
        self.correlation_id = correlation_id
        self.retry_after = retry_after
        self.sent = sent
        self.for_good = False
        """Whether this client is not to try again by itself: the way was tried once, or was not to be tried."""

    def __str__(self) -> str:
        return self.sentence


class RemoteRefused(RemoteError):
    """The answer is no, and nothing changed."""


class CredentialsRefused(RemoteRefused):
    """The OAuth client or its token was not accepted."""


class PermissionMissing(RemoteRefused):
    """The OAuth client may not do this (403)."""


class ObjectMissing(RemoteRefused):
    """The platform itself says that the object is not there (404) or not there any more (410)."""


class RequestRefused(RemoteRefused):
    """The platform refused the request as it was made (400, 405, 413, 415, 422 and their like)."""


class AddressNotAllowed(RemoteRefused):
    """The console refused to speak to this address; nothing was sent."""


class RemoteWrong(RemoteError):
    """An answer came that cannot be used."""


class NotJson(RemoteWrong):
    """The answer is not the JSON that the platform speaks: a gateway's page, half an object, a wrong encoding."""


class TooLarge(RemoteWrong):
    """The answer is longer than the console reads."""


class Redirected(RemoteWrong):
    """The answer points elsewhere; redirects are not followed, so that no token goes to a stranger."""


class UnexpectedAnswer(RemoteWrong):
    """The answer's status or encoding does not belong to the request."""


class TokenUnusable(RemoteWrong):
    """The token endpoint answered with something that is no token."""


class CyclicList(RemoteWrong):
    """A list's pages lead in a circle, or on without an end."""


class WrongOrganization(RemoteWrong):
    """The OAuth client belongs to another organization than the tenant."""


class RemoteUnknown(RemoteError):
    """Nobody knows yet: a read may be tried again, after a write only reading decides."""


class Unreachable(RemoteUnknown):
    """No connection was made, so nothing was sent."""


class TimedOut(RemoteUnknown):
    """No answer, or not all of it, within the deadline."""


class ConnectionLost(RemoteUnknown):
    """The connection broke before the answer was complete, or the answer could not be read to its end."""


class RemoteUnavailable(RemoteUnknown):
    """The platform could not do it now (408, 5xx)."""


class RateLimited(RemoteUnknown):
    """Too many requests (429); `retry_after` says for how long."""


class VersionConflict(RemoteUnknown):
    """Another state than the expected one, or a conflict of another kind (409, 412, 428)."""


class Locked(RemoteUnknown):
    """The object is locked for a while (423)."""


class BudgetSpent(RemoteUnknown):
    """The OAuth client's requests of this minute are spent, or the platform asked for a pause; nothing was sent."""


class TooLate(RemoteUnknown):
    """The process was held up past the moment by which a write had to leave, so nothing was sent."""

    def __init__(self, asked: str) -> None:
        super().__init__(f"The console was held up for too long, so {asked} was not sent any more.", sent=False)


class TenantDown(RemoteUnknown):
    """The tenant's platform has not answered for a while, so nothing was sent."""
