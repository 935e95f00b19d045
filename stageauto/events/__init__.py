"""What can come in: one file for each kind of event or group of them, which exports `EVENTS`."""
