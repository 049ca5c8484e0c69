"""Download cutouts of sky positions from a survey's cutout service, politely, and framed as the models want them."""
