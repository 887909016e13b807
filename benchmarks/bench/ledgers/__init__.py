"""The call ledger with millions of calls in it: how it is filled, how long questions take, and taking in more."""

import sys

from bench.environments import ROOT

sys.path += [str(ROOT), str(ROOT / "examples"), str(ROOT / "deploy" / "native")]  # what tests use besides
