"""Find the inputs of a run: files, folders, lists, catalogues, archives and URLs."""
