"""The subcommand ``galaxy-classify fetch``, which nothing else of the command imports: it alone uses the network."""
