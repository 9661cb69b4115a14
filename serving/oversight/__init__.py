"""What people who answer for the service ask of it: its model, its data, and who looked."""
