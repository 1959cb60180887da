"""``python -m smoothop``: the same as the command ``smoothop``."""

import sys

from smoothop.cli.main import main

sys.exit(main())
