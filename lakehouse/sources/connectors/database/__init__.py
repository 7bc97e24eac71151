"""A table of a relational database, landed as its changed rows."""
