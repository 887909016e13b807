"""`python -m spanledger`."""

from spanledger.cli import main

raise SystemExit(main())
