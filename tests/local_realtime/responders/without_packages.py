"""``python -m local_realtime`` where the packages are missing that `MISSING` names."""

import os
import sys

from local_realtime.cli import main


class Missing:
    """An entry of `sys.meta_path`.  Thread: any that imports."""

    def find_spec(self, name, path=None, target=None):
        if name.split(".")[0] in os.environ["MISSING"].split():
            raise ImportError("no speech here")


if __name__ == "__main__":
    sys.meta_path.insert(0, Missing())
    sys.exit(main(sys.argv[1:]))
