"""What a version is worth: on its test rows, against others, and whether it is promoted."""
