"""The metrics of the contract. A call costs the app one append to a queue; measuring is done by a thread beside it.

Recording into an SDK histogram takes longer than all else that is done for a call, so facts wait in a queue until a
reader collects, or until enough of them have come together.
"""

from __future__ import annotations

import os
import threading
from collections import deque
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Any

from opentelemetry import metrics, trace
from opentelemetry.context import Context
from opentelemetry.metrics import CallbackOptions, Observation
from opentelemetry.trace import SpanContext

from spanledger.caching import result_of
from spanledger.errors import Contained, contained
from spanledger.ledger import CacheEvent
from spanledger.lineage import Facts
from spanledger.money import NANO
from spanledger.pipeline.tally import OTHER, Capped, Labels, Tally
from spanledger.semconv import names

#: Facts that wait at most before they are measured without a reader asking.
BATCH = 512
#: Distinct values of a label, after which new ones are counted as `other`.
MODELS, STAGES, TENANTS, LAYERS = 200, 200, 500, 50

#: Upstream's own metrics, of semantic conventions 1.41.1.
TOKEN_USAGE = ("gen_ai.client.token.usage", "{token}", "Number of input and output tokens used.")
DURATION = ("gen_ai.client.operation.duration", "s", "GenAI operation duration.")
FIRST_CHUNK = ("gen_ai.client.operation.time_to_first_chunk", "s", "Time to receive the first chunk.")

TOKEN_BUCKETS: list[float] = [1, 4, 16, 64, 256, 1024, 4096, 16384, 65536, 262144, 1048576, 4194304, 16777216, 67108864]
SECOND_BUCKETS: list[float] = [0.01, 0.02, 0.04, 0.08, 0.16, 0.32, 0.64, 1.28, 2.56, 5.12, 10.24, 20.48, 40.96, 81.92]


@dataclass(frozen=True, slots=True)
class AgentRun:
    """One execution of an agent or stage that has ended. Duration in seconds, tokens of all calls below it.

    `cost` is what is known of theirs in nano-USD, `unpriced` how many owe more. `error` is the class of what ended it.
    """

    agent: str
    status: str
    duration: float
    input: int
    output: int
    cost: int = 0
    unpriced: int = 0
    error: str = ""


