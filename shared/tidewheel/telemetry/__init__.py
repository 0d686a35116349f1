"""What Tidewheel counts and logs, as tables: the metrics page, the alarms and a test read them."""
