"""One connector per kind of source: it only puts complete files into the landing zone."""
