"""Write the embeddings of a run's images: ``--embeddings``."""
