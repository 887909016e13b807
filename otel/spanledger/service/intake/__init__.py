"""The way in for telemetry: spans over OTLP/HTTP, from a collector or an app, become entries of the ledger.

    body ► messages ► spans ► entries ► one transaction for all requests that wait ► answer

An answer of 200 says that the entries are in the database. What cannot be taken now is refused so that its sender tries
again (429, 503); told twice, it counts once.
"""

from spanledger.service.intake.routes import desk, router

__all__ = ["desk", "router"]
