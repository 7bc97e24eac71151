"""Samples: the rows of files, read exactly as the loader will read them, in a bounded number."""

from lakehouse.scaffolding.samples.sample import Broken, Sample, SampleFile, read_sample

__all__ = ["Broken", "Sample", "SampleFile", "read_sample"]
