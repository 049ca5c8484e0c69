"""Write a folder that is ready for a model hub: model card with a header, model files, golden images, config."""
