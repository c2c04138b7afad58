"""The kernels in Numba: the speed."""
