"""Ends a process that has used bpy."""

import os
import sys
import traceback


def run(main):
    """Run `main` and end with 0, or with 1 and a traceback; some versions of bpy crash or hang while they tear down."""
    status = 1
    try:
        main()
        status = 0
    except Exception:
        traceback.print_exc()
    sys.stdout.flush()
    sys.stderr.flush()
    os._exit(status)
