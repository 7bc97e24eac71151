"""An HTTP API that publishes one resource a day, landed as one file a day."""
