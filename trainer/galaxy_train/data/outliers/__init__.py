"""Images that a network shall not be sure of: drawn, made from galaxies, or the user's own."""
