"""Conformance: recorded answers of providers, played to the real clients with and without spanledger.

    python -m conformance [--corpus DIR]

Every recorded call is made twice, as it was recorded: through the same client, sync or async, plain, parsed, raw or
streamed. What spanledger says of it is compared with what is known to be right, and what the app sees with what it saw
without spanledger. Without a corpus the hand-made set beside this file is played. See `docs/conformance.md`.
"""
