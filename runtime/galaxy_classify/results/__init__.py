"""Read and write results: columns, formats, safe files, resume and provenance."""
