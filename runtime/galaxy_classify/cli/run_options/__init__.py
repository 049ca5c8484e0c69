"""Take options of a run from elsewhere: from an earlier result, or from the inputs themselves."""
