"""Images in archives and Parquet files."""
