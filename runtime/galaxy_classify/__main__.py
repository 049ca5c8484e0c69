"""``python -m galaxy_classify`` is ``galaxy-classify``."""

from galaxy_classify.cli import main

main()
