"""Every attribute, event and metric name, once. Generated from the registry by `generate`; do not edit."""

from typing import Final

# Upstream's, of OpenTelemetry semantic conventions 1.41.1.
ERROR_TYPE: Final = "error.type"
GEN_AI_AGENT_NAME: Final = "gen_ai.agent.name"
GEN_AI_CONVERSATION_ID: Final = "gen_ai.conversation.id"
GEN_AI_DATA_SOURCE_ID: Final = "gen_ai.data_source.id"
GEN_AI_EMBEDDINGS_DIMENSION_COUNT: Final = "gen_ai.embeddings.dimension.count"
GEN_AI_INPUT_MESSAGES: Final = "gen_ai.input.messages"
GEN_AI_OPERATION_NAME: Final = "gen_ai.operation.name"
GEN_AI_OUTPUT_MESSAGES: Final = "gen_ai.output.messages"
GEN_AI_OUTPUT_TYPE: Final = "gen_ai.output.type"
GEN_AI_PROMPT_NAME: Final = "gen_ai.prompt.name"
GEN_AI_PROVIDER_NAME: Final = "gen_ai.provider.name"
GEN_AI_REQUEST_CHOICE_COUNT: Final = "gen_ai.request.choice.count"
GEN_AI_REQUEST_ENCODING_FORMATS: Final = "gen_ai.request.encoding_formats"
GEN_AI_REQUEST_FREQUENCY_PENALTY: Final = "gen_ai.request.frequency_penalty"
GEN_AI_REQUEST_MAX_TOKENS: Final = "gen_ai.request.max_tokens"
GEN_AI_REQUEST_MODEL: Final = "gen_ai.request.model"
GEN_AI_REQUEST_PRESENCE_PENALTY: Final = "gen_ai.request.presence_penalty"
GEN_AI_REQUEST_SEED: Final = "gen_ai.request.seed"
GEN_AI_REQUEST_STOP_SEQUENCES: Final = "gen_ai.request.stop_sequences"
GEN_AI_REQUEST_STREAM: Final = "gen_ai.request.stream"
GEN_AI_REQUEST_TEMPERATURE: Final = "gen_ai.request.temperature"
GEN_AI_REQUEST_TOP_P: Final = "gen_ai.request.top_p"
GEN_AI_RESPONSE_FINISH_REASONS: Final = "gen_ai.response.finish_reasons"
GEN_AI_RESPONSE_ID: Final = "gen_ai.response.id"
GEN_AI_RESPONSE_MODEL: Final = "gen_ai.response.model"
GEN_AI_RESPONSE_TIME_TO_FIRST_CHUNK: Final = "gen_ai.response.time_to_first_chunk"
GEN_AI_TOKEN_TYPE: Final = "gen_ai.token.type"
GEN_AI_TOOL_CALL_ID: Final = "gen_ai.tool.call.id"
GEN_AI_TOOL_DESCRIPTION: Final = "gen_ai.tool.description"
GEN_AI_TOOL_NAME: Final = "gen_ai.tool.name"
GEN_AI_TOOL_TYPE: Final = "gen_ai.tool.type"
GEN_AI_USAGE_CACHE_READ_INPUT_TOKENS: Final = "gen_ai.usage.cache_read.input_tokens"
GEN_AI_USAGE_INPUT_TOKENS: Final = "gen_ai.usage.input_tokens"
GEN_AI_USAGE_OUTPUT_TOKENS: Final = "gen_ai.usage.output_tokens"
GEN_AI_USAGE_REASONING_OUTPUT_TOKENS: Final = "gen_ai.usage.reasoning.output_tokens"
GEN_AI_WORKFLOW_NAME: Final = "gen_ai.workflow.name"
HTTP_RESPONSE_STATUS_CODE: Final = "http.response.status_code"
OPENAI_API_TYPE: Final = "openai.api.type"
OPENAI_REQUEST_SERVICE_TIER: Final = "openai.request.service_tier"
OPENAI_RESPONSE_SERVICE_TIER: Final = "openai.response.service_tier"
OPENAI_RESPONSE_SYSTEM_FINGERPRINT: Final = "openai.response.system_fingerprint"
SERVER_ADDRESS: Final = "server.address"
SERVER_PORT: Final = "server.port"
SERVICE_NAME: Final = "service.name"
SERVICE_VERSION: Final = "service.version"
SESSION_ID: Final = "session.id"
TELEMETRY_DISTRO_VERSION: Final = "telemetry.distro.version"
USER_ID: Final = "user.id"

