"""One request to a model, from the moment before it is sent to the end of its answer, whatever library sends it."""

from __future__ import annotations

import json
import sys
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import replace
from types import TracebackType
from typing import Any, NoReturn

from spanledger.bound import Bound
from spanledger.call import Calls
from spanledger.errors import BudgetExceeded, Refusal, Refused, contained
from spanledger.messages import NOTHING, Answer
from spanledger.stream import Tap
from spanledger_instrumentation.clients.billing import billed, billed_status
from spanledger_instrumentation.clients.sizes import ADDED
from spanledger_instrumentation.openai.added import Added
from spanledger_instrumentation.refusal import refuse
from spanledger_instrumentation.wire.reading import Head, Reading


class StatusError(Exception):
    """The provider answered with an error, as HTTP tells it. The app sees the answer; spans say what it was."""

    def __init__(self, status: int) -> None:
        super().__init__(f"HTTP {status}")
        self.status_code = status
        self.error_type = str(status)


class Exchange:
    """Holds a call together with what its answer is read by. Entered for as long as the request is being made.

    `refused` are fields that its server is known to refuse, and is told of more. `sent` are the bytes of its body, None
    where nobody knows; `may_alter`: another body may be sent in its place. It also is what a tap tells, because a body
    that comes at once has no first chunk.
    """

    def __init__(
        self, calls: Calls, reading: Reading, refused: set[str], *, sent: int | None = None, may_alter: bool = False
    ) -> None:
        self.call = calls.start(reading.request())
        self._reading = reading
        self._sent = sent
        self._may_alter = may_alter
        self._added = Added(refused)
        if may_alter and reading.takes_usage_option:
            self._added.ask(reading.asked.body)
        self._output: int | None = None
        self._handed_over = False

    def prepare(self) -> None:
        """Let the budgets put a cap, or a cheaper model, where they want it and it can be put into the body.

        Raises:
            BudgetExceeded: A budget wants a cap of the app's own. `Refused` below a door.
        """
        field, admission = self._reading.cap_field, self.call.admission
        if admission is None or field is None or not self._may_alter:
            return
        try:
            cut = admission.cut(self._bound(), fixed="model" not in self._reading.asked.body)
        except Refused as refused:
            self._refused(refused.refusal)
        self._output = cut.output
        if cut.output is not None:
            self._added.cap(field, cut.output)
        if cut.model is not None:
            self.call.ask_instead(cut.model)
            self._added.fields["model"] = cut.model

    def admission(self) -> Iterator[float]:
        """Leave from the budgets for an attempt; yields seconds to sleep while it is not given and there is hope.

        Raises:
            BudgetExceeded: There is no room. `Refused` below a door.
        """
        admission = self.call.admission
        if admission is None:
            return
        try:
            yield from admission.admit(self._bound())
        except Refused as refused:
            self._refused(refused.refusal)

    def _refused(self, refusal: Refusal) -> NoReturn:
        self.call.fail(BudgetExceeded(refusal))
        refuse(refusal)

    def _bound(self) -> Bound:
        """The worst case; where we fail to read it, one that only limits of the model bound."""
        with contained("wire"):
            found = self._reading.bound(None if self._sent is None else self._sent + ADDED)
            return found if self._output is None else replace(found, output=self._output)
        return Bound(None, None, passes=None)

    @property
    def alters(self) -> bool:
        """Whether the request is sent with another body than the app's."""
        return bool(self._added.fields)

    def _attempt_over(self, *, may_be_billed: bool) -> None:
        self.call.attempt_over(billed=may_be_billed)

    @property
    def ended(self) -> bool:
        """Whether the call has come to its end."""
        return self.call.ended

    @property
    def elapsed(self) -> float:
        """Seconds since the call began."""
        return self.call.elapsed

    def first_chunk(self) -> None:
        """The first piece of the answer is here."""
        if self._reading.asked.stream:
            self.call.first_chunk()

    def succeed(self, answer: Answer) -> None:
        """The answer is complete."""
        self.call.succeed(answer)

    def fail(self, error: BaseException, answer: Answer = NOTHING) -> None:
        """This error came instead of the rest of the answer."""
        self.call.fail(error, answer)

    def __enter__(self) -> Exchange:
        self._active = self.call.active()
        self._handled = sys.exception()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace_back: TracebackType | None
    ) -> None:
        self._active.release()
        if error is not None and not self._handed_over and not isinstance(error, (Refused, BudgetExceeded)):
            self._attempt_over(may_be_billed=billed(error, self._handled))
        if isinstance(error, Exception):
            self.call.fail(error)
        elif error is not None:
            self.call.fail(error, self._reading.plain().partial(self.call.elapsed))
        elif not self._handed_over:
            self.call.succeed(NOTHING)

    def asking(self, body: bytes | str) -> bytes:
        """The body with what is added to it; all else stays byte for byte where the app gave none of it itself."""
        raw = body.encode() if isinstance(body, str) else body
        said, added = self._reading.asked.body, self._added.fields
        if not added.keys().isdisjoint(said):  # of two fields of one name servers take the last
            return json.dumps(self.altered(said)).encode()
        return json.dumps(added, separators=(",", ":")).encode()[:-1] + b"," + raw.lstrip()[1:]

    def altered(self, body: Mapping[str, Any]) -> dict[str, Any]:
        """The same for a body that is yet to be written as JSON."""
        return {**body, **self._added.fields}

    def may_reject(self, status: int) -> bool:
        """Whether an answer may be about what we added, so that its body is to be looked at."""
        return self._added.may_be_refused(status)

    def rejected(self, body: bytes | None) -> bool:
        """Whether an answer is about what we added; then the request is made again without.

        An answer without a body may be.
        """
        if not self._added.again(None if body is None else body.decode(errors="replace")):
            return False
        self._attempt_over(may_be_billed=False)
        return True

    def tap(self, status: int, headers: Iterable[tuple[str, str]]) -> Tap | None:
        """The head of the answer is here: what is to be put into its body; None where that costs nothing."""
        head = Head(status, {name.lower(): value for name, value in headers})
        if self._reading.limits is not None:
            self.call.limits(self._reading.limits.read(head))
        if status >= 300:
            self._attempt_over(may_be_billed=billed_status(status))
            self.call.fail(StatusError(status))
            return None
        self._added.got_through()
        return self._reading.tap(self, head, usage_asked=self._added.asks)

    def hand_over(self) -> None:
        """The tap is in place; it ends the call."""
        self._handed_over = True
