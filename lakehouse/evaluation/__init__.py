"""What predictions are worth: metrics, intervals, groups, pictures. Arrays in, figures out.

Nothing here trains, reads the lake or knows a model's declaration: those who do call it.
"""