# Ours.
SPANLEDGER_RUN_ID: Final = "spanledger.run.id"
SPANLEDGER_STAGE: Final = "spanledger.stage"
SPANLEDGER_TENANT_ID: Final = "spanledger.tenant.id"
SPANLEDGER_REQUEST_ID: Final = "spanledger.request.id"
SPANLEDGER_PROMPT_HASH: Final = "spanledger.prompt.hash"
SPANLEDGER_CALL_ID: Final = "spanledger.call.id"
SPANLEDGER_USAGE_ESTIMATED: Final = "spanledger.usage.estimated"
SPANLEDGER_USAGE_SUSPECT: Final = "spanledger.usage.suspect"
SPANLEDGER_PRICE_STATUS: Final = "spanledger.price.status"
SPANLEDGER_PRICE_STATUS_PRICED: Final = "priced"
SPANLEDGER_PRICE_STATUS_UNPRICED: Final = "unpriced"
SPANLEDGER_PRICE_VERSION: Final = "spanledger.price.version"
SPANLEDGER_COST_SUBTREE: Final = "spanledger.cost.subtree"
SPANLEDGER_OUTPUT_RATE: Final = "spanledger.output.rate"
SPANLEDGER_RESPONSE_SCHEMA_VALID: Final = "spanledger.response.schema_valid"
SPANLEDGER_RESPONSE_TOOL_CALLS: Final = "spanledger.response.tool_calls"
SPANLEDGER_ATTEMPT_NUMBER: Final = "spanledger.attempt.number"
SPANLEDGER_RATELIMIT_LIMIT_REQUESTS: Final = "spanledger.ratelimit.limit.requests"
SPANLEDGER_RATELIMIT_LIMIT_TOKENS: Final = "spanledger.ratelimit.limit.tokens"
SPANLEDGER_RATELIMIT_REMAINING_REQUESTS: Final = "spanledger.ratelimit.remaining.requests"
SPANLEDGER_RATELIMIT_REMAINING_TOKENS: Final = "spanledger.ratelimit.remaining.tokens"
SPANLEDGER_BUDGET_NAME: Final = "spanledger.budget.name"
SPANLEDGER_BUDGET_KIND: Final = "spanledger.budget.kind"
SPANLEDGER_BUDGET_KIND_EXHAUSTED: Final = "exhausted"
SPANLEDGER_BUDGET_KIND_TOO_LARGE: Final = "too_large"
SPANLEDGER_BUDGET_KIND_IN_FLIGHT: Final = "in_flight"
SPANLEDGER_BUDGET_KIND_INSUFFICIENT: Final = "insufficient"
SPANLEDGER_BUDGET_KIND_UNPRICED: Final = "unpriced"
SPANLEDGER_BUDGET_KIND_STORE_UNAVAILABLE: Final = "store_unavailable"
SPANLEDGER_BUDGET_KIND_MISCONFIGURED: Final = "misconfigured"
SPANLEDGER_COMPONENT: Final = "spanledger.component"
SPANLEDGER_NODE_NAME: Final = "spanledger.node.name"
STATUS: Final = "status"
STATUS_COMPLETED: Final = "completed"
STATUS_FAILED: Final = "failed"
STATUS_TIMEOUT: Final = "timeout"
GEN_AI_USAGE_CACHE_WRITE_INPUT_TOKENS: Final = "gen_ai.usage.cache_write.input_tokens"
GEN_AI_PROMPT_VERSION: Final = "gen_ai.prompt.version"
GEN_AI_USAGE_COST_AMOUNT: Final = "gen_ai.usage.cost.amount"
GEN_AI_USAGE_COST_CURRENCY: Final = "gen_ai.usage.cost.currency"
GEN_AI_USAGE_COST_SOURCE: Final = "gen_ai.usage.cost.source"
GEN_AI_USAGE_COST_SOURCE_PROVIDER: Final = "provider"
GEN_AI_USAGE_COST_SOURCE_LOCAL: Final = "local"

# Events.
EVENT_SPANLEDGER_ATTEMPT_FAILED: Final = "spanledger.attempt.failed"
EVENT_SPANLEDGER_BUDGET_HALT: Final = "spanledger.budget.halt"

# Metrics, each with its unit.
METRIC_SPANLEDGER_COST: Final = ("spanledger.cost", "USD", "Cost of calls whose price is known.")
METRIC_SPANLEDGER_CALLS: Final = ("spanledger.calls", "{call}", "Logical calls to models.")
METRIC_SPANLEDGER_UNPRICED_CALLS: Final = ("spanledger.unpriced_calls", "{call}", "Calls that used tokens whose price is not known.")
METRIC_SPANLEDGER_RATELIMIT_REMAINING_REQUESTS: Final = ("spanledger.ratelimit.remaining.requests", "{request}", "Requests left in the provider's window, as last told.")
METRIC_SPANLEDGER_RATELIMIT_REMAINING_TOKENS: Final = ("spanledger.ratelimit.remaining.tokens", "{token}", "Tokens left in the provider's window, as last told.")
METRIC_SPANLEDGER_ERRORS: Final = ("spanledger.errors", "{error}", "Failures of spanledger itself. The app never sees them.")
METRIC_AGENT_INVOCATIONS: Final = ("agent.invocations", "{invocation}", "Executions of agents and stages that have ended.")
METRIC_AGENT_INVOCATIONS_BY_STATUS: Final = ("agent.invocations_by_status", "{invocation}", "Executions of agents and stages, by how they ended.")
METRIC_AGENT_TOKENS: Final = ("agent.tokens", "{token}", "Tokens of the calls below an agent or stage, input and output together.")
METRIC_AGENT_EXECUTION_DURATION: Final = ("agent.execution.duration", "s", "How long an agent or stage ran.")
METRIC_AGENT_PROMPT_TOKENS: Final = ("agent.prompt_tokens", "{token}", "Input tokens of the calls below one execution of an agent or stage.")
METRIC_AGENT_COMPLETION_TOKENS: Final = ("agent.completion_tokens", "{token}", "Output tokens of the calls below one execution of an agent or stage.")
METRIC_AGENT_ACTIVE_EXECUTIONS: Final = ("agent.active_executions", "{execution}", "Agents and stages that are running now.")
METRIC_APP_INFO: Final = ("app.info", "{info}", "Always 1; its labels say what runs.")
