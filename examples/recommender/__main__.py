"""`python examples/recommender` and, from `examples`, `python -m recommender`."""

import sys
from pathlib import Path

if not __package__:  # started as a folder: its parent is what must be on the path
    sys.path[0] = str(Path(__file__).resolve().parent.parent)

from recommender.cli import main

sys.exit(main())
