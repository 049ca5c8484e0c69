"""One run: to a file, by shards, watching folders; and what looks on."""
