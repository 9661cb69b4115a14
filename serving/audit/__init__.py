"""The audit chain: who changed what and who looked at what, in lines that show any tampering."""
