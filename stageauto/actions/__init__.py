"""What rules do: one file for each kind of action. Modules with a leading underscore hold what several kinds share."""
