"""The service: what the ledger and the budgets know, over HTTP. Its pages, its API, and the way in for telemetry.

`app.create` makes it of parts that are passed in. Who asks is settled in `access`, what about in `asked`, and what is
wrong is said as `problems` has it, so that a route has only its subject to care for.
"""
