"""Read and write tables: CSV, Parquet, FITS, ECSV, VOTable."""
