"""How somebody signs in: look at it, and help whoever has lost something."""

from argparse import ArgumentParser
from typing import Any

from allauth.mfa.models import Authenticator
from allauth.socialaccount.models import SocialAccount
from allauth.usersessions.models import UserSession
from django.contrib.auth.models import User

from console.signing_in import keeping
from tenants.terminal import ExitCode, TerminalCommand, WrongUse, find_user


class Command(TerminalCommand):
    help = "Show how a person logs in, remove a lost second factor, end sessions, and link to the identity provider."
    steps = ("show", "reset", "end-sessions", "link", "unlink")

    def add_arguments(self, parser: ArgumentParser) -> None:
        super().add_arguments(parser)
        parser.add_argument("step", choices=self.steps, help="what to do")
        parser.add_argument("person", metavar="USER")
        parser.add_argument("--subject", help="link: what the identity provider calls the person (the claim sub)")
        parser.add_argument("--as", dest="acting_user", metavar="OWNER", help="the platform owner who does it")

    def run(self, **options: Any) -> ExitCode:
        step, person, subject = options["step"], options["person"], options["subject"]
        acting_user = options["acting_user"]
        found = User.objects.filter(username=person).first()
        if found is None:
            raise WrongUse(f"There is no user {person!r}. Nothing was done.")
        if step == "show":
            return self._show(found)
        if acting_user is None:
            raise WrongUse("Say which platform owner does this: --as OWNER. Nothing was done.")
        owner = find_user(acting_user)
        if step == "link" and not subject:
            raise WrongUse("Say what the identity provider calls the person: --subject SUBJECT. Nothing was done.")
        count = 1
        if step == "reset":
            count = keeping.reset_second_factors(found, acting_user=owner)
        elif step == "end-sessions":
            count = keeping.end_sessions(found, acting_user=owner)
        elif step == "link":
            keeping.link_subject(found, subject or "", acting_user=owner)
        else:
            keeping.unlink_subject(found, acting_user=owner)
        sentence = {
            "reset": f"{count} second factors of {person} were removed, and their sessions ended.",
            "end-sessions": f"{count} sessions of {person} were ended.",
            "link": f"{person} logs in as {subject!r} of the identity provider.",
            "unlink": f"{person} no longer logs in through the identity provider.",
        }[step]
        if self.as_json:
            self.print_json({"user": person, "done": step, "count": count})
        else:
            self.tell(sentence)
        return ExitCode.DONE

    def _show(self, person: User) -> ExitCode:
        factors = [str(kind) for kind in Authenticator.objects.filter(user=person).values_list("type", flat=True)]
        subjects = list(SocialAccount.objects.filter(user=person, provider="sso").values_list("uid", flat=True))
        sessions = UserSession.objects.filter(user=person).count()
        if self.as_json:
            told = {
                "user": person.get_username(),
                "password": person.has_usable_password(),
                "second_factors": sorted(factors),
                "subject": subjects[0] if subjects else None,
                "sessions": sessions,
            }
            self.print_json(told)
            return ExitCode.DONE
        has = ["a password"] if person.has_usable_password() else []
        self.tell(f"{person.get_username()} logs in with {', '.join([*has, *sorted(factors)]) or 'nothing'}.")
        if subjects:
            self.tell(f"The identity provider knows them as {subjects[0]!r}.")
        self.tell(f"Sessions: {sessions}.")
        return ExitCode.DONE
