"""The fraud detection handbook: its data delivered as sources, its protocol, its published results.

Le Borgne, Siblini, Lebichot, Bontempi: "Reproducible Machine Learning for Credit Card Fraud
Detection - Practical Handbook", Université Libre de Bruxelles, 2022.
"""
