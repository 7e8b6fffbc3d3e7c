"""python -m spherelinks.cli"""

import sys

from spherelinks.cli.main import main

sys.exit(main())
