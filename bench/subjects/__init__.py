"""What is measured side by side: each module has the same rows under the same names."""
