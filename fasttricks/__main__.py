"""`python -m fasttricks`, the same as `fasttricks`."""

import sys

from fasttricks.cli import main

sys.exit(main())
