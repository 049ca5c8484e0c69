"""Read images from tar and zip archives and Parquet files."""
