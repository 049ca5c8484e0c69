"""Start ``galaxy-classify``, also as ``python -m galaxy_classify``."""

import sys


def main() -> None:
    """Import the command, which takes a moment, and run it; Ctrl-C in that moment ends quietly as well."""
    try:
        from galaxy_classify.cli.main import main as run
    except KeyboardInterrupt:
        sys.exit(130)  # EXIT_INTERRUPTED, which may not have been imported
    run()


if __name__ == "__main__":
    main()
