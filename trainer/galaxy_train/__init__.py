"""Train galaxy classifiers with Keras: data sets, networks, training, evaluation."""
