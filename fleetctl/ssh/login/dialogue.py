"""What a server is told that asks questions at login (keyboard-interactive, RFC 4256): who answers which.

An answer of the inventory's comes first, then the login's password, then a person. A password is never asked for
here: somebody who has none for a host would be asked again on each of them.
"""

from __future__ import annotations

import re
from contextlib import ExitStack

from paramiko import Transport
from paramiko.ssh_exception import AuthenticationException

from fleetctl.errors import SecretError, TimedOut
from fleetctl.model import Answer, Secret
from fleetctl.ssh.login.method import Field, Questions, try_login
from fleetctl.ssh.login.visit import Visit
from fleetctl.ssh.translate import FOREIGN
from fleetctl.ssh.transport import lives

_PASSWORD = re.compile(r"passw", re.IGNORECASE)
_NO_PASSWORD = re.compile(r"\b(new|retype|code|token|otp|pin|one.?time|passcode|verif\w*)\b", re.IGNORECASE)


class Unanswered(Exception):
    """A question that nobody has an answer to."""

    def __init__(self, prompt: str, reason: str, hint: str) -> None:
        super().__init__(f"no answer to {prompt.strip()!r}: {reason}")
        self.hint = hint


class Dialogue:
    """The questions of one server in one login. `password_sent` is whether the login's password was an answer."""

    def __init__(self, visit: Visit) -> None:
        self._visit = visit
        self._asked: list[str] = []
        self._sent: set[Secret] = set()
        self._person_waited = False
        self.password_sent = False

    @property
    def name(self) -> str:
        if self.password_sent and len(self._asked) == 1:
            return "password, asked for"
        if not self._asked:
            return "answers, but nothing was asked"
        answers = f"answers to {', '.join(map(repr, self._asked))}"
        return f"{answers}, the password among them" if self.password_sent else answers

    def hold(self, transport: Transport) -> list[str]:
        """Try the method.

        Returns, raises: as try_login; Unanswered; TimedOut when the server did not wait for a person.
        """
        user = self._visit.hop.login.user
        with ExitStack() as stack:
            try:
                return try_login(
                    transport,
                    lambda handler, done: handler.auth_interactive(user, None, done),  # type: ignore[arg-type]
                    lambda questions: self._reply(questions, transport, stack),
                )
            except FOREIGN as error:
                if self._person_waited and not lives(transport):
                    raise TimedOut(
                        "the server hung up before its question was answered",
                        hint="it waits for a login as long as its LoginGraceTime says, mostly 120 s: be quicker, "
                        "take fewer hosts at once (--fanout), or let a command answer (`answers` in the inventory)",
                    ) from error
                raise

    def _reply(self, questions: Questions, transport: Transport, stack: ExitStack) -> list[str]:
        self._asked += [field.prompt.strip() for field in questions.fields]
        return [self._answer(field, questions, transport, stack) for field in questions.fields]

    def _answer(self, field: Field, questions: Questions, transport: Transport, stack: ExitStack) -> str:
        try:
            given = self._given(field, questions)
            if given is not None:
                return self._of_inventory(given, transport, stack)
            if self._wants_password(field, questions):
                return self._password(field, transport, stack)
            return self._from_person(field, questions)
        except SecretError as error:
            raise Unanswered(field.prompt, error.message, error.hint) from error

    def _given(self, field: Field, questions: Questions) -> Answer | None:
        """The first of the inventory's answers that fits. Some servers say what they want above an empty prompt."""
        text = field.prompt if len(questions.fields) > 1 else f"{questions.text}\n{field.prompt}"
        found = (one for one in self._visit.hop.login.answers if re.search(one.prompt, text, re.IGNORECASE))
        return next(found, None)

    def _of_inventory(self, given: Answer, transport: Transport, stack: ExitStack) -> str:
        if given.secret is not None:
            return self._shared(given.secret, transport, stack)
        with self._visit.cancel.paused(self._visit.deadline):  # a command has a time-out of its own
            return self._visit.means.run(given).reveal()

    def _wants_password(self, field: Field, questions: Questions) -> bool:
        if field.shown or _NO_PASSWORD.search(field.prompt):
            return False
        hidden = sum(not one.shown for one in questions.fields)
        alone = hidden == 1 and self._visit.hop.login.password is not None and not self.password_sent
        return alone or _PASSWORD.search(field.prompt) is not None

    def _password(self, field: Field, transport: Transport, stack: ExitStack) -> str:
        password = self._visit.hop.login.password
        if password is None:
            raise Unanswered(field.prompt, "no password is given", self._visit.how_to_give_a_password)
        if self.password_sent:
            raise AuthenticationException("asked for the password again")
        self.password_sent = True
        return self._shared(password, transport, stack)

    def _shared(self, secret: Secret, transport: Transport, stack: ExitStack) -> str:
        """One that other hosts are told as well: until the method is over, this login has its turn to send it."""
        if secret not in self._sent:
            stack.enter_context(self._visit.sending(secret, transport))
            self._sent.add(secret)
        return secret.reveal()

    def _from_person(self, field: Field, questions: Questions) -> str:
        visit = self._visit
        if visit.means.person is None:
            raise Unanswered(
                field.prompt,
                "there is nobody to ask",
                f"`answers: {{{field.prompt.strip(' :')[:40]!r}: {{command: [...]}}}}` in the inventory answers it",
            )
        said = [line for text in (questions.title, questions.text) for line in text.splitlines() if line.strip()]
        question = "\n".join(f"{visit.hop.name}: {line}" for line in (*said, field.prompt))
        self._person_waited = True
        with visit.cancel.paused(visit.deadline):
            return visit.means.person.ask(question, visit.cancel, shown=field.shown).reveal()
