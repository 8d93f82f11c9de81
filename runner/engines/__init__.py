"""Engines that bring calls to machines: dask.distributed, or any executor."""
