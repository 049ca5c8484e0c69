"""The version of the package; the build takes it from here."""

# Asking the installed metadata for it would cost every program that imports the package some 30 ms.
__version__ = "0.1.0"
