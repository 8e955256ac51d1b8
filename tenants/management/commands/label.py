"""`label CONFIG [VERSION [good|bad | --withdraw]] [--reason TEXT]`."""

from typing import TYPE_CHECKING, Any

from tenants import actions, addresses, labelling
from tenants.chronicle import Label
from tenants.terminal import ExitCode, TerminalCommand, WrongUse, find_user

if TYPE_CHECKING:
    from argparse import ArgumentParser

    from tenants.documents import Value
    from tenants.models import TrackedConfig


class Command(TerminalCommand):
    help = "Label a version known good or bad, withdraw its label, or list the labels of a configuration."

    def add_arguments(self, parser: "ArgumentParser") -> None:
        super().add_arguments(parser)
        self.add_config_arguments(parser)
        parser.add_argument("version", metavar="VERSION", nargs="?", help="without it the labels are listed")
        parser.add_argument("word", metavar="good|bad", nargs="?", choices=[word.value for word in labelling.Word])
        parser.add_argument("--reason", default="", help="why; bad needs one")
        parser.add_argument("--withdraw", action="store_true", help="withdraw the label of the version")
        parser.add_argument("--all", action="store_true", help="list those that were withdrawn too")
        parser.add_argument("--as", dest="user", metavar="USER", help="who says so; default: this terminal")

    def run(self, **options: Any) -> ExitCode:
        user = find_user(options["user"]) if options["user"] else None
        config = addresses.find_config(user, (options["tenant"], options["address"]))
        if options["version"] is None:
            return self._list(config, everything=options["all"])
        snapshot = addresses.find_seen(config, options["version"])
        if options["withdraw"] == bool(options["word"]):
            raise WrongUse("Write good or bad, or --withdraw. Nothing was done.")
        if options["withdraw"]:
            standing = labelling.standing().filter(snapshot=snapshot).select_related("snapshot").first()
            if standing is None:
                raise WrongUse(f"v{snapshot.version} of {config.address} bears no label. Nothing was done.")
            label = actions.withdraw_label(standing, reason=options["reason"], acting_user=user)
            self._say(label, f"v{snapshot.version} is no longer labelled {label.get_word_display()}.")
            return ExitCode.DONE
        word = labelling.Word(options["word"])
        label = actions.label_version(snapshot, word, reason=options["reason"], acting_user=user)
        self._say(label, f"v{snapshot.version} of {config.address} is labelled {word.label}.")
        return ExitCode.DONE

    def _say(self, label: Label, sentence: str) -> None:
        if self.as_json:
            self.print_json(_as_json(label))
        self.tell(sentence)

    def _list(self, config: "TrackedConfig", *, everything: bool) -> ExitCode:
        labels = Label.objects.filter(snapshot__config=config).select_related("snapshot")
        shown = list(labels if everything else labels.filter(withdrawn_at__isnull=True))
        if self.as_json:
            self.print_json([_as_json(label) for label in shown])
        elif not shown:
            self.tell(f"No version of {config.address} bears a label.")
        else:
            self.table(
                ("VERSION", "LABEL", "SET", "BY", "REASON", ""),
                (
                    (
                        f"v{label.snapshot.version}",
                        label.get_word_display(),
                        f"{label.set_at:%Y-%m-%d %H:%M}",
                        "earned" if label.earned else label.setter,
                        label.reason,
                        "" if label.withdrawn_at is None else f"withdrawn by {label.withdrawer}",
                    )
                    for label in shown
                ),
            )
        return ExitCode.DONE


def _as_json(label: Label) -> "dict[str, Value]":
    withdrawn = label.withdrawn_at
    return {
        "version": label.snapshot.version,
        "digest": label.digest,
        "label": {"good": "known-good"}.get(label.word, label.word),
        "earned": label.earned,
        "reason": label.reason,
        "set_at": label.set_at.isoformat(),
        "set_by": label.setter,
        "withdrawn_at": None if withdrawn is None else withdrawn.isoformat(),
        "withdrawn_by": label.withdrawer or None,
        "withdrawal_reason": label.withdrawal_reason or None,
    }
