"""`python -m webbot`."""

import sys

from webbot.cli import main

sys.exit(main())
