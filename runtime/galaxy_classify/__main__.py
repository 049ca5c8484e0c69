"""Start ``galaxy-classify``, also as ``python -m galaxy_classify``."""

import gc
import sys


def main() -> None:
    """Import the command, which takes a moment, and run it; Ctrl-C in that moment ends quietly as well."""
    # Nearly all objects of a short run are those of imported modules, which are no garbage. To look for garbage among
    # them takes a tenth of such a run: not before all is imported (the command enables it then), nor at the very end.
    gc.disable()
    try:
        from galaxy_classify.cli.main import main as run
    except KeyboardInterrupt:
        sys.exit(130)  # EXIT_INTERRUPTED, which may not have been imported
    try:
        run()
    finally:
        gc.freeze()


if __name__ == "__main__":
    main()
