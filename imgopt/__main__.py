"""`python -m imgopt` is the command line; it needs neither server nor database nor settings."""

from __future__ import annotations

import sys

from imgopt.cli.main import main

if __name__ == "__main__":
    sys.exit(main())
