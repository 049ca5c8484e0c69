"""Find the class mix that ``--prior`` asks for; ``estimate`` takes it from a sample of the run's own inputs."""

from __future__ import annotations

import os
import sys
from collections.abc import Callable, Iterator, Mapping

from galaxy_classify.classifier import GalaxyClassifier
from galaxy_classify.cli.options import ESTIMATE, Options
from galaxy_classify.inputs.source import Source
from galaxy_classify.probabilities.prior import SMALLEST, PriorName, read_prior
from galaxy_classify.probabilities.run_mix import MOST_ROWS, ClassMix, Thinning
from galaxy_classify.results.output_file import OutputFile
from galaxy_classify.results.provenance import read_sidecar
from galaxy_classify.runs.shards import is_shard_folder, parse_shards
from galaxy_classify.text import printable


def named_prior(given: str | Mapping[str, float] | None) -> str | Mapping[str, float] | None:
    """Return the class mix of a value of ``--prior`` that is a name or a file; None for ``estimate``."""
    if given is None or given == ESTIMATE:
        return None
    if isinstance(given, Mapping):  # of --like
        return given
    return given if given in list(PriorName) else read_prior(given)


def continued_prior(options: Options) -> Mapping[str, float] | None:
    """Return the class mix of an interrupted run, if one is continued: its inputs may be others by now."""
    if not options.resume or options.output is None:
        return None
    contents = (read_sidecar(path) for path in _sidecars(options, options.output) if os.path.isfile(path))
    options_before = next((content["options"] for content in contents if content and "options" in content), None)
    prior = options_before.get("prior") if isinstance(options_before, dict) else None
    return prior if isinstance(prior, dict) else None


def _sidecars(options: Options, output: str) -> Iterator[str]:
    """Yield the sidecars that an earlier run may have left, of files or of a folder of them."""
    if options.dask is not None:
        from galaxy_classify.dask.part_folder import PartFolder

        yield PartFolder(output).sidecar
        return
    shards = None if options.shard is None else parse_shards(options.shard)
    files = [OutputFile(output)]
    if shards is not None and is_shard_folder(output, shards):
        from galaxy_classify.results.resume import Existing
        from galaxy_classify.runs.shard_folder import ShardFolder

        folder = ShardFolder(output, shards, Existing.RESUME)
        files = [folder.file(shard).output for shard in shards]
    for file in files:
        yield from (file.sidecar(file.partial), file.sidecar(file.path))


def estimated_prior(
    classifier: GalaxyClassifier,
    listing: Callable[[], Iterator[Source]],
    advance: Callable[[], None],
) -> tuple[ClassMix | None, Mapping[str, float] | str]:
    """Classify an even sample of the inputs, and return what is found and the class mix to use.

    The sample depends on the number of inputs alone, so all shards of them find the same class mix.
    """
    thinning = Thinning(MOST_ROWS)
    for _ in listing():
        thinning.choose()
    sample = (source for place, source in enumerate(listing()) if thinning.keeps(place))
    collector = classifier.mix_collector()
    for _, prediction in classifier.classify_sources(sample):
        collector.add(prediction)
        advance()
    mix = collector.estimate()
    if mix is None:
        return None, PriorName.TRAIN
    return mix, {name: max(fraction, SMALLEST) for name, fraction in mix.fractions.items()}


def tell_continued(prior: Mapping[str, float]) -> None:
    """Say on stderr that nothing was estimated anew, and what is used."""
    fractions = ", ".join(f"{printable(str(name))} {fraction}" for name, fraction in prior.items())
    print(f"--prior estimate: the class mix of the run that is continued is used: {fractions}", file=sys.stderr)


def tell_estimate(mix: ClassMix | None) -> None:
    """Say on stderr what was estimated, and how far to trust it."""
    if mix is None:
        print("--prior estimate: no galaxy could be classified, the class mix of the training is used", file=sys.stderr)
        return
    print(f"--prior estimate: {mix.summary()}, from {mix.galaxies:,} galaxies", file=sys.stderr)
    for note in mix.notes:
        print(f"warning: {note}", file=sys.stderr)
