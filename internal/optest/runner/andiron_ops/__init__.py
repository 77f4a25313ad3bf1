"""What andiron ops test runs in Python."""
