"""Train galaxy classifiers with Keras: data set, recipe, fit, figures, run folder."""
