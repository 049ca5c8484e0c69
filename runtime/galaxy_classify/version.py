"""The version of the package; the build takes it from here."""

# importlib.metadata would know it, but takes some 30 ms at every import of the package.
__version__ = "0.1.0"
