"""What every client of the API must get right, as plain data, and what records and plays it. See README.md."""
