"""Adapters: they turn the calls of client libraries into `spanledger.call.Call`s, and know no money and no SDK.

Each is found by the entry point group `spanledger_adapter` and installed by post-import hooks, so that a library that
the app does not import is not imported.
"""
