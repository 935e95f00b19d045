"""The shell around the engine: clock, intake, decisions, deliveries and the loop."""
