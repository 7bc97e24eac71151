"""A table of a relational database, landed as the rows that changed."""
