"""``python -m galaxy_classify`` is ``galaxy-classify``."""

from galaxy_classify.cli.main import main

main()
