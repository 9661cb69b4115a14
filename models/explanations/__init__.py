"""Why a score is as it is: reasons, incidents, movement, open questions, sensitivity."""
