"""Tables on disk: CSV, Parquet, FITS, ECSV, VOTable."""
