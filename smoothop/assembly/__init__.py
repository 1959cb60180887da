"""Assembly: configuration and registry become an operator that is ready to start."""
