"""Files to a workspace: text, positions, schema, model, with every fault told at once."""
