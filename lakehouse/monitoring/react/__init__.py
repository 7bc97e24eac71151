"""Acting on findings: promotion, rollback, a request for a retrain."""
