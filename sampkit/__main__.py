"""``python -m sampkit``: the main job, see :mod:`sampkit.demo`."""

from __future__ import annotations

import sys

from sampkit.demo.__main__ import main

__all__ = ["main"]

if __name__ == "__main__":
    sys.exit(main())
