"""The version of the package; the build takes it from here."""

# Asking the installed metadata for it would cost every start of the command a tenth of its time.
__version__ = "0.1.0"
