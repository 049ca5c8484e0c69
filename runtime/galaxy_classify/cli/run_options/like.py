"""Repeat the options of an earlier run, from the sidecar of its result: ``--like``."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import fields, replace
from typing import Any

from galaxy_classify.cli.declare import declared
from galaxy_classify.cli.options import Options, thresholds
from galaxy_classify.errors import UsageError
from galaxy_classify.inference.embedded import embedded_models
from galaxy_classify.probabilities.thresholds import OTHERS
from galaxy_classify.results.provenance import read_sidecar


def like_earlier(options: Options, sidecar: str) -> Options:
    """Return the options with those of an earlier run, where the user gives no others.

    What decides about the rows is repeated: model, crop, threshold, FITS and such. Which inputs, which of their shards,
    and how fast and where to classify is not.

    Raises
    ------
    UsageError
        If the file is no sidecar, or its model is not at hand.
    """
    content = read_sidecar(sidecar)
    if content is None:
        raise UsageError(
            f"--like {sidecar}: cannot be read as the sidecar of a result; name the file OUTPUT.meta.json beside it"
        )
    try:
        earlier = _options_of(content)
        if options.model is None:
            earlier["model"] = _embedded_model(content["model"], sidecar)
    except (KeyError, TypeError, AttributeError, ValueError):
        raise UsageError(f"--like {sidecar}: is not the sidecar of a result, or damaged") from None
    defaults = {field.name: field.default for field in fields(options)}
    return replace(
        options,
        **{name: value for name, value in earlier.items() if getattr(options, name) == defaults[name]},
    )


def _options_of(content: Mapping[str, Any]) -> dict[str, Any]:
    """Return the fields of `Options` that a sidecar has values of, as a command line would give them.

    Raises
    ------
    KeyError, TypeError, AttributeError, ValueError
        If it lacks some, or they are no such values.
    """
    found, fits = content["options"], content["options"]["fits"]
    words = {
        **{name: found[name] for name in ("top_k", "max_pixels", "image_column")},
        **{name: found.get(name) for name in ("min_familiarity", "sets")},
        "crop": content["preprocessing"]["crop_fraction"],
        "bands": None if fits["bands"] is None else ",".join(fits["bands"]),
        "fits_pattern": fits["pattern"],
        **{name: fits.get(name) for name in ("recipe", "hdu", "stretch", "q")},
    }
    values = {name: declared(Options, name).value_of(str(word)) for name, word in words.items() if word is not None}
    values |= {"exact": found["exact"] is True, "coarse": found.get("coarse") is True}
    values["threshold"] = thresholds(",".join(f"{name}={value}" for name, value in _by_class(found["threshold"])))
    if (prior := found.get("prior")) is not None:
        values["prior"] = {str(name): float(fraction) for name, fraction in prior.items()}
    return values


def _by_class(threshold: Any) -> Iterable[tuple[str, Any]]:
    return threshold.items() if isinstance(threshold, Mapping) else [(OTHERS, threshold)]


def _embedded_model(model: Mapping[str, Any], sidecar: str) -> str:
    """Return the name of the earlier run's model, if it is one that comes with the package, byte for byte."""
    name, sha256 = str(model["name"]), str(model["sha256"])
    embedded = embedded_models().get(name)
    if embedded is not None and embedded.sha256 == sha256:
        return name
    at_hand = "does not come with this package" if embedded is None else "is another one in this version of the package"
    raise UsageError(
        f"--like {sidecar}: was made with {name} {model.get('version', '')}, {name}@{sha256[:12]}, which {at_hand}; "
        "name its file, or another model, with --model"
    )