class Meters:
    """All instruments, and the queue in front of them. One for each process; a fork starts from zero."""

    def __init__(self, provider: metrics.MeterProvider | None = None, info: Labels = ()) -> None:
        self._queue: deque[tuple[Facts, SpanContext] | AgentRun | CacheEvent] = deque()
        self._info = info
        self._model, self._stage, self._tenant = Capped(MODELS), Capped(STAGES), Capped(TENANTS)
        self._layer = Capped(LAYERS)
        self._tallies: dict[str, Tally] = {}
        #: Are told of agents and stages that have ended.
        self.listeners: list[Callable[[AgentRun], object]] = []
        self._begin()
        self._instruments(metrics.get_meter("spanledger", meter_provider=provider))
        if hasattr(os, "register_at_fork"):
            os.register_at_fork(after_in_child=self._forked)

    def _begin(self) -> None:
        self._drain_lock = threading.Lock()
        self._wake = threading.Event()
        self._worker: threading.Thread | None = None

    def _forked(self) -> None:
        self._queue.clear()
        Contained.counts.clear()
        for tally in self._tallies.values():
            tally.clear()
        self._begin()

    def _tally(self, meter: metrics.Meter, kind: str, metric: tuple[str, str, str]) -> Tally:
        name, unit, brief = metric
        tally = self._tallies[name] = Tally()
        create = getattr(meter, f"create_observable_{kind}")
        create(name, callbacks=[tally], unit=unit, description=brief)
        return tally

    def _instruments(self, meter: metrics.Meter) -> None:
        meter.create_observable_counter(
            names.METRIC_SPANLEDGER_ERRORS[0], [self._errors], *names.METRIC_SPANLEDGER_ERRORS[1:]
        )
        self._calls = self._tally(meter, "counter", names.METRIC_SPANLEDGER_CALLS)
        self._unpriced = self._tally(meter, "counter", names.METRIC_SPANLEDGER_UNPRICED_CALLS)
        self._caches = self._tally(meter, "counter", names.METRIC_SPANLEDGER_CACHE_EVENTS)
        self._requests_left = self._tally(meter, "gauge", names.METRIC_SPANLEDGER_RATELIMIT_REMAINING_REQUESTS)
        self._tokens_left = self._tally(meter, "gauge", names.METRIC_SPANLEDGER_RATELIMIT_REMAINING_TOKENS)
        self._invocations = self._tally(meter, "counter", names.METRIC_AGENT_INVOCATIONS)
        self._by_status = self._tally(meter, "counter", names.METRIC_AGENT_INVOCATIONS_BY_STATUS)
        self._agent_tokens = self._tally(meter, "counter", names.METRIC_AGENT_TOKENS)
        self._active = self._tally(meter, "up_down_counter", names.METRIC_AGENT_ACTIVE_EXECUTIONS)
        self._cost = meter.create_counter(*names.METRIC_SPANLEDGER_COST)

        def histogram(metric: tuple[str, str, str], buckets: list[float]) -> metrics.Histogram:
            return meter.create_histogram(*metric, explicit_bucket_boundaries_advisory=buckets)

        self._tokens = histogram(TOKEN_USAGE, TOKEN_BUCKETS)
        self._duration = histogram(DURATION, SECOND_BUCKETS)
        self._first_chunk = histogram(FIRST_CHUNK, SECOND_BUCKETS)
        self._execution = histogram(names.METRIC_AGENT_EXECUTION_DURATION, SECOND_BUCKETS)
        self._prompt = histogram(names.METRIC_AGENT_PROMPT_TOKENS, TOKEN_BUCKETS)
        self._completion = histogram(names.METRIC_AGENT_COMPLETION_TOKENS, TOKEN_BUCKETS)
        info = names.METRIC_APP_INFO
        meter.create_observable_gauge(info[0], [self._app_info], info[1], info[2])

    def call(self, facts: Facts, context: SpanContext) -> None:
        """A metered call has ended; `context` is its span's, for exemplars."""
        self._put((facts, context))

    def agent_started(self, agent: str) -> None:
        """An agent or stage begins."""
        self._active.add(((names.GEN_AI_AGENT_NAME, self._stage(agent)),))

    def agent_stopped(self, agent: str) -> None:
        """An agent or stage that was said to begin runs no more."""
        self._active.add(((names.GEN_AI_AGENT_NAME, self._stage(agent)),), -1)

    def agent_ended(self, run: AgentRun) -> None:
        """An agent or stage has ended, whether or not its beginning was seen."""
        self._put(run)
        for tell in self.listeners:
            tell(run)

    def cache_asked(self, event: CacheEvent) -> None:
        """A cache of the app's was asked."""
        self._put(event)

    def _put(self, item: tuple[Facts, SpanContext] | AgentRun | CacheEvent) -> None:
        self._queue.append(item)
        if len(self._queue) >= BATCH and not self._wake.is_set():
            self._wake.set()
            if self._worker is None:
                self._worker = threading.Thread(target=self._work, name="spanledger-meters", daemon=True)
                self._worker.start()

    def _work(self) -> None:
        while self._wake.wait():
            self._wake.clear()
            self.drain()

    def drain(self) -> None:
        """Measure everything that waits."""
        with self._drain_lock:
            while self._queue:
                item = self._queue.popleft()
                with contained("meters"):
                    if isinstance(item, AgentRun):
                        self._measure_agent(item)
                    elif isinstance(item, CacheEvent):
                        self._measure_cache(item)
                    else:
                        self._measure_call(*item)

    def _errors(self, _options: CallbackOptions) -> Iterable[Observation]:
        """Our own failures; this is the first instrument that a reader collects, so it also drains the queue."""
        self.drain()
        return [
            Observation(count, {names.SPANLEDGER_COMPONENT: component, names.ERROR_TYPE: kind})
            for (component, kind), count in list(Contained.counts.items())
        ]

    def _app_info(self, _options: CallbackOptions) -> Iterable[Observation]:
        return [Observation(1, dict(self._info))]

    def _measure_call(self, facts: Facts, span: SpanContext) -> None:
        here = trace.set_span_in_context(trace.NonRecordingSpan(span), Context())
        standard: dict[str, Any] = {
            names.GEN_AI_OPERATION_NAME: facts.operation,
            names.GEN_AI_PROVIDER_NAME: facts.provider,
        }
        if facts.request_model:
            standard[names.GEN_AI_REQUEST_MODEL] = self._model(facts.request_model)
        if facts.response_model:
            standard[names.GEN_AI_RESPONSE_MODEL] = self._model(facts.response_model)
        ours = dict(standard)
        ours[names.SPANLEDGER_STAGE] = self._stage(facts.stage or "unattributed")
        ours[names.SPANLEDGER_TENANT_ID] = self._tenant(facts.tenant or "unattributed")
        if facts.server_address:
            standard[names.SERVER_ADDRESS] = facts.server_address
        if facts.server_port is not None:
            standard[names.SERVER_PORT] = facts.server_port
        self._measure_standard(facts, standard, here)
        self._measure_ours(facts, ours, here)

    def _measure_standard(self, facts: Facts, labels: dict[str, Any], here: Context) -> None:
        if facts.usage is not None:
            self._tokens.record(facts.usage.input, {**labels, names.GEN_AI_TOKEN_TYPE: "input"}, here)
            if facts.usage.output or facts.operation != "embeddings":
                self._tokens.record(facts.usage.output, {**labels, names.GEN_AI_TOKEN_TYPE: "output"}, here)
        if facts.first_chunk is not None:
            self._first_chunk.record(facts.first_chunk, labels, here)
        failed = {**labels, names.ERROR_TYPE: facts.error} if facts.error else labels
        self._duration.record(facts.duration, failed, here)

    def _measure_ours(self, facts: Facts, labels: dict[str, Any], here: Context) -> None:
        plain = tuple(labels.items())
        self._calls.add((*plain, (names.ERROR_TYPE, facts.error)) if facts.error else plain)
        if facts.cost is not None:
            self._cost.add(facts.cost / NANO, labels, here)
        if facts.unpriced:
            self._unpriced.add(plain)
        model = labels.get(names.GEN_AI_REQUEST_MODEL, OTHER)
        whose = ((names.GEN_AI_PROVIDER_NAME, facts.provider), (names.GEN_AI_REQUEST_MODEL, model))
        if facts.remaining_requests is not None:
            self._requests_left.put(whose, facts.remaining_requests)
        if facts.remaining_tokens is not None:
            self._tokens_left.put(whose, facts.remaining_tokens)

    def _measure_cache(self, event: CacheEvent) -> None:
        labels = (
            (names.SPANLEDGER_CACHE_LAYER, self._layer(event.layer)),
            (names.SPANLEDGER_CACHE_RESULT, result_of(event)),
            (names.SPANLEDGER_STAGE, self._stage(event.stage or "unattributed")),
            (names.SPANLEDGER_TENANT_ID, self._tenant(event.tenant or "unattributed")),
        )
        self._caches.add(labels)

    def _measure_agent(self, run: AgentRun) -> None:
        label = (names.GEN_AI_AGENT_NAME, self._stage(run.agent))
        labels = dict((label,))
        self._invocations.add((label,))
        self._by_status.add((label, (names.STATUS, run.status)))
        self._agent_tokens.add((label,), run.input + run.output)
        self._execution.record(run.duration, labels)
        self._prompt.record(run.input, labels)
        self._completion.record(run.output, labels)
