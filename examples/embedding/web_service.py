"""Classify uploaded images in a web server: a WSGI application.

::

    pip install galaxy-classify gunicorn
    gunicorn --preload --workers 4 web_service:application
    curl --data-binary @galaxy.jpg localhost:8000/galaxy.jpg
"""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import asdict
from typing import Any

from galaxy_classify import GalaxyClassifier

# With --preload the model is loaded once, before the server forks its workers. A small file may unpack to a huge image:
# limit the pixels.
classifier = GalaxyClassifier(threads=1, max_pixels=4096 * 4096)


def application(environ: dict[str, Any], start_response: Callable[..., object]) -> list[bytes]:
    """Respond with the row of the image in the request's body."""
    image = environ["wsgi.input"].read(int(environ.get("CONTENT_LENGTH") or 0))
    (row,) = classifier.classify([(environ["PATH_INFO"], image)])
    status = "422 Unprocessable Content" if row.status == "error" else "200 OK"
    start_response(status, [("Content-Type", "application/json")])
    return [json.dumps(asdict(row)).encode()]
