"""`python -m plc_sim.load`: the load server on its own."""

import sys

from plc_sim.load.server import main

sys.exit(main())
