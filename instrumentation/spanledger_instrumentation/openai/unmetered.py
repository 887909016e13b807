"""What costs money at OpenAI and is not metered, because no answer that this process reads tells what it took.

Under a hard budget such a request is refused; without one, and under `unbounded: window`, it goes uncounted. Storage
(files, vector stores, containers) is billed by time and not by any request: it is neither metered nor refused.
"""

from __future__ import annotations

import re
from functools import lru_cache
from typing import Any

from spanledger.call import Calls
from spanledger.errors import BudgetExceeded
from spanledger.messages import Request
from spanledger_instrumentation.clients.whom import whom
from spanledger_instrumentation.openai.request import path_of, provider
from spanledger_instrumentation.refusal import refuse as leave

#: Paths to which a POST begins something that costs money, the operation, and what it is in a sentence.
_PATHS: tuple[tuple[re.Pattern[str], str, str], ...] = tuple(
    (re.compile(pattern), operation, sentence)
    for pattern, operation, sentence in (
        (r"^/realtime/(calls|client_secrets|sessions|transcription_sessions|translations/client_secrets)(/[^/]+/accept)?$",
         "realtime_session", "a realtime session that others hold is not metered"),
        (r"^/live/(sessions|client_secrets)(/[^/]+/(accept|fork))?$", "live_session", "a live session is not metered"),
        (r"^/chatkit/sessions$", "chatkit_session", "a ChatKit session is not metered"),
        (r"^/threads(/[^/]+)?/runs(/[^/]+/submit_tool_outputs)?$", "assistant_run",
         "a run of an assistant is not metered"),
        (r"^/agents/sessions(/[^/]+/events)?$", "agent_session", "a session of a hosted agent is not metered"),
        (r"^/agents/automations(/[^/]+/invocations)?$", "agent_session", "a hosted agent's automation is not metered"),
        (r"^/fine_tuning/jobs$", "fine_tuning", "fine-tuning is not metered"),
        (r"^/fine_tuning/alpha/graders/run$", "evaluation", "a grader is not metered"),
        (r"^/evals/[^/]+/runs$", "evaluation", "a run of an evaluation is not metered"),
        (r"^/videos(/[a-z]+|/[^/]+/remix)?$", "video_generation", "videos are not metered"),
    )
)  # fmt: skip


@lru_cache(maxsize=1024)
def _found(method: str, url: str) -> tuple[str, str] | None:
    path = path_of(url)
    if method.lower() != "post":
        return None
    return next(((operation, sentence) for pattern, operation, sentence in _PATHS if pattern.match(path)), None)


def refuse(calls: Calls, client: Any, method: str, url: str) -> None:
    """Refuse a request of which nobody will know what it cost, where a budget is hard.

    Raises:
        BudgetExceeded: one is. A span says so, as with every call that is refused.
        Refused: the same, to the door above.
    """
    if calls.guard is None or (found := _found(method, url)) is None:
        return
    operation, sentence = found
    try:
        calls.payers.unbounded(sentence)
    except BudgetExceeded as error:
        who = whom(client, provider)
        asked = Request(operation, who.provider, server_address=who.host or None, server_port=who.port, key=who.key)
        calls.start(asked).fail(error)
        leave(error.refusal)
