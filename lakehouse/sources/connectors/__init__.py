"""One connector a kind of source: it puts complete files into landing, and does nothing else."""
