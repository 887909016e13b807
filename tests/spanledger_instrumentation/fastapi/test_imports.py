"""What an app does not import is not imported for it."""

from __future__ import annotations

import subprocess
import sys


def test_nothing_is_imported_that_the_app_does_not_import() -> None:
    code = """
import sys
from spanledger.call import Calls
from spanledger.config import Settings
from spanledger.lineage import Lineage
from spanledger.pricing import PriceBook
from spanledger_instrumentation.celery import CeleryAdapter
from spanledger_instrumentation.fastapi import FastAPIAdapter
from spanledger_instrumentation.threads import ThreadsAdapter
calls = Calls(Settings(), PriceBook(), Lineage())
for kind in (CeleryAdapter, FastAPIAdapter, ThreadsAdapter):
    kind(calls).install()
heavy = {"fastapi", "starlette", "celery", "kombu", "concurrent.futures.process", "multiprocessing.connection",
         "opentelemetry.instrumentation.fastapi", "opentelemetry.instrumentation.asgi", "opentelemetry.sdk.trace"}
print(sorted(heavy & set(sys.modules)))
import fastapi
print(sorted({"opentelemetry.instrumentation.fastapi", "celery"} & set(sys.modules)))
"""
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout == "[]\n[]\n"
