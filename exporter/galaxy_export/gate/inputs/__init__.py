"""What the gate compares models on: NPZ and HDF5 files, and folders of images."""
