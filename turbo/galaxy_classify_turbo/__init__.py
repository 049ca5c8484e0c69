"""Decode the part of JPEGs that a galaxy classifier sees, and resize it exactly as Pillow does, in compiled code.

galaxy-classify uses this package where it is installed. It is no public interface: the two change together.
"""

from galaxy_classify_turbo._turbo import LIBJPEG_TURBO_VERSION, VERSION, decode, kernels, new_workspace

__all__ = ["LIBJPEG_TURBO_VERSION", "__version__", "decode", "kernels", "new_workspace"]
__version__ = VERSION
