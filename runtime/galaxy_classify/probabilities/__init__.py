"""What is made of a model's probabilities: priors, class fractions, prediction sets, thresholds, coarse classes."""
